/** What a pod's rewritten probes were, and what happens to those that somebody wrote or damaged. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { originalProbeHeader, type Diagnostic, type Probe } from '../../model/index.js';
import { defaultSettings, injectPod, type JsonMap } from '../../webhook/index.js';
import { parsePod } from './pod.js';

function parse(spec: unknown): { probes: readonly Probe[]; warnings: readonly Diagnostic[] } {
  const metadata = { name: 'web-1', namespace: 'shop' };
  const result = parsePod({ apiVersion: 'v1', kind: 'Pod', metadata, spec });
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return { probes: result.value.pod.probes, warnings: result.value.warnings };
}

/** What is read of a pod after its injection. */
function afterInjection(spec: JsonMap): ReturnType<typeof parse> {
  const injected = injectPod({ metadata: { name: 'web-1' }, spec }, defaultSettings);
  if (!injected.ok) throw new Error(injected.error.join('; '));
  return parse(injected.value.pod['spec']);
}

/** A container whose liveness probe carries `original`. */
function rewritten(original: unknown, change: Readonly<Record<string, unknown>> = {}): unknown {
  const value = typeof original === 'string' ? original : JSON.stringify(original);
  const path = '/skerry/probe/app/livenessProbe';
  const httpHeaders = [{ name: originalProbeHeader, value }];
  return { name: 'app', livenessProbe: { httpGet: { path, port: 15021, httpHeaders, ...change } } };
}

const live = { port: 8080, probe: { httpGet: { path: '/live', port: 8080 } } };
const ports = [{ name: 'web', containerPort: 8080 }];

describe('what an injection rewrites is read as it was', () => {
  const base = { container: 'app', kind: 'readinessProbe', port: 8080 };
  const preset = { ...base, timeoutMs: 1000, periodMs: 10_000 };
  const http = { kind: 'http', scheme: 'http', path: '/', headers: [] };

  test.each<[string, JsonMap, object]>([
    ['HTTP', { httpGet: { path: '/up?a=1', port: 'web' } }, { ...http, path: '/up?a=1' }],
    ['HTTP without a path', { httpGet: { port: 8080 } }, http],
    [
      'HTTP with a relative path',
      { httpGet: { path: 'up', port: 8080 } },
      { ...http, path: '/up' },
    ],
    [
      'a path that must be escaped',
      { httpGet: { path: '/a b/ü?c=d#e', port: 8080 } },
      { ...http, path: '/a%20b/%C3%BC?c=d' },
    ],
    ['HTTPS', { httpGet: { scheme: 'HTTPS', port: 8080 } }, { ...http, scheme: 'https' }],
    [
      'HTTP with headers',
      {
        httpGet: {
          port: 8080,
          httpHeaders: [
            { name: 'Host', value: 'web.local' },
            { name: 'X-A', value: '1' },
            { name: 'X-A', value: '2' },
          ],
        },
      },
      {
        ...http,
        host: 'web.local',
        headers: [
          { name: 'X-A', value: '1' },
          { name: 'X-A', value: '2' },
        ],
      },
    ],
    [
      'headers that are the sidecar’s to write',
      {
        httpGet: {
          port: 8080,
          httpHeaders: [
            { name: 'Content-Length', value: '3' },
            { name: 'Transfer-Encoding', value: 'chunked' },
            { name: 'X-Forwarded-Client-Cert', value: 'URI=spiffe://cluster.local/ns/a/sa/admin' },
            { name: 'x-envoy-max-retries', value: '9' },
          ],
        },
      },
      http,
    ],
    ['TCP', { tcpSocket: { port: 'web' } }, { kind: 'tcp' }],
    ['gRPC', { grpc: { port: 8080, service: 'a.B' } }, { kind: 'grpc', service: 'a.B' }],
    ['gRPC without a service', { grpc: { port: 8080 } }, { kind: 'grpc', service: '' }],
  ])('%s', (_, readinessProbe, check) => {
    const containers = [{ name: 'app', ports, readinessProbe }];
    expect(afterInjection({ containers })).toEqual({
      probes: [{ ...preset, check }],
      warnings: [],
    });
  });

  test('with its times', () => {
    const readinessProbe = { tcpSocket: { port: 8080 }, periodSeconds: 3, timeoutSeconds: 2 };
    const { probes } = afterInjection({ containers: [{ name: 'app', readinessProbe }] });
    expect(probes).toMatchObject([{ timeoutMs: 2000, periodMs: 3000 }]);
  });

  test('of every container and native sidecar, whichever probes they have', () => {
    const tcpSocket = { tcpSocket: { port: 9000 } };
    const { probes } = afterInjection({
      initContainers: [{ name: 'helper', restartPolicy: 'Always', startupProbe: tcpSocket }],
      containers: [
        { name: 'app', livenessProbe: tcpSocket, readinessProbe: { exec: { command: ['x'] } } },
        { name: 'other', startupProbe: tcpSocket },
      ],
    });
    expect(probes.map(({ container, kind }) => [container, kind])).toEqual([
      ['helper', 'startupProbe'],
      ['app', 'livenessProbe'],
      ['other', 'startupProbe'],
    ]);
  });
});

test('probes that nobody rewrote are not the sidecar’s to answer', () => {
  const httpGet = { path: '/skerry/probe/app/livenessProbe', port: 15021 };
  expect(parse({ containers: [{ name: 'app', livenessProbe: { httpGet } }] })).toEqual({
    probes: [],
    warnings: [],
  });
});

const value = 'spec.containers[0].livenessProbe.httpGet.httpHeaders[0].value';

test.each<[string, unknown, string]>([
  ['no JSON', rewritten('{'), value],
  ['no object', rewritten('[]'), value],
  ['nothing', rewritten('null'), value],
  ['no port', rewritten({ probe: live.probe }), `${value}.port`],
  ['a port that is none', rewritten({ ...live, port: 70_000 }), `${value}.port`],
  ['a port by name', rewritten({ ...live, port: 'web' }), `${value}.port`],
  ['no probe', rewritten({ port: 8080 }), `${value}.probe`],
  ['nothing to ask', rewritten({ port: 8080, probe: { exec: {} } }), `${value}.probe`],
  [
    'a period that is none',
    rewritten({ port: 8080, probe: { ...live.probe, periodSeconds: -1 } }),
    `${value}.probe.periodSeconds`,
  ],
  [
    'a time without end',
    rewritten('{"port":1,"probe":{"tcpSocket":{},"timeoutSeconds":1e99}}'),
    `${value}.probe.timeoutSeconds`,
  ],
  [
    'a header name that ends a line',
    rewritten({ port: 1, probe: { httpGet: { httpHeaders: [{ name: 'a\r\nb', value: '' }] } } }),
    `${value}.probe.httpGet.httpHeaders[0].name`,
  ],
  [
    'a header that would replace the path',
    rewritten({ port: 1, probe: { httpGet: { httpHeaders: [{ name: ':path', value: '/x' }] } } }),
    `${value}.probe.httpGet.httpHeaders[0].name`,
  ],
  [
    'a header value that ends a line',
    rewritten({ port: 1, probe: { httpGet: { httpHeaders: [{ name: 'a', value: '\r\nb: c' }] } } }),
    `${value}.probe.httpGet.httpHeaders[0].value`,
  ],
  [
    'the path of another probe',
    rewritten(live, { path: '/skerry/probe/app/readinessProbe' }),
    'spec.containers[0].livenessProbe.httpGet.path',
  ],
  [
    'the path of the sidecar’s own readiness',
    rewritten(live, { path: '/ready' }),
    'spec.containers[0].livenessProbe.httpGet.path',
  ],
])('an original with %s is a warning, and its pod is read', (_, container, field) => {
  const { probes, warnings } = parse({ containers: [container] });
  expect(probes).toEqual([]);
  expect(warnings.map((one) => [one.severity, one.code, one.field])).toEqual([
    ['warning', 'Invalid', field],
  ]);
});

test('one damaged probe does not hold back another', () => {
  const other = { ...(rewritten(live) as object), livenessProbe: undefined };
  const good = {
    ...other,
    name: 'good',
    startupProbe: {
      httpGet: {
        path: '/skerry/probe/good/startupProbe',
        port: 15021,
        httpHeaders: [{ name: originalProbeHeader, value: JSON.stringify(live) }],
      },
    },
  };
  const { probes, warnings } = parse({ containers: [rewritten('{'), good] });
  expect(probes.map(({ container }) => container)).toEqual(['good']);
  expect(warnings).toHaveLength(1);
});

test('whatever the header holds, the pod is read, and what is read can be spelled', () => {
  const text = fc.oneof(
    fc.json(),
    fc.record({ port: fc.jsonValue(), probe: fc.jsonValue() }).map((each) => JSON.stringify(each)),
    fc
      .record({
        path: fc.string(),
        httpHeaders: fc.array(fc.record({ name: fc.string(), value: fc.string() })),
      })
      .map((httpGet) => JSON.stringify({ port: 80, probe: { httpGet } })),
  );
  fc.assert(
    fc.property(text, (original) => {
      const { probes, warnings } = parse({ containers: [rewritten(original)] });
      expect(probes.length + Math.min(warnings.length, 1)).toBe(1);
      for (const { check } of probes) {
        if (check.kind !== 'http') continue;
        expect(check.path).toMatch(/^\/[!-~]*$/);
        for (const { name, value: sent } of check.headers)
          expect(`${name}:${sent}`).not.toMatch(/[\0\r\n]/);
      }
    }),
  );
});
