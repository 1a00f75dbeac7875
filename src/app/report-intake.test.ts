/** Who may report what: reports by themselves, as bytes and tokens. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { TokenVerifier, WorkloadIdentity } from '../ca/index.js';
import { encode } from '../envoy/index.js';
import { fail, ok, type Clock } from '../lib/index.js';
import { podKey, policyKey, type Pod } from '../model/index.js';
import { createReportIntake } from './report-intake.js';

const startMs = 1_800_000_000_000;
const lifeMs = 3_600_000;
const message = 'type.googleapis.com/envoy.service.accesslog.v3.StreamAccessLogsMessage';
const cart: WorkloadIdentity = {
  ...{ namespace: 'shop', serviceAccount: 'cart', podName: 'cart-1', podUid: 'uid-1' },
  expiresAtMs: startMs + lifeMs,
};
const pod: Pod = {
  ...{ key: podKey('shop', 'cart-1'), namespace: 'shop', name: 'cart-1', uid: 'uid-1' },
  ...{ serviceAccount: 'cart', isInMesh: true, isFinished: false, ips: ['192.0.2.1'] },
} as unknown as Pod;
const verifier: TokenVerifier = {
  verify: (token) => Promise.resolve(token === 'good' ? ok(cart) : fail('expired')),
};
let noted: (readonly (string | number)[])[];
let refused: string[];
let ended: string[];
let nowMs: number;
let timers: readonly { readonly atMs: number; readonly task: () => void }[];

const clock: Clock = {
  now: () => nowMs,
  after: (delayMs, task) => {
    const timer = { atMs: nowMs + delayMs, task };
    timers = [...timers, timer];
    return () => {
      timers = timers.filter((one) => one !== timer);
    };
  },
};

function pass(ms: number): void {
  nowMs += ms;
  for (const { atMs, task } of timers) if (atMs <= nowMs) task();
}

beforeEach(() => {
  [noted, refused, ended] = [[], [], []];
  [nowMs, timers] = [startMs, []];
});

function open(
  to: ReturnType<typeof intake>,
  token = 'good',
): ReturnType<ReturnType<typeof intake>['open']> {
  return to.open(bearer(token), 'peer', ({ code, message }) => ended.push(`${code}: ${message}`));
}

function intake(known: Pod | undefined = pod): ReturnType<typeof createReportIntake> {
  return createReportIntake({
    ...{ verifier, clock },
    turnAway: ({ code, reason, message }) => {
      refused.push(reason);
      return { code, message };
    },
    podOf: (key) => (key === 'shop/cart-1' ? known : undefined),
    policiesOf: () => [policyKey('shop', 'trial')],
    noteWouldDeny: (policy, caller) => noted.push([policy, caller]),
    notePlaintext: (by, port, address) => noted.push([by, port, address]),
  });
}

function bearer(token: string): { get(name: string): string | undefined } {
  return { get: (name) => (name === 'authorization' ? `Bearer ${token}` : undefined) };
}

function report(rule: string, uri?: string): Uint8Array {
  const names = uri === undefined ? [] : [{ uri }];
  const common_properties = {
    tls_properties: { peer_certificate_properties: { subject_alt_name: names } },
    downstream_direct_remote_address: {
      socket_address: { address: '192.0.2.7', port_value: 9 },
    },
    custom_tags: { policy: rule },
  };
  return encode(message, { http_logs: { log_entry: [{ common_properties }] } });
}

describe('a report', () => {
  test('is taken of policies that reach the pod, and of no others', async () => {
    const opened = await open(intake());
    if (!opened.ok) throw new Error(opened.error.message);
    opened.value.take(report('shop/trial/rule', 'spiffe://x/ns/web/sa/a'));
    opened.value.take(report('other/trial/rule', 'spiffe://x/ns/web/sa/a'));
    opened.value.take(report('skerry', 'spiffe://x/ns/web/sa/a'));
    opened.value.take(report('shop/trial/rule'));
    expect(noted).toEqual([
      ['shop/trial', 'spiffe://x/ns/web/sa/a'],
      ['shop/trial', '192.0.2.7 (without identity)'],
    ]);
  });

  test('of plaintext is taken of the pod whose token it came with', async () => {
    const opened = await open(intake());
    if (!opened.ok) throw new Error(opened.error.message);
    const at = (address: string, port_value: number) => ({
      socket_address: { address, port_value },
    });
    const common_properties = {
      downstream_local_address: at('192.0.2.1', 8080),
      downstream_direct_remote_address: at('192.0.2.7', 9),
      custom_tags: { plaintext: 'true', policy: 'shop/trial/rule' },
    };
    opened.value.take(encode(message, { tcp_logs: { log_entry: [{ common_properties }] } }));
    expect(noted).toEqual([['shop/cart-1', 8080, '192.0.2.7']]);
  });

  test('is refused with a token that is not good, and of a pod that is another one by now', async () => {
    expect(await open(intake(), 'bad')).toMatchObject({
      error: { code: 'unauthenticated' },
    });
    const later = { ...pod, uid: 'uid-2' };
    expect(await open(intake(later))).toMatchObject({
      error: { code: 'permission-denied' },
    });
    expect(refused).toEqual(['expired', 'pod-uid']);
  });
});

describe('a stream of reports', () => {
  async function opened(to: ReturnType<typeof intake>) {
    const stream = await open(to);
    if (!stream.ok) throw new Error(stream.error.message);
    return stream.value;
  }

  test('ends when its token expires, not before', async () => {
    await opened(intake());
    pass(lifeMs - 1);
    expect(ended).toEqual([]);
    pass(1);
    expect(ended).toEqual(['unauthenticated: the credentials have expired']);
  });

  test('ends when its pod goes; those of other pods stay', async () => {
    const reports = intake();
    await opened(reports);
    await opened(reports);
    reports.closePod('shop/other', 'gone');
    expect(ended).toEqual([]);
    reports.closePod('shop/cart-1', 'gone');
    expect(ended).toEqual(['failed-precondition: gone', 'failed-precondition: gone']);
  });

  test('that is closed leaves nothing that would end it again', async () => {
    const reports = intake();
    const stream = await opened(reports);
    stream.closed();
    expect(timers).toEqual([]);
    reports.closePod('shop/cart-1', 'gone');
    expect(ended).toEqual([]);
  });

  test('gives way where a pod opens them without end', async () => {
    const reports = intake();
    for (let at = 0; at < 256; at += 1) await opened(reports);
    expect(ended).toEqual([]);
    await opened(reports);
    expect(ended).toEqual([
      'resource-exhausted: newer streams of the same pod have taken its place',
    ]);
  });

  test('with a message of megabytes is not decoded', async () => {
    const stream = await opened(intake());
    const long = report('shop/trial/rule', `spiffe://${'x'.repeat(1024 * 1024)}`);
    expect(() => {
      stream.take(long);
    }).toThrow('expected reports of at most 1048576 bytes');
    expect(noted).toEqual([]);
  });
});
