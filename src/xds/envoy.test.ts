/** The service and a stock Envoy: what others got wrong, on the real thing. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import { typeUrls } from '../envoy/index.js';
import {
  assignment,
  edsCluster,
  get,
  host,
  httpListener,
  onDemandRoutes,
  plainRoutes,
  spelled,
  startEnvoy,
  type RunningEnvoy,
} from './testing/envoy.js';
import { startMesh, until, type TestMesh } from './testing/mesh.js';
import { remove, set } from './testing/resources.js';
import type { XdsResource } from './resource.js';
import { freePort } from '../lib/testing/free-port.js';

interface Backend {
  readonly server: Server;
  readonly port: number;
}

function startBackend(text: string): Promise<Backend> {
  return new Promise((resolve) => {
    const server = createServer((_request, response) => response.end(text));
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      resolve({ server, port });
    });
  });
}

/** Asks until the answer is `body`. */
async function untilBody(port: number, dst: string, body: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const reply = await get(port, '/', { 'x-dst': dst }).catch((error: unknown) => String(error));
    if (typeof reply === 'object' && reply.body === body) return;
    if (Date.now() > deadline) throw new Error(`expected ${body}, found ${JSON.stringify(reply)}`);
  }
}

let backends: readonly Backend[] = [];
beforeAll(async () => {
  backends = await Promise.all(['v1', 'v2'].map(startBackend));
});
afterAll(() => {
  for (const { server } of backends) server.close();
});

const portOf = (at: number): number => backends[at]?.port ?? 0;
const direct = (body: string): object => ({
  direct_response: { status: 200, body: { inline_string: body } },
});

describe('delta', () => {
  let mesh: TestMesh;
  let envoy: RunningEnvoy;
  let port = 0;

  beforeAll(async () => {
    mesh = await startMesh();
    port = await freePort();
    mesh.turn(
      set([
        edsCluster('c'),
        assignment('c', [portOf(0)]),
        httpListener(port, true),
        onDemandRoutes(),
        host('a', 'a', { route: { cluster: 'c' } }),
      ]),
    );
    envoy = await startEnvoy({ xdsPort: mesh.port, isDelta: true });
    await until(() => mesh.log.includes('ack VirtualHost http/a'));
    await untilBody(port, 'a', 'v1');
  });
  afterAll(async () => {
    await envoy.stop();
    await mesh.stop();
  });

  const change = async (resources: readonly XdsResource[], ack: string): Promise<number> => {
    mesh.log.length = 0;
    const started = performance.now();
    mesh.turn(set(resources));
    await until(() => mesh.log.includes(ack));
    return performance.now() - started;
  };

  test('clusters, endpoints, listeners, routes and virtual hosts make traffic flow', async () => {
    expect(await get(port, '/', { 'x-dst': 'a' })).toEqual({ status: 200, body: 'v1' });
    expect(mesh.server.proxies()).toMatchObject([{ proxyId: 'sidecar', clientVersion: '1.40.0' }]);
  });

  test('a new virtual host rules the next request', async () => {
    await change([host('b', 'b', direct('from b'))], 'ack VirtualHost http/b');
    await untilBody(port, 'b', 'from b');
    await change([host('b', 'b', direct('changed'))], 'ack VirtualHost http/b');
    await untilBody(port, 'b', 'changed');
  });

  test('an endpoint change moves traffic', async () => {
    await change([assignment('c', [portOf(1)])], 'ack ClusterLoadAssignment c');
    await untilBody(port, 'a', 'v2');
  });

  test('a change of an EDS cluster does not stall in warming (go-control-plane#245, envoy#46383)', async () => {
    const ms = await change([edsCluster('c', { connect_timeout: '2s' })], 'ack Cluster c');
    // A stall lasts 15 s; a machine that is busy may take its time.
    expect(ms).toBeLessThan(5_000);
    expect(await envoy.stat('cluster_manager.warming_clusters')).toBe(0);
  });

  test('an unknown cluster is asked for once and served on the first request', async () => {
    const lazy = [edsCluster('lazy', {}, false), assignment('lazy', [portOf(0)])];
    mesh.log.length = 0;
    const reply = get(port, '/', { 'x-dst': 'lazy' });
    await until(() => mesh.log.includes('want lazy'));
    mesh.turn(set(lazy));
    expect(await reply).toEqual({ status: 200, body: 'v1' });
    expect(mesh.log.filter((word) => word === 'want lazy')).toHaveLength(1);
  });

  test('a bad cluster is named and parked, the good one beside it is in force', async () => {
    const bad = edsCluster('bad', { lb_policy: 'CLUSTER_PROVIDED' });
    const good = [edsCluster('good'), assignment('good', [portOf(1)])];
    mesh.log.length = 0;
    mesh.turn(set([bad, ...good, host('g', 'g', { route: { cluster: 'good' } })]));
    await until(() => mesh.log.some((word) => word.startsWith('nack Cluster')));
    expect(mesh.log).toContain('nack Cluster bad true');
    await untilBody(port, 'g', 'v2');
    mesh.turn(remove([bad]));
  });

  test('a bad virtual host is found among good ones, which come into force', async () => {
    mesh.log.length = 0;
    const many = Array.from({ length: 6 }, (_, at) => host(`m${at}`, `m${at}`, direct(`m${at}`)));
    // The domain is taken by http/a.
    const bad = host('double', 'a', direct('double'));
    mesh.turn(set([...many, bad]));
    await until(() => mesh.log.includes('nack VirtualHost http/double true'));
    for (let at = 0; at < 6; at += 1) await untilBody(port, `m${at}`, `m${at}`);
    await untilBody(port, 'a', 'v2');
    const [proxy] = mesh.server.proxies();
    const refused = proxy?.state.types.flatMap(({ rejected }) => rejected.map(({ name }) => name));
    expect(refused).toEqual(['http/double']);
    mesh.turn(remove([bad]));
  });

  test('a removed virtual host and a removed cluster go without a failed request', async () => {
    mesh.log.length = 0;
    const replies: Promise<unknown>[] = [];
    mesh.turn([
      ...set([host('g', 'g', { route: { cluster: 'c' } })]),
      ...remove([edsCluster('good'), assignment('good', []), host('m0', 'm0', {})]),
    ]);
    for (let at = 0; at < 50; at += 1) {
      const reply = get(port, '/', { 'x-dst': 'g' });
      replies.push(reply);
      await reply;
    }
    expect(await Promise.all(replies)).toEqual(replies.map(() => ({ status: 200, body: 'v2' })));
    await until(() => mesh.log.includes('ack VirtualHost http/g'));
    await until(
      () => mesh.server.proxies()[0]?.state.settledGeneration === mesh.cache.generation(),
    );
    expect(await envoy.stat('cluster_manager.cluster_removed')).toBeGreaterThan(0);
  });

  test('a restart of the service sends no body when nothing has changed, and traffic goes on', async () => {
    const { cache, port: xdsPort } = mesh;
    await mesh.stop();
    expect(await get(port, '/', { 'x-dst': 'a' })).toEqual({ status: 200, body: 'v2' });
    mesh = await startMesh({ cache, server: { port: xdsPort } });
    await until(() => mesh.log.some((word) => word.startsWith('ack VirtualHost')));
    await until(() => mesh.server.proxies()[0]?.state.types.length === 5);
    const types = mesh.server.proxies()[0]?.state.types ?? [];
    expect(types.map(({ bodiesSent }) => bodiesSent)).toEqual([0, 0, 0, 0, 0]);
    expect(mesh.log.filter((word) => word === 'want lazy')).toHaveLength(1);
    await change([host('b', 'b', direct('after'))], 'ack VirtualHost http/b');
    await untilBody(port, 'b', 'after');
  });

  test('what changed and went while the service was away is caught up with', async () => {
    const { cache, port: xdsPort } = mesh;
    await mesh.stop();
    cache.apply(cache.generation() + 1, [
      ...set([host('b', 'b', direct('while away'))]),
      ...remove([host('m1', 'm1', {})]),
    ]);
    mesh = await startMesh({ cache, server: { port: xdsPort } });
    await untilBody(port, 'b', 'while away');
    const reply = get(port, '/', { 'x-dst': 'm1' });
    await until(() => mesh.log.includes('want m1'));
    mesh.turn(set([edsCluster('m1', {}, false), assignment('m1', [portOf(1)])]));
    expect(await reply).toEqual({ status: 200, body: 'v2' });
  });
});

describe('state of the world', () => {
  test('traffic flows, clusters do not stall, a bad listener is contained', async () => {
    const mesh = await startMesh();
    const port = await freePort();
    mesh.turn(
      set([
        edsCluster('c'),
        assignment('c', [portOf(0)]),
        httpListener(port, false),
        plainRoutes('c'),
      ]),
    );
    const envoy = await startEnvoy({ xdsPort: mesh.port, isDelta: false });
    try {
      await untilBody(port, 'any', 'v1');
      const started = performance.now();
      mesh.log.length = 0;
      mesh.turn(set([edsCluster('c', { connect_timeout: '2s' }), assignment('c', [portOf(1)])]));
      await until(() => mesh.log.includes('ack Cluster c'));
      expect(performance.now() - started).toBeLessThan(5_000);
      await untilBody(port, 'any', 'v2');
      const bad = spelled(typeUrls.listener, 'bad', { name: 'bad' });
      mesh.turn(set([bad, edsCluster('d'), assignment('d', [portOf(0)]), plainRoutes('d')]));
      await until(() => mesh.log.includes('nack Listener bad true'));
      await untilBody(port, 'any', 'v1');
      mesh.turn(remove([edsCluster('c'), assignment('c', [])]));
      await until(
        () => mesh.server.proxies()[0]?.state.settledGeneration === mesh.cache.generation(),
      );
      expect(await envoy.stat('cluster_manager.active_clusters')).toBe(2);
    } finally {
      await envoy.stop();
      await mesh.stop();
    }
  });
});
