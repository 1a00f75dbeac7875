/** A right that is taken away while its holder has connections open. */
import { allOf, say, type DemoContext, type Expectation } from '../expectation.js';
import { waitFor, type Agent, type CallResult } from '../rig/index.js';

const policyFile = '60-revoked.yaml';
const policy = `# Written by the demo while it runs.
apiVersion: skerry.dev/v1alpha1
kind: TrafficPolicy
metadata: {name: revoked, namespace: c}
spec:
  targetRefs:
  - {kind: Namespace}
  inbound:
    authorization:
      deny:
      - name: b-out
        from: [{namespace: b}]
`;

const holder = 'b/reviews-v1';
const held = 'held';

/** Over one connection that is kept alive. */
function ask(agent: Agent): Promise<CallResult> {
  return agent.http({ url: 'http://ratings.c:8080/', group: held });
}

async function untilStatus(agent: Agent, status: number): Promise<CallResult> {
  return await waitFor(
    { what: `status ${status}`, timeoutMs: 10_000, intervalMs: 20 },
    async () => {
      const result = await ask(agent);
      if (result.status === status) return result;
      throw new Error(say(result));
    },
  );
}

async function untilClosed(agent: Agent): Promise<CallResult> {
  return await waitFor({ what: 'the end of the connection', timeoutMs: 15_000 }, async () => {
    const state = await agent.tcpState(held);
    return state.status === 'closed' ? state : undefined;
  });
}

async function check({ mesh, marker, record }: DemoContext): ReturnType<Expectation['check']> {
  const agent = await mesh.agent(holder);
  await agent.tcpOpen({ connection: held, host: 'ledger.c', port: 7000 });
  const echo = { connection: held, send: marker, expectBytes: marker.length };
  const echoed = await agent.tcpSend(echo);
  const before = await ask(agent);
  const writtenAt = performance.now();
  const sinceWritten = (): string => `${(performance.now() - writtenAt).toFixed(0)} ms`;
  try {
    await mesh.writeManifest(policyFile, policy);
    const refused = await record(
      { from: holder, to: 'c/ratings (revoked)', protocol: 'http' },
      untilStatus(agent, 403),
    );
    const refusedAfter = sinceWritten();
    const closed = await untilClosed(agent);
    return allOf([
      ['both connections worked before', echoed.body === marker && before.status === 200],
      [`next request: ${say(refused)}, ${refusedAfter} after the edit`, refused.status === 403],
      [
        `open TCP: ${String(closed.status)} ${sinceWritten()} after the edit`,
        closed.status === 'closed',
      ],
    ]);
  } finally {
    await mesh.writeManifest(policyFile, undefined);
    await untilStatus(agent, 200);
    await agent.tcpClose(held);
  }
}

/** In the order shown. */
export const revokingExpectations: readonly Expectation[] = [
  {
    name: 'an edit that takes a right away reaches connections that are open, and back',
    check,
  },
];
