/** Random settings of policies, out of small pools so that they meet. */
import fc from 'fast-check';
import type { OutboundSetting } from '../../model/index.js';

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
    tls: fc.record({ mode: one('Auto', 'Mesh', 'None') }),
  },
  { requiredKeys: [] },
);
