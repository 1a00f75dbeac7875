/** Injection and decision, beyond what the goldens show. */
import { describe, expect, test } from '@jest/globals';
import { originalProbeHeader, probeKinds } from '../model/index.js';
import { decide, type DecisionInput } from './decide.js';
import { injectPod } from './inject.js';
import { isMap, mapAt, mapsOf, ownValue, textOf, type JsonMap } from './json.js';
import { defaultSettings as settings, injectedNames } from './settings.js';

const probe = { httpGet: { path: '/ready', port: 8080 } };
const app: JsonMap = { name: 'app', image: 'web:1', readinessProbe: probe };
const pod: JsonMap = { metadata: { name: 'web' }, spec: { containers: [app] } };

function inject(from: JsonMap): JsonMap {
  const injected = injectPod(from, settings);
  if (!injected.ok) throw new Error(injected.error.join('; '));
  return injected.value.pod;
}

function change(from: JsonMap, spec: JsonMap): JsonMap {
  return { ...from, spec: { ...mapAt(from, 'spec'), ...spec } };
}

/** What the first probe of a container says that it was. */
function originalOf(container: JsonMap): unknown {
  const kind = probeKinds.find((each) => isMap(ownValue(container, each))) ?? 'livenessProbe';
  const [header] = mapsOf(mapAt(container, kind, 'httpGet')['httpHeaders']);
  expect(textOf(header ?? {}, 'name')).toBe(originalProbeHeader);
  return JSON.parse(textOf(header ?? {}, 'value') ?? '');
}

function names(from: JsonMap, list: string): readonly (string | undefined)[] {
  return mapsOf(mapAt(from, 'spec')[list]).map((each) => textOf(each, 'name'));
}

describe('a pod that other webhooks changed after us', () => {
  test('has the probes of a container that came later rewritten too', () => {
    const once = inject(pod);
    const containers = mapsOf(mapAt(once, 'spec')['containers']);
    const late = { name: 'late', image: 'late:1', livenessProbe: { tcpSocket: { port: 9000 } } };
    const again = inject(change(once, { containers: [...containers, late] }));
    expect(mapsOf(mapAt(again, 'spec')['containers'])[1]).toMatchObject({
      livenessProbe: { httpGet: { path: '/skerry/probe/late/livenessProbe', port: 15021 } },
    });
    const originals = mapsOf(mapAt(again, 'spec')['containers']).map(originalOf);
    expect(originals).toEqual([
      { port: 8080, probe },
      { port: 9000, probe: late.livenessProbe },
    ]);
  });

  test('has our init containers first again', () => {
    const once = inject(pod);
    const initContainers = [
      { name: 'vault', image: 'vault:1' },
      ...mapsOf(mapAt(once, 'spec')['initContainers']),
    ];
    expect(names(inject(change(once, { initContainers })), 'initContainers')).toEqual([
      injectedNames.redirect,
      injectedNames.identity,
      injectedNames.proxy,
      'vault',
    ]);
  });

  test('is decided to be completed, not to be left alone', () => {
    expect(decide({ pod: inject(pod), namespace: 'shop', settings })).toEqual({ kind: 'inject' });
  });

  test('keeps a probe that cannot be restored because somebody damaged it', () => {
    const httpGet = {
      path: '/skerry/probe/app/readinessProbe',
      port: 15021,
      httpHeaders: [{ name: originalProbeHeader, value: '{' }],
    };
    const damaged = [{ ...app, readinessProbe: { httpGet } }];
    const again = inject(change(inject(pod), { containers: damaged }));
    expect(mapAt(again, 'spec')['containers']).toMatchObject(damaged);
  });
});

test('the kubelet waits before it tells an app, unless the app has a hook of its own', () => {
  const start = { postStart: { exec: { command: ['x'] } } };
  const own = { preStop: { exec: { command: ['drain'] } } };
  const containers = [
    { name: 'a' },
    { name: 'b', lifecycle: start },
    { name: 'c', lifecycle: own },
  ];
  const initContainers = [{ name: 'helper', restartPolicy: 'Always' }];
  const spec = mapAt(inject(change(pod, { containers, initContainers })), 'spec');
  const hook = { preStop: { httpGet: { path: '/skerry/linger', port: 15021, scheme: 'HTTP' } } };
  expect(mapsOf(spec['containers'])).toEqual([
    { name: 'a', lifecycle: hook },
    { name: 'b', lifecycle: { ...start, ...hook } },
    { name: 'c', lifecycle: own },
  ]);
  expect(mapsOf(spec['initContainers']).at(-1)).toEqual(initContainers[0]);
});

test('an original that the user wrote is not believed', () => {
  const value = JSON.stringify({ port: 1, probe: { exec: { command: ['/bin/true'] } } });
  const httpGet = {
    path: '/skerry/probe/app/readinessProbe',
    port: 8080,
    httpHeaders: [{ name: originalProbeHeader, value }],
  };
  const forged = { ...app, readinessProbe: { httpGet } };
  const [container] = mapsOf(
    mapAt(inject(change(pod, { containers: [forged] })), 'spec')['containers'],
  );
  expect(originalOf(container ?? {})).toEqual({ port: 8080, probe: { httpGet } });
});

test('an original fits into a header, whatever its text', () => {
  const odd = { httpGet: { path: '/ü€😀\n', port: 8080 } };
  const [container] = mapsOf(
    mapAt(inject(change(pod, { containers: [{ ...app, readinessProbe: odd }] })), 'spec')[
      'containers'
    ],
  );
  const [header] = mapsOf(mapAt(container ?? {}, 'readinessProbe', 'httpGet')['httpHeaders']);
  expect(textOf(header ?? {}, 'value')).toMatch(/^[ -~]+$/);
  expect(originalOf(container ?? {})).toEqual({ port: 8080, probe: odd });
});

test.each([15001, 15006, 15021, 15090])(
  'a probe of the sidecar’s port %i stays as it is',
  (port) => {
    const tcpSocket = { tcpSocket: { port: 'mine' } };
    const own = {
      ...app,
      ports: [{ name: 'mine', containerPort: port }],
      readinessProbe: tcpSocket,
    };
    const [container] = mapsOf(
      mapAt(inject(change(pod, { containers: [own] })), 'spec')['containers'],
    );
    expect(container).toMatchObject(own);
  },
);

test.each([
  ['container', { initContainers: [{ name: 'skerry-redirect', image: 'mine:1' }] }],
  ['volume', { volumes: [{ name: 'skerry-token', emptyDir: {} }] }],
  [
    'mount of the volume',
    { containers: [{ ...app, volumeMounts: [{ name: 'skerry-sidecar', mountPath: '/x' }] }] },
  ],
])('a %s of the user’s with one of our names is refused', (what, spec) => {
  const injected = injectPod(change(pod, spec), settings);
  expect(injected).toMatchObject({
    ok: false,
    error: [expect.stringContaining(`expected no ${what} named skerry-`)],
  });
});

test('a container that came later and mounts the sidecar’s key is refused', () => {
  const once = inject(pod);
  const thief = { name: 'late', volumeMounts: [{ name: 'skerry-sidecar', mountPath: '/x' }] };
  expect(injectPod(change(once, { containers: [app, thief] }), settings)).toMatchObject({
    ok: false,
  });
});

test('only the redirection has capabilities, and only two', () => {
  const found = mapsOf(mapAt(inject(pod), 'spec')['initContainers']).map((each) => [
    textOf(each, 'name'),
    mapAt(each, 'securityContext', 'capabilities')['add'],
  ]);
  expect(found).toEqual([
    ['skerry-redirect', ['NET_ADMIN', 'NET_RAW']],
    ['skerry-identity', undefined],
    ['skerry-proxy', undefined],
  ]);
});

test('a pod that the node’s CNI plugin redirects asks for nothing that PodSecurity restricts', () => {
  const injected = injectPod(pod, { ...settings, redirection: 'cni' });
  if (!injected.ok) throw new Error(injected.error.join('; '));
  const spec = mapAt(injected.value.pod, 'spec');
  const found = mapsOf(spec['initContainers']);
  expect(found.map((each) => textOf(each, 'name'))).toEqual([
    injectedNames.verify,
    injectedNames.identity,
    injectedNames.proxy,
  ]);
  // https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
  for (const each of found) {
    const context = mapAt(each, 'securityContext');
    expect(context).toMatchObject({
      runAsNonRoot: true,
      privileged: false,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(context['runAsUser']).toBeGreaterThan(0);
    expect(mapAt(context, 'capabilities')).not.toHaveProperty('add');
  }
  // The verifier is not the sidecar, whose connections pass.
  expect(mapAt(found[0] ?? {}, 'securityContext')['runAsUser']).not.toBe(1774);
  const kinds = mapsOf(spec['volumes']).map((each) => Object.keys(each).sort());
  expect(kinds).toEqual([
    ['emptyDir', 'name'],
    ['name', 'projected'],
    ['configMap', 'name'],
  ]);
});

test('the sidecar starts with the uid that the redirection lets pass', () => {
  for (const each of mapsOf(mapAt(inject(pod), 'spec')['initContainers']).slice(1)) {
    expect(mapAt(each, 'securityContext')).toMatchObject({ runAsUser: 1774, runAsGroup: 1774 });
  }
});

describe('enrolment', () => {
  const about = (change: Partial<DecisionInput>): string =>
    decide({ pod, namespace: 'shop', settings, ...change }).kind;

  test.each([
    [
      'a namespace with the label',
      { namespaceLabels: { 'skerry.dev/inject': 'enabled' } },
      'inject',
    ],
    ['a namespace that the API server chose', {}, 'inject'],
    ['a namespace without the label', { namespaceLabels: {} }, 'skip'],
    ['a namespace labelled otherwise', { namespaceLabels: { 'skerry.dev/inject': 'no' } }, 'skip'],
    ['a Windows pod', { pod: change(pod, { os: { name: 'windows' } }) }, 'skip'],
  ])('%s', (_, input, expected) => {
    expect(about(input)).toBe(expected);
  });

  test('an id of the pod’s that every container replaces is no clash', () => {
    const containers = [{ ...app, securityContext: { runAsUser: 1000 } }];
    const replaced = change(pod, { securityContext: { runAsUser: 1774 }, containers });
    expect(about({ pod: replaced })).toBe('inject');
  });
});
