/** `skerry ca status` in words: the roots, how far their rotation has come, and what it waits for. Pure. */
import type { CaRootView, CaRotationView, CaView } from '../../admin/index.js';
import { formatAge } from '../age.js';
import { formatTable } from '../io.js';

/** How much of a fingerprint people need to tell roots apart. */
const shortLength = 16;

function rootRow(root: CaRootView, nowMs: number): readonly string[] {
  const issuers = root.issuers.map(
    ({ kind, notAfterMs }) => `${kind} ${formatAge(notAfterMs - nowMs)}`,
  );
  return [
    root.slot,
    root.fingerprint.slice(0, shortLength),
    formatAge(root.notAfterMs - nowMs),
    root.hasKey ? 'here' : 'elsewhere',
    issuers.join(', ') || '-',
  ];
}

type StepState = 'done' | 'now' | 'to come';

function stepRows({ phase, sinceMs }: CaRotationView, nowMs: number): readonly string[][] {
  const since = sinceMs === undefined ? '-' : formatAge(nowMs - sinceMs);
  const states: readonly (readonly [string, StepState])[] = [
    ['publish next, until every sidecar trusts it', phase === 'publishing' ? 'now' : 'done'],
    [
      'sign with it, until nobody holds a certificate of the former root',
      phase === 'draining' ? 'now' : 'to come',
    ],
    ['retire the former root', 'to come'],
  ];
  return states.map(([step, state]) => [step, state, state === 'now' ? since : '-']);
}

function rotationLines(rotation: CaRotationView, nowMs: number): readonly string[] {
  const { phase, mode, startedAtMs, waiting, leftBehind, problem } = rotation;
  if (phase === 'none') return ['', 'no rotation is under way'];
  const begun = startedAtMs === undefined ? '' : `, begun ${formatAge(nowMs - startedAtMs)} ago`;
  const held = waiting.map(({ kind, name, why }) => `  ${kind} ${name}: ${why}`);
  return [
    '',
    `rotation of the root: ${mode}${begun}`,
    formatTable(['STEP', 'STATE', 'SINCE'], stepRows(rotation, nowMs)),
    '',
    ...(problem === undefined ? [] : [`cannot be looked at: ${problem}`]),
    ...(held.length > 0 ? ['waits for:', ...held] : ['waits for nobody']),
    ...(leftBehind.length > 0
      ? [
          `does not wait for ${leftBehind.join(', ')}: away for longer than a certificate lives; ` +
            'they are given a new one when they connect again',
        ]
      : []),
  ];
}

/** The view that speaks for all: the leader's, or else the first. */
export function leading(views: readonly CaView[]): CaView | undefined {
  return views.find(({ isLeader }) => isLeader) ?? views[0];
}

function slotsOf({ roots }: CaView): string {
  return roots.map(({ slot, fingerprint }) => `${slot} ${fingerprint}`).join();
}

/** Replicas whose slots are not those of the leader, in words. */
export function disagreements(views: readonly CaView[]): readonly string[] {
  const first = leading(views);
  if (first === undefined) return [];
  return views
    .filter((view) => slotsOf(view) !== slotsOf(first))
    .map(({ replica }) => `replica ${replica} uses other slots than ${first.replica}`);
}

function alarmLines({ alarms, nowMs }: CaView): readonly string[] {
  return alarms.map(({ what, notAfterMs, level, remedy }) => {
    const when = level === 0 ? 'has expired' : `expires in ${formatAge(notAfterMs - nowMs)}`;
    return `alarm: the ${what} ${when}: ${remedy}`;
  });
}

/** The whole, for people. */
export function spellCaStatus(views: readonly CaView[]): string {
  const view = leading(views);
  if (view === undefined) return 'no replica has answered';
  const { nowMs, roots, rotation, trustDomain } = view;
  return [
    `trust domain ${trustDomain}`,
    '',
    formatTable(
      ['SLOT', 'ROOT', 'EXPIRES IN', 'ITS KEY', 'INTERMEDIATES EXPIRE IN'],
      roots.map((root) => rootRow(root, nowMs)),
    ),
    ...rotationLines(rotation, nowMs),
    ...alarmLines(view),
    ...disagreements(views),
  ].join('\n');
}
