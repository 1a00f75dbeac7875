/** What sidecars have accepted of trust, and by which root they knew us. */
import { expect, test } from '@jest/globals';
import { typeUrls } from '../envoy/index.js';
import { ownCertificateName, trustBundleName } from '../sidecar/index.js';
import type { XdsResource } from '../xds/index.js';
import { createServerRoots } from './server-roots.js';
import { createTrustLedger } from './trust-ledger.js';

function secret(name: string, version: string): XdsResource {
  const bytes = new Uint8Array();
  return { name, version, typeUrl: typeUrls.secret, bytes, isEager: false, origins: [] };
}

test('a certificate that was given counts when it is accepted, not before', () => {
  const ledger = createTrustLedger();
  ledger.gave('s', 'v1', 'old');
  expect(ledger.of('s')).toEqual({});
  ledger.accepted('s', [secret(ownCertificateName, 'v1'), secret(trustBundleName, 'b1')]);
  ledger.gave('s', 'v2', 'new');
  expect(ledger.of('s')).toEqual({ bundle: 'b1', certificateRoot: 'old' });
  ledger.accepted('s', [secret(ownCertificateName, 'v2')]);
  expect(ledger.of('s')).toEqual({ bundle: 'b1', certificateRoot: 'new' });
});

test('of two that were given, the older may be accepted first', () => {
  const ledger = createTrustLedger();
  ledger.gave('s', 'v1', 'old');
  ledger.gave('s', 'v2', 'new');
  ledger.accepted('s', [secret(ownCertificateName, 'v1')]);
  expect(ledger.of('s')).toEqual({ certificateRoot: 'old' });
  ledger.accepted('s', [secret(ownCertificateName, 'v2')]);
  expect(ledger.of('s')).toEqual({ certificateRoot: 'new' });
});

test('a stream that has ended, or was never given anything, has accepted nothing', () => {
  const ledger = createTrustLedger();
  ledger.accepted('t', [secret(trustBundleName, 'b1')]);
  expect(ledger.of('t')).toEqual({});
  ledger.gave('s', 'v1', 'old');
  ledger.accepted('s', [secret(ownCertificateName, 'v1')]);
  ledger.end('s');
  expect(ledger.of('s')).toEqual({});
});

test('a connection is known by the root that was shown before it, in doubt by the former one', () => {
  let nowMs = 100;
  const roots = createServerRoots(() => nowMs);
  expect(roots.at(100)).toBeUndefined();
  roots.shows('a');
  nowMs = 200;
  roots.shows('a');
  roots.shows('b');
  expect([100, 150, 200, 201].map((at) => roots.at(at))).toEqual(['a', 'a', 'a', 'b']);
  expect(roots.at(undefined)).toBeUndefined();
});
