/** What an expectation of the demo is, and what it may use. */
import type { CallRecord, CallWay } from './call-record.js';
import type { CallResult, Mesh } from './rig/index.js';

/** What came of an expectation, as `--json` prints it. */
export interface ExpectationResult {
  readonly name: string;
  readonly ok: boolean;
  /** What was found, whether it held or not. */
  readonly detail: string;
}

/** What an expectation finds. */
export type Finding = Omit<ExpectationResult, 'name'>;

/** What an expectation works with. */
export interface DemoContext {
  readonly mesh: Mesh;
  /** A text that stands in every request's header and body, and nowhere else. */
  readonly marker: string;
  /** Writes a call into the demo's table and returns its result. */
  readonly record: (way: CallWay, call: Promise<CallResult>) => Promise<CallResult>;
  readonly calls: readonly CallRecord[];
}

/** One promise of the mesh and how the demo sees that it holds. */
export interface Expectation {
  /** A sentence of fact. */
  readonly name: string;
  /** May throw: that counts as not held. */
  check(context: DemoContext): Promise<Finding>;
}

/** `frontend → reviews: …` facts in one finding: held when all are. */
export function allOf(facts: readonly (readonly [fact: string, holds: boolean])[]): Finding {
  return {
    ok: facts.every(([, holds]) => holds),
    detail: facts.map(([fact, holds]) => (holds ? fact : `NOT AS EXPECTED: ${fact}`)).join('; '),
  };
}

/** A call's outcome in a few words. */
export function say(result: CallResult): string {
  const parts = [
    String(result.status ?? 'no answer'),
    ...(result.version === null ? [] : [`from ${result.version}`]),
    ...(result.peerSpiffeId === null ? [] : [`the server saw ${result.peerSpiffeId}`]),
    ...(result.error === null ? [] : [`(${result.error.trim()})`]),
  ];
  return `${parts.join(' ')} in ${result.ms.toFixed(0)} ms`;
}
