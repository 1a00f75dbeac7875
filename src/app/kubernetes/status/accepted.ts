/** The condition Accepted: what the mesh makes of a policy, from all that was found wrong with it. Pure. */
import type { Diagnostic, DiagnosticCode } from '../../../model/index.js';
import { joinSentences } from './sentences.js';

/** Why a policy is accepted, or is not. */
export type AcceptedReason =
  'Accepted' | 'Invalid' | 'TargetNotFound' | 'Conflicted' | 'Overridden';

/** The condition. */
export interface Accepted {
  readonly isTrue: boolean;
  readonly reason: AcceptedReason;
  readonly message: string;
}

/** The worst first. */
const reasons: readonly AcceptedReason[] = [
  'Invalid',
  'TargetNotFound',
  'Conflicted',
  'Overridden',
  'Accepted',
];

/** What sidecars say is told by the condition Programmed. */
const ofSidecars: readonly DiagnosticCode[] = ['Rejected'];

function reasonOf({ code, severity }: Diagnostic): AcceptedReason {
  switch (code) {
    case 'TargetNotFound':
    case 'BackendNotFound':
      return severity === 'error' ? 'TargetNotFound' : 'Accepted';
    case 'Conflicted':
      return 'Conflicted';
    case 'Overridden':
      return 'Overridden';
    default:
      // A warning says that it works.
      return severity === 'error' ? 'Invalid' : 'Accepted';
  }
}

/**
 * `targets`: how many the policy has. A selector that finds nobody is a warning beside targets that
 * are there, and a target that is not found where it is all there is.
 */
export function toAccepted(found: readonly Diagnostic[], targets: number): Accepted {
  const counted = found.filter(({ code }) => !ofSidecars.includes(code));
  const missing = counted.filter(({ code }) => code === 'TargetNotFound');
  const hasNoTarget = targets > 0 && new Set(missing.map(({ field }) => field)).size >= targets;
  const judged = counted.map((one) => ({
    ...one,
    reason:
      hasNoTarget && one.code === 'TargetNotFound' ? ('TargetNotFound' as const) : reasonOf(one),
  }));
  const isTrue = !hasNoTarget && judged.every(({ severity }) => severity === 'warning');
  const reason = reasons.find((one) => judged.some((other) => other.reason === one)) ?? 'Accepted';
  const worst = [...judged].sort((a, b) => reasons.indexOf(a.reason) - reasons.indexOf(b.reason));
  return {
    isTrue,
    reason,
    message: worst.length === 0 ? 'accepted' : joinSentences(worst.map(sentence)),
  };
}

function sentence({ field, message, severity, remedy }: Diagnostic): string {
  const where = field === undefined ? '' : `${field}: `;
  const text = `${where}${message}`;
  return severity === 'error' ? `${text} (${remedy})` : `${text} (warning)`;
}
