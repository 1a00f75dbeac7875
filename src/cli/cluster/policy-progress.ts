/** How far a TrafficPolicy has come, from its status alone. Pure. */
import { at, conditionOf, listAt, nameOf, numberAt, textAt } from './objects.js';

/** What is known of the generation that was asked for. */
export type PolicyProgress =
  | { readonly kind: 'live'; readonly says: string }
  /** It will not become live unless somebody changes something. */
  | { readonly kind: 'failed'; readonly says: string }
  | { readonly kind: 'pending'; readonly says: string };

/** Reasons of Accepted that waiting does not mend. */
const final: readonly string[] = ['Invalid', 'Overridden', 'Conflicted'];

function isAbout(condition: unknown, generation: number): boolean {
  return (numberAt(condition, 'observedGeneration') ?? 0) >= generation;
}

function late(policy: unknown, counts: string): string {
  const slowest = textAt(policy, 'status', 'slowest');
  const offline = numberAt(policy, 'status', 'proxies', 'offline') ?? 0;
  return [
    `live on ${counts} sidecars`,
    ...(offline > 0 ? [`${String(offline)} not connected`] : []),
    ...(slowest === undefined ? [] : [`waiting for ${slowest}`]),
  ].join('; ');
}

function rejection(policy: unknown, counts: string): string {
  const rejected = at(policy, 'status', 'firstRejection');
  const who = textAt(rejected, 'proxy') ?? 'a sidecar';
  const why = textAt(rejected, 'message') ?? 'without a word';
  return `live on ${counts} sidecars; ${who} refused it, and keeps the last good form: ${why}`;
}

/** Reads the status of a TrafficPolicy as the API server has it. */
export function policyProgress(policy: unknown): PolicyProgress {
  const generation = numberAt(policy, 'metadata', 'generation') ?? 0;
  const accepted = conditionOf(policy, 'Accepted');
  const programmed = conditionOf(policy, 'Programmed');
  if (!isAbout(accepted, generation)) {
    return { kind: 'pending', says: 'the control plane has not read it yet' };
  }
  const reason = textAt(accepted, 'reason') ?? '';
  if (textAt(accepted, 'status') === 'False') {
    const says = `${reason}: ${textAt(accepted, 'message') ?? 'no message'}`;
    return { kind: final.includes(reason) ? 'failed' : 'pending', says };
  }
  const selected = numberAt(policy, 'status', 'proxies', 'selected') ?? 0;
  const live = numberAt(policy, 'status', 'proxies', 'live') ?? 0;
  const counts = `${String(live)} of ${String(selected)}`;
  if (isAbout(programmed, generation)) {
    if (textAt(programmed, 'reason') === 'Rejected') {
      return { kind: 'failed', says: rejection(policy, counts) };
    }
    if (textAt(programmed, 'status') === 'True' && live === selected) {
      return { kind: 'live', says: `live on ${counts} sidecars` };
    }
  }
  return { kind: 'pending', says: late(policy, counts) };
}

/** Every policy of a list that is not live, as `namespace/name: why`. */
export function unfinishedPolicies(list: unknown): readonly string[] {
  return listAt(list, 'items').flatMap((policy) => {
    const { kind, says } = policyProgress(policy);
    return kind === 'live' ? [] : [`${nameOf(policy)}: ${says}`];
  });
}
