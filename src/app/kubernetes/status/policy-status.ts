/** The status of a TrafficPolicy: from what is known of it to what is written. Pure. */
import { z } from 'zod';
import type { PodKey } from '../../../model/index.js';
import type { Accepted } from './accepted.js';
import { cutText } from './sentences.js';

const conditionSchema = z.object({
  type: z.string(),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string(),
  message: z.string(),
  lastTransitionTime: z.string(),
  observedGeneration: z.int().optional(),
});

/** The part of a status that is ours; read leniently, since others may have written it. */
export const statusSchema = z.object({
  observedGeneration: z.int().optional(),
  target: z.string().optional(),
  mode: z.string().optional(),
  conditions: z.array(conditionSchema).default([]),
  proxies: z
    .object({
      selected: z.int(),
      live: z.int(),
      rejected: z.int(),
      offline: z.int(),
      summary: z.string(),
    })
    .optional(),
  slowest: z.string().optional(),
  firstRejection: z.object({ proxy: z.string().optional(), message: z.string() }).optional(),
  wouldDeny: z
    .object({
      count: z.int(),
      callers: z.array(z.object({ caller: z.string(), count: z.int() })).default([]),
    })
    .optional(),
});

/** A status as it is written and read. */
export type PolicyStatus = z.infer<typeof statusSchema>;
/** One condition. */
export type Condition = z.infer<typeof conditionSchema>;

/** What a policy in mode Audit would have refused. */
export type WouldDenyStatus = NonNullable<PolicyStatus['wouldDeny']>;

/** How many sidecars a policy is about, and how far they are. */
export interface ProxyCounts {
  readonly selected: number;
  /** Those on which the generation is in force. */
  readonly live: number;
  readonly rejected: number;
  readonly offline: number;
  /** One of those that are waited for; undefined: nobody is. */
  readonly slowest: PodKey | undefined;
}

/** What a status says. */
export interface PolicyFacts {
  readonly generation: number;
  readonly target: string;
  readonly mode: string;
  readonly accepted: Accepted;
  /** What goes on instead, where the newest form is not in force: the last good form, or the targets are closed. */
  readonly instead: 'last good form' | 'closed' | undefined;
  readonly counts: ProxyCounts;
  readonly firstRejection: { readonly proxy?: string; readonly message: string } | undefined;
  /** Undefined: it is not in mode Audit. */
  readonly wouldDeny?: WouldDenyStatus;
}

const maxEnvoyMessage = 1_000;

/** The status, with times of transition carried over from the former one. */
export function toStatus(
  facts: PolicyFacts,
  former: PolicyStatus | undefined,
  nowMs: number,
): PolicyStatus {
  const { generation, target, mode, accepted, counts, firstRejection, wouldDeny } = facts;
  const { selected, live, rejected, offline, slowest } = counts;
  const now = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const condition = (type: string, isTrue: boolean, reason: string, message: string): Condition => {
    const status = isTrue ? 'True' : 'False';
    const before = former?.conditions.find((one) => one.type === type);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : now;
    return { type, status, reason, message, lastTransitionTime, observedGeneration: generation };
  };
  const programmed = toProgrammed(facts);
  return {
    observedGeneration: generation,
    ...(target !== '' && { target }),
    mode,
    conditions: [
      condition('Accepted', accepted.isTrue, accepted.reason, accepted.message),
      condition('Programmed', programmed.isTrue, programmed.reason, programmed.message),
    ],
    proxies: {
      ...{ selected, live, rejected, offline },
      summary: `${String(live)}/${String(selected)}`,
    },
    ...(slowest !== undefined && { slowest }),
    ...(firstRejection !== undefined && {
      firstRejection: {
        ...(firstRejection.proxy !== undefined && { proxy: firstRejection.proxy }),
        message: cutText(firstRejection.message, maxEnvoyMessage),
      },
    }),
    ...(wouldDeny !== undefined && { wouldDeny }),
  };
}

interface Programmed {
  readonly isTrue: boolean;
  readonly reason: 'Programmed' | 'Pending' | 'Rejected';
  readonly message: string;
}

function toProgrammed(facts: PolicyFacts): Programmed {
  const { accepted, counts, firstRejection, instead, mode } = facts;
  const { selected, live } = counts;
  const pending = (message: string): Programmed => ({ isTrue: false, reason: 'Pending', message });
  if (firstRejection !== undefined) return toRejected(facts, firstRejection);
  if (instead !== undefined) return pending(insteadText(instead));
  if (live < selected) return pending(lateText(counts));
  if (selected > 0) {
    return { isTrue: true, reason: 'Programmed', message: `live on ${countText(counts)}` };
  }
  if (mode === 'Disabled') {
    return { isTrue: true, reason: 'Programmed', message: 'mode is Disabled: nothing is in force' };
  }
  return accepted.isTrue
    ? { isTrue: true, reason: 'Programmed', message: 'no sidecar is selected' }
    : pending('no sidecar is selected');
}

function toRejected(
  { counts, instead }: PolicyFacts,
  { proxy = 'a sidecar', message }: { readonly proxy?: string; readonly message: string },
): Programmed {
  const said = `${proxy} refused it: ${cutText(message, maxEnvoyMessage)}`;
  const effect =
    instead === undefined
      ? `in force where it is accepted: live on ${countText(counts)}`
      : insteadText(instead);
  return { isTrue: false, reason: 'Rejected', message: `${said}; ${effect}` };
}

function insteadText(instead: 'last good form' | 'closed'): string {
  return instead === 'last good form'
    ? 'the last good form stays in force'
    : 'no good form is known: its targets admit nobody where it spoke of authorization, and are Strict where it spoke of mtls';
}

function countText({ live, selected }: ProxyCounts): string {
  return `${String(live)} of ${String(selected)} sidecars`;
}

function lateText(counts: ProxyCounts): string {
  const { offline, slowest } = counts;
  return [
    `live on ${countText(counts)}`,
    ...(offline > 0 ? [`${String(offline)} not connected`] : []),
    ...(slowest === undefined ? [] : [`waiting for ${slowest}`]),
  ].join('; ');
}

/** Others may have conditions of theirs beside these. */
const ownConditions: readonly string[] = ['Accepted', 'Programmed'];

/** Whether two statuses say the same; times of transition follow from the rest. */
export function saysTheSame(a: PolicyStatus | undefined, b: PolicyStatus): boolean {
  return a !== undefined && spell(a) === spell(b);
}

function spell(status: PolicyStatus): string {
  const { observedGeneration, target, mode, proxies, slowest, firstRejection, wouldDeny } = status;
  const conditions = status.conditions
    .filter(({ type }) => ownConditions.includes(type))
    .map(({ type, status: is, reason, message, observedGeneration: at }) =>
      [type, is, reason, message, at].join('\n'),
    )
    .sort();
  const { selected, live, rejected, offline, summary } = proxies ?? {};
  return JSON.stringify([
    ...[observedGeneration, target, mode, conditions, slowest],
    ...[selected, live, rejected, offline, summary],
    ...[firstRejection?.proxy, firstRejection?.message],
    ...[wouldDeny?.count, wouldDeny?.callers.map(({ caller, count }) => [caller, count])],
  ]);
}

/** A condition's status and reason, as one text; empty where there is none. */
export function conditionText(status: PolicyStatus | undefined, type: string): string {
  const found = status?.conditions.find((one) => one.type === type);
  return found === undefined ? '' : `${found.status} ${found.reason}`;
}

/** How many of the selected sidecars are not live. */
export function missingIn({ proxies }: PolicyStatus): number {
  // Somebody else may have written it.
  return proxies === undefined ? 0 : Math.max(0, proxies.selected - proxies.live);
}
