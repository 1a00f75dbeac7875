/** Claim: after a forced rotation of the root a stolen key of the authority opens no door, and no request has failed. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import type { CaView } from '../../../src/admin/index.js';
import { foreignIdentity, type LoadResult, type Mesh } from '../../../demo/rig/index.js';
import { claim, since } from '../../kit/claim.js';
import { untilSettled } from '../../kit/control-plane.js';
import { eventually } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const caller = 'b/reviews-v1';
const server = 'c/ratings';
const outside = 'outside/legacy';
const callerId = 'spiffe://cluster.local/ns/b/sa/reviews';
const certificateAlert = /alert.*(unknown_?\s?ca|certificate)/i;
const timeoutMs = 300_000;

let mesh: Mesh;
let load: { stop(): Promise<LoadResult> };
/** The intermediate for workloads with its key, as it was taken. */
let stolen: string;

beforeAll(async () => {
  mesh = await startSuiteMesh({
    ...{ suite: import.meta.url, accessLog: 'Errors', pods: [caller, server, outside] },
    controllerArgs: ['--svid-ttl', '60', '--max-stream-age', '15'],
  });
  await untilSettled(mesh, 60_000);
  stolen = join(mesh.runDirectory, 'stolen.pem');
  const { stateDirectory } = mesh.controlPlane();
  await cp(join(stateDirectory, 'ca', 'active', 'workload-issuer.pem'), stolen);
  const agent = await mesh.agent(caller);
  load = await agent.startLoad({
    ...{ url: 'http://ratings.c:8080/', concurrency: 4, requestsPerSecond: 50 },
    timeoutMs: 20_000,
  });
}, timeoutMs);

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

type Credentials = Awaited<ReturnType<typeof foreignIdentity>>;

function forge(name: string): Promise<Credentials> {
  return foreignIdentity(join(mesh.runDirectory, name), callerId, stolen);
}

/** A call into the Strict server from outside the mesh. */
async function intrude(credentials: Credentials): Promise<{ body: string; error?: string }> {
  const agent = await mesh.agent(outside);
  const { body, error } = await agent.tls({
    ...{ host: '10.66.3.1', port: 9080, alpn: ['skerry-http'] },
    ...{ send: 'GET / HTTP/1.1\r\nhost: ratings.c\r\n\r\n', ...credentials },
  });
  return { body, ...(error !== null && { error }) };
}

async function ca(...args: readonly string[]): Promise<string> {
  const controlPlane = mesh.controlPlane();
  const socket = ['--admin-socket', controlPlane.adminSocket];
  const { code, stdout, stderr } = await controlPlane.skerry(['ca', ...args, ...socket]);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

async function view(): Promise<CaView> {
  const [first] = JSON.parse(await ca('status', '-o', 'json')) as readonly CaView[];
  if (first === undefined) throw new Error('expected a status');
  return first;
}

test(
  'whoever has the key of the intermediate gets in as anybody',
  async () => {
    expect((await intrude(await forge('before'))).body).toContain('HTTP/1.1 200');
  },
  timeoutMs,
);

test(
  'a forced rotation shuts the stolen key out, and no request fails',
  async () => {
    const credentials = await forge('meanwhile');
    const before = await view();
    const startedAt = performance.now();
    expect(await ca('rotate', '--force')).toContain('rotation of the root: forced');
    await eventually(
      'the refusal of what the stolen key has signed',
      async () => {
        const { body, error } = await intrude(credentials);
        if (body !== '') throw new Error('it still gets in');
        expect(error).toMatch(certificateAlert);
        return true;
      },
      240_000,
    );
    claim('forced-rotation', 'a stolen key opens no door after', since(startedAt));
    const end = await eventually(
      'the end of the rotation',
      async () => {
        const now = await view();
        if (now.rotation.phase !== 'none') throw new Error(JSON.stringify(now.rotation));
        return now;
      },
      60_000,
    );
    const [active, ...others] = end.roots;
    expect([active?.slot, others]).toEqual(['active', []]);
    expect(before.roots.map(({ fingerprint }) => fingerprint)).not.toContain(active?.fingerprint);
    const after = await intrude(await forge('after'));
    expect(after.body).toBe('');
    expect(after.error).toMatch(certificateAlert);
    const result = await load.stop();
    expect(result.errors).toEqual({});
    expect(result.statuses).toEqual({ '200': result.total });
    claim('forced-rotation', `failed of ${result.total} requests meanwhile:`, 0);
  },
  timeoutMs,
);
