/** Rate limits under real requests: whose bucket a call draws from, and what the refused are told. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { InboundPortIr, RateLimitIr } from '../../ir/index.js';
import { spellInbound } from './spell.js';
import type { Authority, Certificate } from './testing/certificates.js';
import { dial, request } from './testing/clients.js';
import { exchange, startBeforeOneApp, type OneAppEnvoy } from './testing/one-app.js';
import type { RealEnvoy } from './testing/real-envoy.js';
import { idOf, inboundOf, inboundPortOf, open, rule, settings } from './testing/samples.js';

const hourMs = 3_600_000;
const limit = (parts: Partial<RateLimitIr>): RateLimitIr => ({
  name: 'shop/p/rateLimit',
  settings: [],
  ...parts,
});
const portWith = (port: number, rateLimit: RateLimitIr, parts: Partial<InboundPortIr> = {}) =>
  inboundPortOf({ port, mtls: 'Permissive', rateLimit, ...parts });

const [total, each, both, grpc, live, guarded, short] = [1, 2, 3, 4, 5, 6, 7] as const;
const perHour = (requests: number) => ({ requests, perMs: hourMs });
const ports: readonly InboundPortIr[] = [
  portWith(total, limit({ total: { ...perHour(3), burst: 2 } })),
  portWith(each, limit({ perIdentity: perHour(2) })),
  portWith(both, limit({ total: { ...perHour(3), burst: 0 }, perIdentity: perHour(2) })),
  portWith(grpc, limit({ total: { ...perHour(1), burst: 0 } })),
  inboundPortOf({ port: live }),
  portWith(guarded, limit({ total: { ...perHour(2), burst: 0 } }), {
    http: { ...open, deny: [rule('shop/p/d', { to: [{ methods: [], paths: ['/denied'] }] })] },
    tcp: { ...open, deny: [rule('shop/p/rateLimit')] },
  }),
  portWith(short, limit({ perIdentity: { requests: 5, perMs: 500 } })),
];

let running: OneAppEnvoy;
let envoy: RealEnvoy;
let authority: Authority;
let a: Certificate;
let b: Certificate;

beforeAll(async () => {
  running = await startBeforeOneApp(ports);
  ({ authority, envoy } = running);
  a = authority.issue('a', idOf('a'));
  b = authority.issue('b', idOf('b'));
});

afterAll(() => running.close());

async function ask(port: number, certificate: Certificate, ...lines: readonly string[]) {
  return await exchange({ envoyPort: envoy.port('inbound'), port, certificate, lines });
}

async function askPlain(port: number, headers: Readonly<Record<string, string>> = {}) {
  const socket = await dial({ envoyPort: envoy.port('inbound'), port });
  const text = await request(socket, '/x', headers);
  socket.destroy();
  return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0);
}

async function statuses(count: number, call: () => Promise<number>): Promise<readonly number[]> {
  const found: number[] = [];
  for (let done = 0; done < count; done += 1) found.push(await call());
  return found;
}

describe('a limit of all callers', () => {
  test('lets in what the bucket holds, whoever calls and by whatever chain', async () => {
    const asA = async () => (await ask(total, a)).status;
    const asB = async () => (await ask(total, b)).status;
    expect(await statuses(2, asA)).toEqual([200, 200]);
    expect(await statuses(2, asB)).toEqual([200, 200]);
    expect(await statuses(2, () => askPlain(total))).toEqual([200, 429]);
    expect(await asA()).toBe(429);
  });

  test('tells the refused who refused, and when to come back', async () => {
    const { text } = await ask(total, a);
    expect(text).toContain('too many requests: shop/p/rateLimit');
    expect(Number(/retry-after: (\d+)/i.exec(text)?.[1])).toBeGreaterThan(0);
    const [line] = await envoy.accessLog((one) => one['status'] === 429);
    expect(line).toMatchObject({
      rate_limit: 'shop/p/rateLimit',
      details: 'local_rate_limited',
      flags: 'RL',
    });
  });

  test('does not count whom the rules refuse', async () => {
    const denied = { envoyPort: envoy.port('inbound'), port: guarded, certificate: a, lines: [] };
    for (let done = 0; done < 4; done += 1) {
      expect((await exchange({ ...denied, path: '/denied' })).status).toBe(403);
    }
    const admitted = async () => (await ask(guarded, a)).status;
    expect(await statuses(3, admitted)).toEqual([200, 200, 429]);
  });

  test('comes into force on open connections, and goes again', async () => {
    const socket = await dial({
      envoyPort: envoy.port('inbound'),
      port: live,
      tls: { certificate: a, alpn: 'skerry-http' },
    });
    const status = async (): Promise<number> =>
      Number(/^HTTP\/1\.1 (\d+)/.exec(await request(socket, '/x'))?.[1] ?? 0);
    expect(await status()).toBe(200);
    const push = async (parts: Partial<InboundPortIr>): Promise<void> => {
      const { routes } = spellInbound(
        inboundOf([inboundPortOf({ port: live, ...parts })]),
        settings,
      );
      await envoy.pushRoutes(routes[0] ?? {});
    };
    await push({ rateLimit: limit({ total: { ...perHour(1), burst: 0 } }) });
    expect(await statuses(3, status)).toEqual([200, 429, 429]);
    await push({});
    expect(await statuses(2, status)).toEqual([200, 200]);
    socket.destroy();
  });

  test('is RESOURCE_EXHAUSTED to gRPC callers', async () => {
    const line = 'content-type: application/grpc';
    await ask(grpc, a, line);
    const { text } = await ask(grpc, a, line);
    expect(text).toMatch(/grpc-status: 8\r\n/i);
  });
});

describe('a limit of each caller', () => {
  test('gives every identity a bucket of its own, across connections', async () => {
    expect(await statuses(3, async () => (await ask(each, a)).status)).toEqual([200, 200, 429]);
    expect(await statuses(3, async () => (await ask(each, b)).status)).toEqual([200, 200, 429]);
  });

  test('takes callers without an identity for one', async () => {
    expect(await statuses(3, () => askPlain(each))).toEqual([200, 200, 429]);
  });

  test('is not escaped by headers, nor by another certificate of the same identity', async () => {
    const forged = [
      'x-forwarded-client-cert: URI=spiffe://cluster.local/ns/c/sa/c',
      'x-forwarded-for: 10.0.0.9',
      'x-envoy-ratelimit: off',
    ];
    expect((await ask(each, a, ...forged)).status).toBe(429);
    const again = authority.issue('a-again', idOf('a'));
    expect((await ask(each, again)).status).toBe(429);
    expect(await askPlain(each, { 'x-forwarded-client-cert': `URI=${idOf('c')}` })).toBe(429);
  });

  test('spares the others: what one is refused takes nothing from the common bucket', async () => {
    const asA = async () => (await ask(both, a)).status;
    expect(await statuses(5, asA)).toEqual([200, 200, 429, 429, 429]);
    expect(await statuses(2, async () => (await ask(both, b)).status)).toEqual([200, 429]);
  });

  test('tells far more callers apart than Envoy’s own 20', async () => {
    const callers = Array.from({ length: 40 }, (_, index) =>
      authority.issue(`many-${String(index)}`, idOf(`many-${String(index)}`)),
    );
    const first = callers[0] ?? a;
    for (const one of callers) await ask(each, one);
    await ask(each, first);
    expect((await ask(each, first)).status).toBe(429);
  });

  test('fills evenly', async () => {
    const asA = async () => (await ask(short, a)).status;
    expect((await statuses(7, asA)).filter((status) => status === 429).length).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(await statuses(4, asA)).toEqual([200, 200, 200, 200]);
  });
});
