/** Claim: `inbound.rateLimit` lets in what it says and no more, of all callers and of each. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import type { CallResult, LoadResult, Mesh } from '../../../demo/rig/index.js';
import { defaultSettings, injectPod, type JsonMap } from '../../../src/webhook/index.js';
import { claim } from '../../kit/claim.js';
import { manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually, untilLogged } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const client = 'web/client';
const batch = 'web/batch';
const stranger = 'other/client';
const url = 'http://catalog.shop/';
const server = '10.66.2.1';
let mesh: Mesh;
let probePath: string;

interface InjectedPod {
  readonly spec: {
    readonly containers: readonly [{ readonly livenessProbe: { httpGet: { path: string } } }];
  };
}

beforeAll(async () => {
  mesh = await startSuiteMesh({ suite: import.meta.url, base: 'own' });
  const file = '20-server.yaml';
  const written = parse(await readFile(join(mesh.directory, file), 'utf8')) as JsonMap;
  const injected = injectPod(written, defaultSettings);
  if (!injected.ok) throw new Error(injected.error.join('; '));
  const pod = injected.value.pod as unknown as InjectedPod;
  probePath = pod.spec.containers[0].livenessProbe.httpGet.path;
  await mesh.writeManifest(file, JSON.stringify(pod));
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

afterEach(async () => {
  for (const file of ['50-policy.yaml', '51-namespace.yaml']) {
    await mesh.writeManifest(file, undefined);
  }
  await untilOpen();
});

async function call(from: string, headers = {}): Promise<CallResult> {
  return await (await mesh.agent(from)).http({ url, headers });
}

async function load(from: string, total: number): Promise<LoadResult> {
  return await (await mesh.agent(from)).load({ url, total, concurrency: 4 });
}

/** No call of many is refused. */
async function untilOpen(): Promise<void> {
  await eventually('no limit', async () => {
    const { statuses } = await load(client, 100);
    return statuses[200] === 100 ? true : undefined;
  });
}

async function apply(
  rateLimit: object,
  file = '50-policy.yaml',
  target: object = { kind: 'Service', name: 'catalog' },
): Promise<void> {
  const name = file.slice(3, -'.yaml'.length);
  const policy = trafficPolicy(`shop/${name}`, { targetRefs: [target], inbound: { rateLimit } });
  await mesh.writeManifest(file, manifest(policy));
}

async function untilLimited(from: string): Promise<CallResult> {
  return await eventually('a refusal', async () => {
    const result = await call(from);
    return result.status === 429 ? result : undefined;
  });
}

test('without a policy every call is answered', async () => {
  expect((await load(client, 600)).statuses).toEqual({ 200: 600 });
});

describe('of all callers', () => {
  test('no more are let in than the rate and the burst', async () => {
    await apply({ requests: 50, per: '1s', burst: 10 });
    await eventually('a limit', async () => {
      const { statuses } = await load(client, 100);
      return (statuses[429] ?? 0) > 0 ? true : undefined;
    });
    const startedAt = performance.now();
    const { statuses } = await load(client, 2_000);
    const seconds = (performance.now() - startedAt) / 1_000;
    const admitted = statuses[200] ?? 0;
    expect(admitted + (statuses[429] ?? 0)).toBe(2_000);
    // The bucket was empty but for what came in meanwhile; at most it was full.
    expect(admitted).toBeGreaterThanOrEqual(Math.floor(50 * seconds * 0.9) - 1);
    expect(admitted).toBeLessThanOrEqual(50 * seconds + 61);
    claim(
      'rate-limit',
      `of 2000 calls in ${seconds.toFixed(1)} s at 50 per second and 10 more at once, let in:`,
      admitted,
    );
  });

  test('the refused are told by whom, and when to come back', async () => {
    await apply({ requests: 1, per: '1h' });
    const { body, headers } = await untilLimited(client);
    expect(body).toBe('too many requests: shop/policy/rateLimit');
    expect(Number(headers['retry-after'])).toBeGreaterThan(3_000);
    await untilLogged(mesh, 'shop/catalog', [
      '"status":429',
      '"rate_limit":"shop/policy/rateLimit"',
      '"details":"local_rate_limited"',
    ]);
  });

  test('probes are not counted', async () => {
    await apply({ requests: 1, per: '1h' });
    await untilLimited(client);
    for (const path of [probePath, '/ready']) {
      for (let done = 0; done < 30; done += 1) {
        const probed = await mesh.prober.http({ url: `http://${server}:15021${path}` });
        expect(probed.status).toBe(200);
      }
    }
    expect((await call(client)).status).toBe(429);
  });

  test('what pretends not to be HTTP is not let in', async () => {
    const agent = await mesh.agent(client);
    const bytes = { host: 'catalog.shop', port: 80, send: '\u0001\u0002GET / HTTP/1.1\r\n\r\n' };
    await apply({ requests: 1, per: '1h' });
    await untilLimited(client);
    expect((await agent.tcp({ ...bytes, expectBytes: 1 })).status).toBe('closed');
    await untilLogged(mesh, 'shop/catalog', ['"denied_by":"[shop/policy/rateLimit]"']);
  });
});

describe('of each caller', () => {
  test('one who calls too often is refused, and nobody else', async () => {
    await apply({ requests: 1_000_000, per: '1s', perIdentity: { requests: 5, per: '1h' } });
    await untilLimited(batch);
    const { statuses } = await load(client, 4);
    expect(statuses).toEqual({ 200: 4 });
    await untilLimited(client);
    // Without a sidecar the caller has no identity: that is a bucket too.
    expect((await load(stranger, 4)).statuses).toEqual({ 200: 4 });
    await untilLimited(stranger);
    expect((await load(batch, 20)).statuses).toEqual({ 429: 20 });
  });

  test('by its certificate, whatever it writes into headers', async () => {
    await apply({ perIdentity: { requests: 5, per: '1h' } });
    await untilLimited(client);
    const forged = {
      'x-forwarded-client-cert': 'URI=spiffe://cluster.local/ns/web/sa/batch',
      'x-forwarded-for': '10.66.1.3',
    };
    expect((await call(client, forged)).status).toBe(429);
    expect((await call(batch)).status).toBe(200);
  });
});

test('the nearer target wins', async () => {
  await apply({ requests: 1, per: '1h' }, '51-namespace.yaml', { kind: 'Namespace' });
  await untilLimited(client);
  await apply({ requests: 100_000, per: '1s' });
  await untilOpen();
});
