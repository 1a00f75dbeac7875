/** Claim: Services of every shape carry traffic as Kubernetes means them. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runCommand, type CallResult, type Mesh, type Pod } from '../../../demo/rig/index.js';
import { claim, milliseconds } from '../../kit/claim.js';
import { endpointSlice, manifest } from '../../kit/manifest.js';
import { runInPod } from '../../kit/programs.js';
import { eventually } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const client = 'web/client';
const clientId = 'spiffe://cluster.local/ns/web/sa/client';
const apiId = 'spiffe://cluster.local/ns/shop/sa/api';
const atOnceMs = 1_000;
/** Outside the mesh's addresses; a plain server answers there, and at the router's address inside. */
const externalIp = '198.51.100.10';
const externalPort = 8080;
const unknownInside = 'http://10.66.0.1:8080/';
const v6 = [
  { key: client, ip: 'fd66::1:1' },
  { key: 'shop/api-1', ip: 'fd66::2:1' },
] as const;

let mesh: Mesh;

beforeAll(async () => {
  mesh = await startSuiteMesh({
    suite: import.meta.url,
    base: 'own',
    controllerArgs: ['--mesh-cidr', 'fd66::/64,fd96::/64'],
  });
  await mesh.startExternalServer(externalIp, externalPort);
  for (const { key, ip } of v6) await giveAddress(mesh.pod(key), ip);
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

/** The rig's pods have IPv4 only; an IPv6 address and a route are added by hand. */
async function giveAddress({ netns }: Pod, ip: string): Promise<void> {
  await runCommand(['ip', '-n', netns.name, 'addr', 'add', `${ip}/64`, 'dev', 'eth0', 'nodad']);
  await runCommand(['ip', '-n', netns.name, '-6', 'route', 'add', 'default', 'dev', 'eth0']);
}

interface Seen {
  readonly version: string;
  readonly port: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** What the server says it saw. */
const seen = (result: CallResult): Seen => JSON.parse(result.body) as Seen;

async function get(url: string, from = client): Promise<CallResult> {
  return await (await mesh.agent(from)).http({ url });
}

/** The versions that answer so many calls, each over its own connection. */
async function versionsOf(url: string, calls: number): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (let call = 0; call < calls; call += 1) {
    const { status, version } = await get(url);
    const answer = status === 200 ? (version ?? 'none') : `status ${String(status)}`;
    counts[answer] = (counts[answer] ?? 0) + 1;
  }
  return counts;
}

describe('a Service', () => {
  test('leads each port to the container port that its target port names', async () => {
    const http = await get('http://api.shop/');
    const admin = await get('http://api.shop:81/');
    expect([http, admin].map(({ status }) => status)).toEqual([200, 200]);
    expect([seen(http).port, seen(admin).port]).toEqual([8080, 9090]);
    expect(http.peerSpiffeId).toBe(clientId);
  });

  test('spreads calls over its ready endpoints', async () => {
    expect(Object.keys(await versionsOf('http://api.shop/', 30)).toSorted()).toEqual(['v1', 'v2']);
  });

  test('without a cluster IP is called by its pods’ addresses, by mTLS', async () => {
    for (const [ip, version] of [
      ['10.66.2.1', 'v1'],
      ['10.66.2.2', 'v2'],
    ] as const) {
      const result = await get(`http://${ip}:8080/`);
      expect(result).toMatchObject({ status: 200, version, peerSpiffeId: clientId });
    }
    const named = await get('http://api-pods.shop:8080/');
    expect(named).toMatchObject({ status: 200, peerSpiffeId: clientId });
  });

  test('without endpoints is answered 503 at once', async () => {
    const result = await get('http://empty.shop/');
    expect(result.status).toBe(503);
    expect(result.ms).toBeLessThan(atOnceMs);
  });

  test('does not answer on a port that it does not declare', async () => {
    const result = await get('http://api.shop:8080/');
    expect(result.status).not.toBe(200);
    expect(result.ms).toBeLessThan(atOnceMs);
  });

  test('that its own pod calls leads to itself, with its own identity', async () => {
    const result = await get('http://self.shop/', 'shop/api-1');
    expect(result).toMatchObject({ status: 200, version: 'v1', peerSpiffeId: apiId });
  });
});

describe('an ExternalName', () => {
  test('of a Service of the mesh is that Service', async () => {
    const result = await get('http://via-alias.shop/');
    expect(result).toMatchObject({ status: 200, peerSpiffeId: clientId });
    expect(seen(result).headers['host']).toBe('via-alias.shop');
  });

  test('catches nothing that it does not name', async () => {
    // The same port as the ExternalName far: what answers is what was called.
    const result = await get(`http://${externalIp}:${externalPort}/`);
    expect(result.status).toBe(200);
    expect(result.body).toContain('"service":"external"');
    // Nor does its name in a Host header: the address decides.
    const agent = await mesh.agent(client);
    const lying = await agent.http({
      url: 'http://api.shop/',
      headers: { host: 'far.example.com' },
    });
    expect(lying).toMatchObject({ status: 200, peerSpiffeId: clientId });
  });
});

describe('endpoints that are not ready', () => {
  test('get no traffic while another is', async () => {
    expect(await versionsOf('http://states.shop/', 40)).toEqual({ v1: 40 });
  });

  test('and still serve while terminating are the last resort', async () => {
    const conditions = { ready: false, serving: true, terminating: true };
    await changeStates([
      { ip: '10.66.2.2', conditions: { ready: false, serving: false } },
      { ip: '10.66.2.3', conditions },
    ]);
    await eventually('the terminating endpoint', async () =>
      (await get('http://states.shop/')).version === 'v3' ? true : undefined,
    );
    expect(await versionsOf('http://states.shop/', 20)).toEqual({ v3: 20 });
  });

  test('get traffic again once they are ready', async () => {
    await changeStates([{ ip: '10.66.2.2' }]);
    await eventually('the ready endpoint', async () =>
      (await get('http://states.shop/')).version === 'v2' ? true : undefined,
    );
    expect(await versionsOf('http://states.shop/', 20)).toEqual({ v2: 20 });
  });
});

async function changeStates(
  endpoints: Parameters<typeof endpointSlice>[0]['endpoints'],
): Promise<void> {
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'states', namespace: 'shop' },
    spec: {
      clusterIP: '10.96.2.5',
      clusterIPs: ['10.96.2.5'],
      ports: [{ name: 'http', port: 80, targetPort: 'http', appProtocol: 'http' }],
    },
  };
  const slice = endpointSlice({
    service: 'shop/states',
    port: { name: 'http', port: 8080 },
    endpoints,
  });
  await mesh.writeManifest('30-states.yaml', manifest(service, slice));
}

describe('an address that nobody in the mesh has', () => {
  const outside = `http://${externalIp}:${externalPort}/`;

  test.each([
    ['outside the mesh’s addresses', outside],
    ['among the mesh’s addresses', unknownInside],
  ])('%s is reached under AllowAny, and not under KnownOnly', async (_where, url) => {
    const allowed = await get(url);
    expect(allowed.status).toBe(200);
    expect(allowed.body).toContain('"service":"external"');
    const refused = await get(url, 'locked/client');
    expect(refused.status === null || refused.status === 503).toBe(true);
    expect(refused.ms).toBeLessThan(atOnceMs);
    const { body, error } = await (
      await mesh.agent('locked/client')
    ).tcp({ host: new URL(url).hostname, port: 8080, send: 'GET / HTTP/1.0\r\n\r\n' });
    expect(body).not.toContain('200 OK');
    expect(error ?? body).not.toBe('no bytes within 5000 ms');
  });

  test('with nobody behind it fails, and the caller is told', async () => {
    const result = await get('http://10.66.77.77:8080/');
    expect(result.status === null || result.status === 503).toBe(true);
  });

  test('does not keep a locked namespace from calling what the mesh knows', async () => {
    expect(await get('http://api.shop/', 'locked/client')).toMatchObject({ status: 200 });
  });
});

describe('by IPv6', () => {
  test('a pod is called by its address, by mTLS', async () => {
    const result = await get('http://[fd66::2:1]:8080/');
    expect(result).toMatchObject({ status: 200, version: 'v1', peerSpiffeId: clientId });
  });

  test('a Service is called by its second address, by mTLS', async () => {
    const result = await get('http://[fd96::2:10]/');
    expect(result).toMatchObject({ status: 200, version: 'v1', peerSpiffeId: clientId });
  });
});

describe('protocols', () => {
  test('a gRPC stream goes both ways, message by message', async () => {
    const result = await runInPod(mesh, client, 'probe-client', [
      'grpc-stream',
      'chat.shop:50051',
      '100',
    ]);
    expect(result).toMatchObject({ code: 0 });
    const { echoes, ms } = result as { readonly echoes: readonly string[]; readonly ms: number };
    expect(echoes).toEqual(
      Array.from({ length: 100 }, (_, index) => `${index + 1} message ${index + 1}`),
    );
    claim(
      'services',
      '100 messages of a gRPC stream, one after the other’s answer',
      milliseconds(ms),
    );
  });

  test('a WebSocket is opened by the first request to its Service', async () => {
    const result = await runInPod(mesh, client, 'probe-client', [
      'websocket',
      'http://socket.shop/',
    ]);
    expect(result).toEqual({ status: 101, echoes: ['one', 'two', 'three'] });
  });

  test('a body of 20 MB arrives whole with the first request to its Service', async () => {
    const bytes = 20 * 1024 * 1024;
    const result = (await runInPod(mesh, client, 'probe-client', [
      'upload',
      'http://upload.shop/',
      String(bytes),
    ])) as {
      readonly status: number;
      readonly body: string;
      readonly sha256: string;
      readonly ms: number;
    };
    expect(result).toMatchObject({ status: 200 });
    expect(JSON.parse(result.body)).toMatchObject({ bodyBytes: bytes, bodySha256: result.sha256 });
    claim('services', '20 MB in the first request to a Service', milliseconds(result.ms));
  });

  test('a server that speaks first is heard within a second', async () => {
    const agent = await mesh.agent(client);
    const result = await agent.tcp({ host: 'banner.shop', port: 3306, expectBytes: 18 });
    expect(result.body).toBe('welcome to banner\n');
    expect(result.ms).toBeLessThan(atOnceMs);
    claim(
      'services',
      'first bytes of a server that speaks first, first call',
      milliseconds(result.ms),
    );
  });
});
