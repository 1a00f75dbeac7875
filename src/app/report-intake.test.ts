/** Who may report what: reports by themselves, as bytes and tokens. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { TokenVerifier, WorkloadIdentity } from '../ca/index.js';
import { encode } from '../envoy/index.js';
import { fail, ok } from '../lib/index.js';
import { podKey, policyKey, type Pod } from '../model/index.js';
import { createReportIntake } from './report-intake.js';

const message = 'type.googleapis.com/envoy.service.accesslog.v3.StreamAccessLogsMessage';
const cart: WorkloadIdentity = {
  ...{ namespace: 'shop', serviceAccount: 'cart', podName: 'cart-1', podUid: 'uid-1' },
  expiresAtMs: 0,
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

beforeEach(() => {
  [noted, refused] = [[], []];
});

function intake(known: Pod | undefined = pod): ReturnType<typeof createReportIntake> {
  return createReportIntake({
    verifier,
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
    const opened = await intake().open(bearer('good'), 'peer');
    if (!opened.ok) throw new Error(opened.error.message);
    opened.value(report('shop/trial/rule', 'spiffe://x/ns/web/sa/a'));
    opened.value(report('other/trial/rule', 'spiffe://x/ns/web/sa/a'));
    opened.value(report('skerry', 'spiffe://x/ns/web/sa/a'));
    opened.value(report('shop/trial/rule'));
    expect(noted).toEqual([
      ['shop/trial', 'spiffe://x/ns/web/sa/a'],
      ['shop/trial', '192.0.2.7 (without identity)'],
    ]);
  });

  test('of plaintext is taken of the pod whose token it came with', async () => {
    const opened = await intake().open(bearer('good'), 'peer');
    if (!opened.ok) throw new Error(opened.error.message);
    const at = (address: string, port_value: number) => ({
      socket_address: { address, port_value },
    });
    const common_properties = {
      downstream_local_address: at('192.0.2.1', 8080),
      downstream_direct_remote_address: at('192.0.2.7', 9),
      custom_tags: { plaintext: 'true', policy: 'shop/trial/rule' },
    };
    opened.value(encode(message, { tcp_logs: { log_entry: [{ common_properties }] } }));
    expect(noted).toEqual([['shop/cart-1', 8080, '192.0.2.7']]);
  });

  test('is refused with a token that is not good, and of a pod that is another one by now', async () => {
    expect(await intake().open(bearer('bad'), 'peer')).toMatchObject({
      error: { code: 'unauthenticated' },
    });
    const later = { ...pod, uid: 'uid-2' };
    expect(await intake(later).open(bearer('good'), 'peer')).toMatchObject({
      error: { code: 'permission-denied' },
    });
    expect(refused).toEqual(['expired', 'pod-uid']);
  });
});
