/** Outbound routes, clusters and endpoints under real calls, and every output loaded by Envoy. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createTls } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode, typeUrls, type RouteConfiguration } from '../../envoy/index.js';
import { formatClusterName, type EndpointIr, type RouteIr } from '../../ir/index.js';
import type { PathChange, SpiffeId } from '../../model/index.js';
import {
  spellCluster,
  spellEndpoints,
  spellFixedClusters,
  spellInbound,
  spellOutboundListener,
  spellOutboundRoutes,
  spellReadiness,
  spellVirtualHost,
} from './spell.js';
import { makeAuthority, type Authority } from './testing/certificates.js';
import { dial, echoHttp, receive, request, startApp, type App } from './testing/clients.js';
import {
  envoyBinary,
  startEnvoy,
  validate,
  type EnvoyResources,
  type RealEnvoy,
} from './testing/real-envoy.js';
import {
  caller,
  callerFrom,
  clusterOf,
  forwardTo,
  idOf,
  inboundOf,
  inboundPortOf,
  noRetry,
  onlyAllow,
  egressOf,
  outboundOf,
  routeOf,
  rule,
  settings,
  virtualHostOf,
} from './testing/samples.js';

let folder: string;
let authority: Authority;
let envoy: RealEnvoy | undefined;
const apps: App[] = [];

/** The app answers with what it got. */
const policyPort = 1001;
const meshPort = 1002;
const priorityPort = 1003;
const drainingPort = 1004;
const strangerPort = 1005;
const nobodyPort = 1006;
const bannerPort = 1007;
const lostPort = 1008;

const retry = { ...noRetry, attempts: 2, on: ['connect-failure' as const] };
const nameOf = (wire: 'http' | 'tcp', port: number): string =>
  formatClusterName({ kind: 'address', wire, ip: '127.0.0.1', port });

function routesTo(app: string): RouteIr[] {
  const prefix = (from: string, to: PathChange, name: string): RouteIr =>
    routeOf(forwardTo(app, { rewritePath: to }), {
      name,
      match: {
        path: { type: 'PathPrefix', value: from },
        headers: [{ name: 'case', type: 'Exact', value: name }],
        queryParams: [],
      },
    });
  const when = (value: string): RouteIr['match'] => ({
    headers: [{ name: 'case', type: 'Exact', value }],
    queryParams: [],
  });
  return [
    prefix('/a', { kind: 'prefix', value: '/b' }, 'a to b'),
    prefix('/a/', { kind: 'prefix', value: '/b/' }, 'a to b, slashes'),
    prefix('/a', { kind: 'prefix', value: '/' }, 'a to nothing'),
    prefix('/a.b', { kind: 'prefix', value: '/' }, 'dot to nothing'),
    prefix('/', { kind: 'prefix', value: '/v1' }, 'root to v1'),
    prefix('/', { kind: 'prefix', value: '/' }, 'root to root'),
    prefix('/a', { kind: 'replace', value: '/x\\1y' }, 'replaced'),
    routeOf(forwardTo(app, { rewriteHost: 'other.host' }), {
      match: when('headers'),
      requestHeaders: {
        set: { 'x-set': '100%DURATION%' },
        add: { 'x-add': 'b' },
        remove: ['x-gone'],
      },
      responseHeaders: { set: { 'x-answer': '%' }, add: {}, remove: ['x-app'] },
    }),
    routeOf(
      { kind: 'redirect', path: { kind: 'prefix', value: '/' }, scheme: 'https', statusCode: 307 },
      { match: { ...when('redirect'), path: { type: 'PathPrefix', value: '/old' } } },
    ),
    routeOf({ kind: 'respond', status: 404, body: 'no route' }),
  ];
}

function endpoint(port: number, parts: Partial<EndpointIr> = {}): EndpointIr {
  return { ip: '127.0.0.1', port, health: 'healthy', isInMesh: false, ...parts };
}

function resourcesOf(
  endpoints: readonly { port: number; wire?: 'http' | 'tcp'; ids?: string[]; to: EndpointIr[] }[],
  routes: readonly RouteIr[],
): EnvoyResources {
  const outbound = outboundOf({ opaquePorts: [bannerPort], meshCidrs: ['127.0.0.0/8'] });
  const table = spellOutboundRoutes({
    route: routeOf({ kind: 'forward', clusters: [], retry }),
  });
  const policy = spellVirtualHost(virtualHostOf(`127.0.0.1:${String(policyPort)}`, routes));
  const whole: RouteConfiguration = {
    ...table,
    virtual_hosts: [...(table.virtual_hosts ?? []), policy],
  };
  return {
    listeners: [spellOutboundListener(outbound, settings)],
    clusters: [
      ...spellFixedClusters(),
      ...endpoints.map(({ port, wire = 'http', ids = [] }) =>
        spellCluster(clusterOf({ name: nameOf(wire, port), wire, spiffeIds: ids as SpiffeId[] })),
      ),
    ],
    routes: [whole],
    endpoints: endpoints.map(({ port, wire = 'http', to }) =>
      spellEndpoints({
        cluster: nameOf(wire, port),
        groups: [
          {
            says: '',
            localities: to.map((one, index) => ({ zone: `z${String(index)}`, endpoints: [one] })),
          },
        ],
        origins: [],
      }),
    ),
    certificate: authority.issue('client', idOf('client')),
    rootPem: authority.root.cert,
  };
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skerry-outbound-'));
  authority = makeAuthority(folder, 'mesh');
});

afterAll(async () => {
  await envoy?.stop();
  for (const one of apps) one.close();
  rmSync(folder, { recursive: true, force: true });
});

async function answering(name: string): Promise<App> {
  const one = await startApp((socket) => {
    socket.on('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${String(name.length)}\r\n\r\n${name}`);
    });
  });
  apps.push(one);
  return one;
}

describe('outbound on a real Envoy', () => {
  let envoyPort: number;
  let alpnSeen: string[];

  beforeAll(async () => {
    const echo = await startApp(echoHttp);
    const [healthy, draining] = [await answering('healthy'), await answering('draining')];
    const banner = await startApp((socket) => socket.write('ready\n'));
    apps.push(echo, banner);
    alpnSeen = [];
    const server = authority.issue('server', idOf('server'));
    const secure = createTls(
      {
        ...{ cert: server.cert, key: server.key, ca: authority.root.cert, requestCert: true },
        ALPNCallback: ({ protocols }) => {
          alpnSeen.push(...protocols);
          return protocols[0];
        },
      },
      (socket) => {
        socket.on('error', () => undefined);
        echoHttp(socket);
      },
    );
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    apps.push({ ...echo, close: () => secure.close() });
    const meshed = endpoint((secure.address() as AddressInfo).port, { isInMesh: true });
    envoy = await startEnvoy(
      envoyBinary(),
      join(folder, 'envoy'),
      resourcesOf(
        [
          { port: 1000, to: [endpoint(echo.port)] },
          { port: meshPort, ids: [idOf('other'), idOf('server')], to: [meshed] },
          { port: strangerPort, ids: [idOf('other')], to: [meshed] },
          { port: nobodyPort, ids: [], to: [meshed] },
          {
            port: priorityPort,
            to: [endpoint(draining.port, { health: 'draining' }), endpoint(healthy.port)],
          },
          { port: drainingPort, to: [endpoint(draining.port, { health: 'draining' })] },
          { port: bannerPort, wire: 'tcp', to: [endpoint(banner.port)] },
        ],
        routesTo(nameOf('http', 1000)),
      ),
    );
    envoyPort = envoy.port('outbound');
  });

  async function call(
    port: number,
    path = '/',
    headers: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const socket = await dial({ envoyPort, port });
    const answer = await request(socket, path, headers);
    socket.destroy();
    return answer;
  }

  test.each([
    ['a to b', '/a', '/b'],
    ['a to b', '/a/', '/b/'],
    ['a to b', '/a/c?q=1', '/b/c?q=1'],
    ['a to b', '/ac', undefined],
    ['a to b, slashes', '/a', '/b'],
    ['a to b, slashes', '/a/c', '/b/c'],
    ['a to nothing', '/a', '/'],
    ['a to nothing', '/a/', '/'],
    ['a to nothing', '/a/b/c?q=/a', '/b/c?q=/a'],
    ['dot to nothing', '/a.b/c', '/c'],
    ['dot to nothing', '/axb/c', undefined],
    ['root to v1', '/', '/v1/'],
    ['root to v1', '/a', '/v1/a'],
    ['root to root', '/a', '/a'],
    ['replaced', '/a/b?q=1', '/x\\1y?q=1'],
  ])('rewrite %s: %s becomes %s', async (name, path, seen) => {
    const answer = await call(policyPort, path, { case: name });
    if (seen === undefined) expect(answer).toContain('no route');
    else expect(answer).toContain(`GET ${seen} HTTP/1.1`);
  });

  test('headers are changed as written, percent signs included', async () => {
    const answer = await call(policyPort, '/', { case: 'headers', 'x-gone': '1', 'x-add': 'a' });
    expect(answer).toMatch(/x-answer: %\r\n/);
    expect(answer).toMatch(/host: other\.host\r\n/);
    expect(answer).toMatch(/x-set: 100%DURATION%/);
    expect(answer).toMatch(/x-add: a\r\n(?:.*\r\n)*x-add: b/);
    expect(answer).not.toContain('x-gone');
  });

  test('a redirect answers with the new place and keeps the query', async () => {
    const answer = await call(policyPort, '/old/page?q=1', { case: 'redirect' });
    expect(answer).toContain('HTTP/1.1 307');
    expect(answer).toContain('location: https://app/page?q=1\r\n');
  });

  test('a request without policy goes to the address that was called, whatever it claims', async () => {
    const answer = await call(1000, '/x', {
      'x-skerry-dst': nameOf('http', priorityPort),
      'x-envoy-upstream-rq-timeout-ms': '1',
      'x-forwarded-client-cert': 'URI=forged',
      host: 'elsewhere',
    });
    expect(answer).toContain('GET /x HTTP/1.1');
    expect(answer).toContain('host: elsewhere');
    expect(answer).not.toMatch(/x-skerry|x-envoy|forged/);
  });

  test('a cluster that does not exist is answered 503, and the log says so', async () => {
    expect(await call(lostPort, '/lost')).toContain('HTTP/1.1 503');
    const lines = await envoy?.accessLog(({ path }) => path === '/lost');
    expect(lines?.[0]).toMatchObject({ flags: 'NC', direction: 'outbound' });
  });

  test('an endpoint in the mesh is called by mesh TLS with the ALPN of its wire', async () => {
    expect(await call(meshPort, '/secure')).toContain('GET /secure HTTP/1.1');
    expect(alpnSeen).toEqual(['skerry-http']);
  });

  test('a server with another identity is refused', async () => {
    expect(await call(strangerPort, '/stranger')).toContain('HTTP/1.1 503');
    const lines = await envoy?.accessLog(({ path }) => path === '/stranger');
    expect(lines?.[0]?.['upstream_failure']).toContain('SAN_matcher');
  });

  test('where no identity may answer, nobody does', async () => {
    expect(await call(nobodyPort, '/nobody')).toContain('HTTP/1.1 503');
    const lines = await envoy?.accessLog(({ path }) => path === '/nobody');
    expect(lines?.[0]?.['upstream_failure']).toContain('SAN_matcher');
  });

  test('a draining endpoint is left alone while another is healthy', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => call(priorityPort)));
    expect(answers.filter((answer) => answer.endsWith('healthy'))).toHaveLength(20);
  });

  test('a draining endpoint serves when nothing else is left', async () => {
    expect(await call(drainingPort)).toMatch(/draining$/);
  });

  test('a server that speaks first on an opaque port is heard at once', async () => {
    const socket = await dial({ envoyPort, port: bannerPort });
    const startedAt = Date.now();
    const { text } = await receive(socket, (got) => got.includes('\n'));
    socket.destroy();
    expect(text).toBe('ready\n');
    expect(Date.now() - startedAt).toBeLessThan(4000);
  });
});

describe('every output', () => {
  const identities = onlyAllow(rule('shop/p/a', { from: [caller('a'), callerFrom('10.0.0.0/8')] }));
  const inbound = inboundOf([
    ...(['http', 'tcp', 'sniff'] as const).flatMap((protocol, index) =>
      (['Strict', 'Permissive', 'Disabled'] as const).map((mtls, offset) =>
        inboundPortOf({
          ...{
            port: 8000 + 10 * index + offset,
            protocol,
            mtls,
            http: identities,
            tcp: identities,
          },
          shadow: { http: onlyAllow(), tcp: onlyAllow() },
        }),
      ),
    ),
    inboundPortOf({ protocol: 'sniff', mtls: 'Permissive' }),
  ]);
  const outbounds = [
    outboundOf({
      layout: 'on-demand',
      egress: egressOf({ mode: 'KnownOnly' }),
      meshCidrs: ['10.0.0.0/8', 'fd00::/8'],
    }),
    outboundOf({
      opaquePorts: [3306, 3307, 5432],
      meshCidrs: ['10.0.0.0/8', 'fd00::/8'],
      httpOnOpaquePorts: [{ port: 3306, ips: ['10.0.0.1', 'fd00::1'] }],
    }),
    outboundOf({ opaquePorts: [3306], httpOnOpaquePorts: [{ port: 3306, ips: ['10.0.0.1'] }] }),
  ];
  const clusters = [
    ...spellFixedClusters(),
    ...(['http', 'tcp'] as const).flatMap((wire) =>
      [
        { kind: 'endpoints' as const },
        { kind: 'passthrough' as const },
        { kind: 'refuse' as const },
        { kind: 'dns' as const, hostname: 'example.test', port: 443 },
      ].map((kind) => spellCluster(clusterOf({ name: `${wire}-${kind.kind}`, wire, kind }))),
    ),
  ];

  test.each(['Off', 'Errors', 'All'] as const)(
    'loads in Envoy and encodes without a word too many (access log %s)',
    (accessLog) => {
      const spelled = { ...settings, accessLog };
      const { listener, routes } = spellInbound(inbound, spelled);
      const policy = resourcesOf([{ port: 1000, to: [] }], routesTo('refuse'));
      for (const outbound of outbounds) {
        const resources = {
          ...policy,
          listeners: [spellOutboundListener(outbound, spelled), listener, spellReadiness()],
          clusters,
          routes: [...policy.routes, ...routes],
          endpoints: ['http-endpoints', 'tcp-endpoints'].map((cluster) =>
            spellEndpoints({ cluster, groups: [], origins: [] }),
          ),
        };
        expect(validate(envoyBinary(), join(folder, accessLog), resources)).toBe('OK');
        for (const one of resources.listeners) encode(typeUrls.listener, one);
      }
      for (const one of clusters) encode(typeUrls.cluster, one);
      for (const one of [...routes, ...policy.routes]) encode(typeUrls.route, one);
      for (const one of policy.endpoints) encode(typeUrls.endpoint, one);
    },
  );
});
