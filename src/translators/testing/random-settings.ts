/** Random settings of policies, out of small pools so that they meet. */
import fc from 'fast-check';
import { caBundleKey, type CaBundle, type OutboundSetting } from '../../model/index.js';

const one = fc.constantFrom;

/** `outbound` as a policy has it. */
export const outboundSettings: fc.Arbitrary<OutboundSetting> = fc.record(
  {
    timeouts: fc.record(
      { connectMs: one(100, 2000), requestMs: one(0, 5000), idleMs: one(1000, 60_000) },
      { requiredKeys: [] },
    ),
    retries: fc.record(
      {
        attempts: one(0, 3),
        on: fc.constant(['5xx'] as const),
        budget: fc.record({ percent: one(0, 50), minConcurrent: one(0, 5) }),
      },
      { requiredKeys: [] },
    ),
    loadBalancing: fc.record(
      {
        locality: one('None', 'PreferZone', 'Strict'),
        failover: fc.array(fc.record({ namespace: one('a', 'b'), name: one('s', 't', 'absent') }), {
          maxLength: 2,
        }),
      },
      { requiredKeys: [] },
    ),
    tls: fc.record(
      {
        mode: one('Auto', 'Mesh', 'None', 'Simple', 'Mutual'),
        sni: one('a.example', 'b.example'),
        caBundle: one('a', 'b').map((namespace) => caBundleKey(namespace, 'authorities')),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);

/** A certificate of an authority that is nobody's. */
const authority = [
  '-----BEGIN CERTIFICATE-----',
  'MIIBfjCCASWgAwIBAgIUGjd+2PvuRLjQ1B/2cAKqW7ThxDQwCgYIKoZIzj0EAwIw',
  'FTETMBEGA1UEAwwKRXhhbXBsZSBDQTAeFw0yNjExMjUxODQ3MjlaFw0zNjExMjIx',
  'ODQ3MjlaMBUxEzARBgNVBAMMCkV4YW1wbGUgQ0EwWTATBgcqhkjOPQIBBggqhkjO',
  'PQMBBwNCAATPOajFDGru8aCXOiSZSQDp7exn5Znn/OZAREb7prubXJthuCFgJQc0',
  'brgO8MFzI0uKDNBREWBrxqWJ3T5CQFVYo1MwUTAdBgNVHQ4EFgQUBukNliJOO0BB',
  'dXak4FSIQDyMtrcwHwYDVR0jBBgwFoAUBukNliJOO0BBdXak4FSIQDyMtrcwDwYD',
  'VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiAg1caGjViDudDTu1iAyyIA',
  'KF9MwW+daT4z86oPnqU4TAIgdZnhRoMMbfFfxRA9NTELBZ8D6R7LYsnpBQKu+/zs',
  'EW4=',
  '-----END CERTIFICATE-----',
  '',
].join('\n');

/** A ConfigMap that policies refer to, with certificates or without. */
export const caBundle: fc.Arbitrary<CaBundle> = fc
  .record({ namespace: one('a', 'b'), isUsable: fc.boolean() })
  .map(({ namespace, isUsable }) => ({
    kind: 'CaBundle',
    key: caBundleKey(namespace, 'authorities'),
    ...(isUsable ? { pem: authority } : {}),
  }));
