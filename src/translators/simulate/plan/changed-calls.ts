/** Which calls a change makes different: judged before and after, each class of callers by one of it. */
import type { Pod } from '../../../model/index.js';
import { explain, type Explanation } from '../explain.js';
import {
  changeBetween,
  changeKinds,
  describeState,
  toCallState,
  type CallState,
  type ChangeKind,
} from './call-state.js';
import { classifyCallers } from './callers.js';
import { createGrouping, type Grouping } from './group-callers.js';
import { sampleRequests, type SampleRequest } from './requests.js';
import { hostOf, targetsOf, type PlanSide, type Target } from './targets.js';

/** Bounds of a plan. */
export interface PlanLimits {
  /** So many calls are judged on each side. */
  readonly calls: number;
  /** So many requests of one class of callers to one target. */
  readonly requests: number;
}

/** A call that changes; all callers of it get the same. */
export interface ChangedCall {
  readonly kind: ChangeKind;
  /** `namespace/pod`, one of each class, sorted. */
  readonly callers: readonly string[];
  /** `service.namespace:port` or `ip:port`. */
  readonly to: string;
  readonly request: SampleRequest;
  readonly before: CallState;
  readonly after: CallState;
  /** The two in the words that matter. */
  readonly was: string;
  readonly becomes: string;
  /** The objects behind the verdict or the route afterwards. */
  readonly because: readonly string[];
}

/** What becomes of calls. */
export interface ChangedCalls {
  /** The most dangerous first. */
  readonly changes: readonly ChangedCall[];
  /** Calls judged, and those for which they stand. */
  readonly judged: number;
  readonly callerClasses: number;
  readonly newCallers: number;
  readonly goneCallers: number;
  readonly targets: number;
  /** Why calls may change that are not listed; empty: every call of the vocabulary was judged. */
  readonly omissions: readonly string[];
}

/** Judges and compares. */
export function changedCalls(before: PlanSide, after: PlanSide, limits: PlanLimits): ChangedCalls {
  const callers = classifyCallers(before.pods, after.pods);
  const targets = targetsOf(before, after, callers.classes);
  const context = { before, after, limits, group: createGrouping(before, after, callers.classes) };
  const judged = judgeTargets(context, targets);
  const rank = new Map(changeKinds.map((kind, index) => [kind, index]));
  // Of one kind they stay in the order of their targets.
  const changes = judged.changes.sort((a, b) => (rank.get(a.kind) ?? 0) - (rank.get(b.kind) ?? 0));
  return {
    ...judged,
    changes,
    callerClasses: callers.classes.length,
    newCallers: callers.new,
    goneCallers: callers.gone,
    targets: targets.length,
  };
}

interface Context {
  readonly before: PlanSide;
  readonly after: PlanSide;
  readonly limits: PlanLimits;
  readonly group: Grouping;
}

function judgeTargets(
  context: Context,
  targets: readonly Target[],
): { readonly changes: ChangedCall[]; readonly judged: number; readonly omissions: string[] } {
  const { before, after, limits } = context;
  const changes: ChangedCall[] = [];
  const uncovered = new Set<string>();
  let judged = 0;
  let cutTargets = 0;
  let skipped = 0;
  for (const target of targets) {
    if (judged >= limits.calls) {
      skipped += 1;
      continue;
    }
    const { groups, ports } = context.group(target);
    let isCut = false;
    for (const [first, ...others] of groups) {
      if (first === undefined) continue;
      const hosts = [
        hostOf(before, first.before, target) ?? [],
        hostOf(after, first.after, target) ?? [],
      ].flat();
      const samples = sampleRequests(hosts, ports, limits.requests);
      for (const each of samples.uncovered) uncovered.add(each);
      isCut ||= samples.isCut;
      for (const request of samples.requests) {
        judged += 1;
        const was = ask(before, first.before, target, request);
        const becomes = ask(after, first.after, target, request);
        const change = compareCalls(was, becomes);
        if (change === undefined) continue;
        const names = [first, ...others].map(({ name }) => name).sort();
        changes.push({ ...change, callers: names, to: target.name, request });
      }
    }
    if (isCut) cutTargets += 1;
  }
  return { changes, judged, omissions: omissionsOf({ skipped, cutTargets, uncovered, limits }) };
}

function omissionsOf(found: {
  readonly skipped: number;
  readonly cutTargets: number;
  readonly uncovered: ReadonlySet<string>;
  readonly limits: PlanLimits;
}): string[] {
  const { skipped, cutTargets, uncovered, limits } = found;
  return [
    ...(skipped === 0
      ? []
      : [
          `${String(skipped)} targets were not judged: the limit of ${String(limits.calls)} calls was reached`,
        ]),
    ...(cutTargets === 0
      ? []
      : [
          `of ${String(cutTargets)} targets not every combination of conditions was judged, but ${String(limits.requests)} of each class of callers`,
        ]),
    ...[...uncovered].map((each) => `no request could be made that meets: ${each}`),
  ];
}

function compareCalls(
  was: Explanation,
  becomes: Explanation,
): Pick<ChangedCall, 'kind' | 'before' | 'after' | 'was' | 'becomes' | 'because'> | undefined {
  const before = toCallState(was);
  const after = toCallState(becomes);
  const kind = changeBetween(before, after);
  if (kind === undefined) return undefined;
  const isVerdict = ['refused', 'admitted', 'rule'].includes(kind);
  const steps = becomes.steps.filter(({ at }) => at === (isVerdict ? 'verdict' : 'route'));
  return {
    ...{ kind, before, after },
    was: describeState(before, kind),
    becomes: describeState(after, kind),
    because: [...new Set(steps.flatMap(({ from }) => from))],
  };
}

function ask(side: PlanSide, from: Pod, target: Target, request: SampleRequest): Explanation {
  const { host, port } = target;
  return explain(side.view, { from, host, port, ...request }, side.clusterDomain);
}
