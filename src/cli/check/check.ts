/** What a check is, and how checks are run: in order, each once, none holding back one that can do without it. */
import { KubernetesApiError } from '../../sources/index.js';
import { CommandError } from '../io.js';
import { checkCodes, type CheckCode } from './codes.js';
import type { Facts } from './facts.js';

/** One thing that is wrong. */
export interface CheckFinding {
  readonly code: CheckCode;
  /** What was found; one line that names objects. */
  readonly says: string;
}

/** What a check saw. */
export interface CheckOutcome {
  /** One line for people. */
  readonly says: string;
  readonly findings: readonly CheckFinding[];
}

/** One check. */
export interface Check {
  readonly name: string;
  /** Checks without which this one has nothing to look at: it is skipped when one of them failed. */
  readonly needs?: readonly string[];
  look(facts: Facts): Promise<CheckOutcome>;
}

/** How a check ended. */
export type CheckResult = 'ok' | 'warning' | 'failed' | 'skipped';

/** A check's outcome with what to do about it. */
export interface CheckReport {
  readonly name: string;
  readonly result: CheckResult;
  readonly says: string;
  readonly findings: readonly (CheckFinding & {
    readonly cause: string;
    readonly remedy: string;
  })[];
}

/** Nothing wrong. */
export function fine(says: string): CheckOutcome {
  return { says, findings: [] };
}

function resultOf(findings: readonly CheckFinding[]): CheckResult {
  if (findings.length === 0) return 'ok';
  const isFailed = findings.some(({ code }) => checkCodes[code].severity === 'failed');
  return isFailed ? 'failed' : 'warning';
}

function reportOf(name: string, { says, findings }: CheckOutcome): CheckReport {
  const explained = findings.map((finding) => {
    const { cause, remedy } = checkCodes[finding.code];
    return { ...finding, cause, remedy };
  });
  return { name, result: resultOf(findings), says, findings: explained };
}

/** A check that could not look; undefined: it is a bug. */
function outcomeOf(error: unknown): CheckOutcome | undefined {
  if (error instanceof CommandError) {
    return { says: 'not known', findings: [{ code: 'MayNotLook', says: error.message }] };
  }
  if (!(error instanceof KubernetesApiError)) return undefined;
  const code = error.status === 401 || error.status === 403 ? 'MayNotLook' : 'ApiServerAway';
  return { says: 'not known', findings: [{ code, says: error.message }] };
}

async function run(check: Check, facts: Facts): Promise<CheckOutcome> {
  try {
    return await check.look(facts);
  } catch (error) {
    const outcome = outcomeOf(error);
    if (outcome === undefined) throw error;
    return outcome;
  }
}

/** Runs checks one after another; a report as soon as each is done. */
export async function* runChecks(
  checks: readonly Check[],
  facts: Facts,
): AsyncGenerator<CheckReport> {
  const broken = new Set<string>();
  for (const check of checks) {
    const missing = check.needs?.find((name) => broken.has(name));
    const report: CheckReport =
      missing === undefined
        ? reportOf(check.name, await run(check, facts))
        : { name: check.name, result: 'skipped', says: `see ${missing}`, findings: [] };
    if (report.result === 'failed' || report.result === 'skipped') broken.add(check.name);
    yield report;
  }
}
