/** Counting sidecars from what replicas say: the same however they share the sidecars among them. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { podKey, policyKey, type PodKey } from '../../../model/index.js';
import type { PolicyReach } from '../../../translators/index.js';
import { countProxies, type CountQuery } from './count-proxies.js';
import { toFleetView } from './fleet-view.js';
import type { RosterEntry } from './roster.js';
import { readSummary, writeSummary, type Refusal, type ReplicaSummary } from './summary.js';

const policy = policyKey('shop', 'p');
const everywhere: PolicyReach = { pods: [], callers: { isAllBut: true, namespaces: [] } };
const nobody: PolicyReach = { pods: [], callers: { isAllBut: false, namespaces: [] } };

function ask(more: Partial<CountQuery> = {}): CountQuery {
  return {
    ...{ policy, hash: 'h', reach: everywhere, former: undefined, isNowhere: false },
    isKnownTo: () => true,
    ...more,
  };
}

const pods = ['a', 'b', 'c', 'd', 'e', 'f'].map((name, index) =>
  podKey(index % 2 === 0 ? 'shop' : 'web', name),
);
const [a = podKey('', ''), b = podKey('', ''), c = podKey('', '')] = pods;

function rosterOf(
  all: Iterable<PodKey>,
  isTerminating: (pod: PodKey) => boolean = () => false,
): ReadonlyMap<PodKey, RosterEntry> {
  return new Map(
    [...all].map((pod) => [
      pod,
      { namespace: pod.slice(0, pod.indexOf('/')), isTerminating: isTerminating(pod) },
    ]),
  );
}

function summary(served: readonly PodKey[], more: Partial<ReplicaSummary> = {}): ReplicaSummary {
  return {
    ...{ replica: 'one', policiesVersion: '1', served: new Set(served) },
    ...{ behind: new Map(), changed: new Map(), refused: new Map(), wouldDeny: new Map(), ...more },
  };
}

/** What is true of one sidecar. */
interface Truth {
  readonly pod: PodKey;
  readonly isServed: boolean;
  readonly isTerminating: boolean;
  /** Generations behind the newest; undefined: not behind. */
  readonly lag: number | undefined;
  readonly isRefusing: boolean;
  /** Which replica serves it. */
  readonly replica: number;
}

const truths = fc.uniqueArray(
  fc.record({
    pod: fc.constantFrom(...pods),
    isServed: fc.boolean(),
    isTerminating: fc.boolean(),
    lag: fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined }),
    isRefusing: fc.boolean(),
    replica: fc.nat({ max: 3 }),
  }),
  { selector: ({ pod }) => pod },
);
const reach = fc.record({
  pods: fc.subarray([...pods].sort()),
  callers: fc.record({
    isAllBut: fc.boolean(),
    namespaces: fc.subarray(['shop', 'web']),
  }),
});

/** The summaries of replicas that share these sidecars, each with a counting of its own. */
function share(all: readonly Truth[], replicas: number): readonly ReplicaSummary[] {
  return Array.from({ length: replicas }, (_, index) => {
    const own = all.filter(({ isServed, replica }) => isServed && replica % replicas === index);
    const newest = 100 + 17 * index;
    const refusing = own
      .filter(({ isRefusing }) => isRefusing)
      .map(({ pod }) => pod)
      .sort();
    const [first] = refusing;
    const refusal: Refusal | undefined = first && {
      hash: 'h',
      first,
      message: 'no',
      pods: new Set(refusing),
    };
    const made = summary(
      own.map(({ pod }) => pod),
      {
        replica: `replica-${String(index)}`,
        behind: new Map(
          own.flatMap(({ pod, lag }) => (lag === undefined ? [] : [[pod, newest - lag] as const])),
        ),
        // Changed two generations ago: who lags by more has not got it.
        changed: new Map([[policy, newest - 2]]),
        refused: new Map(refusal === undefined ? [] : [[policy, refusal]]),
      },
    );
    // As the others see it.
    return readSummary(writeSummary(made)) ?? made;
  });
}

describe('any share of the sidecars among replicas', () => {
  test('gives the same counts', () => {
    fc.assert(
      fc.property(truths, reach, reach, fc.boolean(), (all, now, before, isNowhere) => {
        const query = ask({ reach: now, former: before, isNowhere });
        const terminating = new Set(all.filter((one) => one.isTerminating).map(({ pod }) => pod));
        const roster = rosterOf(
          all.map(({ pod }) => pod),
          (pod) => terminating.has(pod),
        );
        const counts = [1, 2, 3, 4].map((replicas) => {
          const summaries = share(all, replicas);
          return countProxies(query, toFleetView(roster, summaries), summaries);
        });
        for (const count of counts) expect(count).toEqual(counts[0]);
      }),
    );
  });

  test('gives counts that add up', () => {
    fc.assert(
      fc.property(truths, reach, reach, (all, now, before) => {
        const summaries = share(all, 3);
        const roster = rosterOf(all.map(({ pod }) => pod));
        const { selected, live, offline, rejected, slowest } = countProxies(
          ask({ reach: now, former: before }),
          toFleetView(roster, summaries),
          summaries,
        );
        expect(live).toBeGreaterThanOrEqual(0);
        expect(live + offline).toBeLessThanOrEqual(selected);
        expect(selected).toBeLessThanOrEqual(all.length);
        expect(rejected).toBeLessThanOrEqual(all.length);
        if (offline > 0) expect(slowest).toBeDefined();
      }),
    );
  });
});

test('who is behind is not live, who is connected nowhere is offline, and the slowest is named', () => {
  const summaries = [
    summary([a, b], { behind: new Map([[a, 4]]), changed: new Map([[policy, 5]]) }),
  ];
  const fleet = toFleetView(rosterOf([a, b, c]), summaries);
  expect(countProxies(ask(), fleet, summaries)).toMatchObject({
    ...{ selected: 3, live: 1, offline: 1, rejected: 0, slowest: a },
  });
});

test('a sidecar that has not come to another policy yet is live for this one', () => {
  const summaries = [summary([a], { behind: new Map([[a, 5]]), changed: new Map([[policy, 5]]) })];
  const fleet = toFleetView(rosterOf([a]), summaries);
  expect(countProxies(ask(), fleet, summaries)).toMatchObject({ selected: 1, live: 1 });
});

test('on a sidecar that has just connected nothing is in force, whatever changed when', () => {
  const summaries = [summary([a], { behind: new Map([[a, -1]]) })];
  const fleet = toFleetView(rosterOf([a]), summaries);
  expect(countProxies(ask(), fleet, summaries)).toMatchObject({ selected: 1, live: 0, slowest: a });
});

test('a replica that has not read the newest form has nobody live, but for whom another serves too', () => {
  const stale = summary([a, b], { replica: 'stale' });
  const fresh = summary([b], { replica: 'fresh' });
  const fleet = toFleetView(rosterOf([a, b]), [stale, fresh]);
  const isKnownTo = (one: ReplicaSummary): boolean => one === fresh;
  expect(countProxies(ask({ isKnownTo }), fleet, [stale, fresh])).toMatchObject({
    ...{ selected: 2, live: 1, offline: 0, slowest: a },
  });
});

test('whom a policy reached before counts until it has let go', () => {
  const behind = { behind: new Map([[a, 4]]), changed: new Map([[policy, 5]]) };
  const query = ask({ reach: nobody, former: everywhere });
  const before = [summary([a, b], behind)];
  expect(countProxies(query, toFleetView(rosterOf([a, b]), before), before)).toMatchObject({
    ...{ selected: 1, live: 0, isFormerHeld: true, slowest: a },
  });
  const after = [summary([a, b])];
  expect(countProxies(query, toFleetView(rosterOf([a, b]), after), after)).toMatchObject({
    ...{ selected: 0, live: 0, isFormerHeld: false },
  });
});

test('who refused the newest form is counted, and is not live; refusals of older forms are history', () => {
  const refusal = { first: a, message: 'no', pods: new Set([a, podKey('shop', 'gone')]) };
  const refused = new Map([[policy, { ...refusal, hash: 'h' }]]);
  const now = [summary([a, b], { refused })];
  const fleet = toFleetView(rosterOf([a, b]), now);
  expect(countProxies(ask(), fleet, now)).toMatchObject({
    ...{ selected: 2, live: 1, rejected: 1, refusing: [a] },
  });
  expect(countProxies(ask({ hash: 'newer' }), fleet, now)).toMatchObject({ live: 2, rejected: 0 });
});

test('a form that is in force nowhere is live on none, and nobody is waited for', () => {
  const now = [summary([a])];
  const fleet = toFleetView(rosterOf([a, b]), now);
  expect(countProxies(ask({ isNowhere: true }), fleet, now)).toMatchObject({
    ...{ selected: 2, live: 0, offline: 1, slowest: undefined },
  });
});

test('a pod that is terminating counts while it is served, and nobody waits for it when it is not', () => {
  const roster = rosterOf([a, b], () => true);
  const now = [summary([a])];
  expect(countProxies(ask(), toFleetView(roster, now), now)).toMatchObject({
    ...{ selected: 1, live: 1, offline: 0 },
  });
});

test('a sidecar that is away is offline and nothing else, whatever was last said of it', () => {
  const refusal = { hash: 'h', first: a, message: 'no', pods: new Set([a]) };
  const said = [
    summary([], {
      behind: new Map([[b, -1]]),
      refused: new Map([[policy, refusal]]),
    }),
  ];
  const fleet = toFleetView(rosterOf([a, b]), said);
  expect(countProxies(ask(), fleet, said)).toMatchObject({
    ...{ selected: 2, live: 0, offline: 2, rejected: 1 },
  });
});
