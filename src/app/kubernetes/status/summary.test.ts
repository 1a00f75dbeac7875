/** A replica's summary as text: nothing is lost on the way, it stays small, and no other text passes for one. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { podKey, policyKey, type PodKey } from '../../../model/index.js';
import { fromPodNames, toPodNames } from './pod-names.js';
import { readSummaryObject, summaryName, summaryObject } from './summary-object.js';
import { readSummary, writeSummary, type ReplicaSummary } from './summary.js';

const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,20}[a-z0-9])?$/);
const pod = fc.tuple(name, name).map(([namespace, of]) => podKey(namespace, of));
const policy = fc.tuple(name, name).map(([namespace, of]) => policyKey(namespace, of));
const pods = fc.uniqueArray(pod, { maxLength: 30 });

const anySummary: fc.Arbitrary<ReplicaSummary> = fc.record({
  replica: name,
  policiesVersion: fc.nat().map(String),
  served: pods.map((all) => new Set(all)),
  behind: fc.array(fc.tuple(pod, fc.integer({ min: -1, max: 9 }))).map((all) => new Map(all)),
  changed: fc.array(fc.tuple(policy, fc.nat())).map((all) => new Map(all)),
  refused: fc
    .array(
      fc.tuple(
        policy,
        fc.record({
          hash: fc.string(),
          first: pod,
          message: fc.string(),
          pods: pods.map((all) => new Set(all)),
        }),
      ),
    )
    .map((all) => new Map(all)),
  wouldDeny: fc
    .array(
      fc.tuple(
        policy,
        fc.record({
          hash: fc.string(),
          count: fc.nat(),
          callers: fc.array(fc.tuple(name, fc.nat()), { maxLength: 20 }).map((all) => new Map(all)),
        }),
      ),
    )
    .map((all) => new Map(all)),
});

/** A Deployment's pods. */
function replicas(namespace: string, app: string, count: number): readonly PodKey[] {
  return Array.from({ length: count }, (_, index) =>
    podKey(namespace, `${app}-7d9f8b6c5d-${index.toString(36).padStart(5, 'x')}`),
  );
}

function summaryOf(served: readonly PodKey[], more: Partial<ReplicaSummary> = {}): ReplicaSummary {
  return {
    ...{ replica: 'skerry-controller-0', policiesVersion: '1', served: new Set(served) },
    ...{ behind: new Map(), changed: new Map(), refused: new Map(), wouldDeny: new Map(), ...more },
  };
}

test('names of pods come back as they were', () => {
  fc.assert(
    fc.property(pods, (all) => {
      expect(fromPodNames(toPodNames(all))).toEqual([...all].sort());
    }),
  );
});

test('a summary comes back as it was', () => {
  fc.assert(
    fc.property(anySummary, (summary) => {
      expect(readSummary(writeSummary(summary))).toEqual(summary);
    }),
  );
});

test('equal summaries are equal texts, in whatever order they were gathered', () => {
  const [a, b] = [podKey('shop', 'a-1'), podKey('web', 'b-2')];
  const one = summaryOf([a, b], { behind: new Map([[a, 1], [b, 1]]) }); // prettier-ignore
  const other = summaryOf([b, a], { behind: new Map([[b, 1], [a, 1]]) }); // prettier-ignore
  expect(writeSummary(one)).toBe(writeSummary(other));
});

test.each(['', '{}', 'null', '[1]', '{"replica":1}', '{"replica":"a","policiesVersion":"1"'])(
  'the text %j is no summary',
  (text) => {
    expect(readSummary(text)).toBeUndefined();
  },
);

test('a summary of 1,000 sidecars takes less than 8 kB, and 16 kB while all are behind', () => {
  const apps = Array.from({ length: 50 }, (_, index) => `service-${String(index)}`);
  const served = apps.flatMap((app, index) => replicas(`team-${String(index % 10)}`, app, 20));
  expect(served).toHaveLength(1_000);
  const settled = Buffer.byteLength(writeSummary(summaryOf(served)));
  const behind = new Map(served.map((one) => [one, 17]));
  const changed = new Map([[policyKey('skerry-system', 'mesh-wide'), 18]]);
  const busy = Buffer.byteLength(writeSummary(summaryOf(served, { behind, changed })));
  process.stdout.write(
    `claim: a summary of 1,000 sidecars takes ${String(settled)} bytes, ${String(busy)} while all are behind\n`,
  );
  expect(settled).toBeLessThan(8_000);
  expect(busy).toBeLessThan(16_000);
});

test('1,000 policies that change at once while 1,000 sidecars are behind fit into a ConfigMap many times', () => {
  const served = replicas('shop', 'cart', 1_000);
  const policies = Array.from({ length: 1_000 }, (_, index) =>
    policyKey(`team-${String(index % 10)}`, `a-policy-with-a-longer-name-${String(index)}`),
  );
  const summary = summaryOf(served, {
    behind: new Map(served.map((one) => [one, 17])),
    changed: new Map(policies.map((one) => [one, 18])),
  });
  expect(Buffer.byteLength(writeSummary(summary))).toBeLessThan(80_000);
});

test('of very many that refuse, a thousand are named', () => {
  const all = replicas('shop', 'cart', 3_000);
  const [first = podKey('', '')] = all;
  const refusal = { hash: 'h', first, message: 'x'.repeat(9_000), pods: new Set(all) };
  const refused = new Map([[policyKey('shop', 'p'), refusal]]);
  const read = readSummary(writeSummary(summaryOf([], { refused })));
  const [found] = [...(read?.refused.values() ?? [])];
  expect(found?.pods.size).toBe(1_000);
  expect(found?.message).toHaveLength(1_000);
});

test('a ConfigMap carries the summary, and a name that any replica can have', () => {
  const summary = summaryOf(replicas('shop', 'cart', 2));
  const made = summaryObject(summary, { namespace: 'skerry-system', beat: 3 });
  expect(made).toMatchObject({
    metadata: {
      name: 'skerry-replica-skerry-controller-0',
      labels: { 'skerry.dev/replica-summary': 'true' },
    },
  });
  const seen = { ...made, metadata: { resourceVersion: '7' } };
  expect(readSummaryObject(seen)).toEqual({ resourceVersion: '7', summary });
  expect(readSummaryObject({ metadata: { resourceVersion: '7' } })?.summary).toBeUndefined();
  expect(readSummaryObject(undefined)).toBeUndefined();
  for (const odd of ['My Laptop', 'x'.repeat(300), '-']) {
    expect(summaryName(odd)).toMatch(/^skerry-replica-[0-9a-f]{16}$/);
  }
});
