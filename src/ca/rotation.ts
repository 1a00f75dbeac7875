/** Turns the root over, one step at a time, each taken on evidence; what has come of it rests in the store. Mutable. */
import { fail, ok, type Result } from '../lib/index.js';
import { rootsOf, type OpenSlots } from './open-slots.js';
import { gate, phaseOf, type Evidence, type RotationPhase, type Waiting } from './rotation-gate.js';
import {
  createMoves,
  type MoveOutcome,
  type MovesOptions,
  type RotationMode,
  type RotationStep,
} from './rotation-moves.js';
import { areSameRoots, type SlotRoots } from './rotation-record.js';
import type { SlotFiles } from './store.js';

/** What a rotation needs. */
export interface RotationOptions extends MovesOptions {
  /** What is known right now of all sidecars and replicas. Rejects when that cannot be found out. */
  readonly evidence: () => Promise<Evidence>;
  /** Whether this replica acts for all; asked right before each step. */
  readonly mayAdvance: () => boolean;
  readonly onStep: (step: RotationStep) => void;
  /** Told once for each problem in a row. */
  readonly onFailure: (error: unknown) => void;
  /** Milliseconds of a clock that nobody can set; by default the machine's. */
  readonly monotonicMs?: () => number;
  /** How long a forced rotation waits for sidecars that are connected; a minute by default. */
  readonly graceMs?: number;
}

/** How far it is. */
export interface RotationView {
  readonly phase: RotationPhase;
  readonly roots: SlotRoots;
  readonly mode: RotationMode;
  /** When the rotation and when this phase began; absent while there is none. */
  readonly startedAtMs?: number;
  readonly sinceMs?: number;
  readonly waiting: readonly Waiting[];
  /** Pods that were away for so long that they do not count any more. */
  readonly leftBehind: readonly string[];
  /** Why the evidence could not be looked at last time. */
  readonly problem?: string;
}

/** The rotation of the root; at most one at a time. */
export interface Rotation {
  /**
   * Begins one, to a root of our own making or to `files` that an operator has brought. One that is
   * under way is forced where `mode` says so. Any replica may do this.
   */
  start(mode: RotationMode, files?: SlotFiles): Promise<Result<RotationView, string>>;
  /**
   * While `publishing`: the next root is dropped. While `draining`: the former root signs again, and
   * the new one is drained in its stead.
   */
  abort(): Promise<Result<RotationView, string>>;
  view(): RotationView;
  /** Looks at the evidence, and takes the next step if it may; done every two seconds between `begin` and `stop`. */
  look(): Promise<void>;
  begin(): void;
  stop(): void;
}

const lookMs = 2_000;
const defaultGraceMs = 60_000;

/** What was found when the evidence was last looked at. */
interface Findings {
  readonly roots: SlotRoots;
  readonly waiting: readonly Waiting[];
  readonly leftBehind: readonly string[];
  readonly problem?: string;
}

function viewOf(slots: OpenSlots, findings: Findings | undefined): RotationView {
  const roots = rootsOf(slots);
  const { rotation } = slots;
  const phase = phaseOf(roots);
  const found =
    findings !== undefined && areSameRoots(findings.roots, roots)
      ? findings
      : { waiting: [], leftBehind: [] };
  return {
    ...found,
    ...{ phase, roots, mode: rotation?.mode ?? 'staged' },
    ...(phase !== 'none' &&
      rotation !== undefined && {
        ...{ startedAtMs: rotation.startedAtMs, sinceMs: rotation.sinceMs },
      }),
  };
}

/** Since when pods are not connected. Mutable. */
interface Absences {
  note(evidence: Evidence): void;
  forMs(pod: string): number;
  clear(): void;
}

function createAbsences(monotonicMs: () => number): Absences {
  const sinceMs = new Map<string, number>();
  return {
    note({ pods, replicas }): void {
      const connected = new Set(replicas.flatMap(({ sidecars }) => sidecars.map(({ pod }) => pod)));
      const absent = new Set(pods.filter((pod) => !connected.has(pod)));
      for (const pod of sinceMs.keys()) if (!absent.has(pod)) sinceMs.delete(pod);
      for (const pod of absent) if (!sinceMs.has(pod)) sinceMs.set(pod, monotonicMs());
    },
    forMs(pod): number {
      const since = sinceMs.get(pod);
      return since === undefined ? 0 : monotonicMs() - since;
    },
    clear(): void {
      sinceMs.clear();
    },
  };
}

/** A rotation at rest. */
export function createRotation(options: RotationOptions): Rotation {
  const { authority, clock, lifetimes, mayAdvance, graceMs = defaultGraceMs } = options;
  const absences = createAbsences(options.monotonicMs ?? (() => performance.now()));
  const moves = createMoves(options);
  let findings: Findings | undefined;
  let cancel = (): void => undefined;
  let isStopped = true;

  const view = (): RotationView => viewOf(authority.slots(), findings);
  const told = (outcome: MoveOutcome): Result<RotationView, string> => {
    if (!outcome.ok) return fail(outcome.error);
    options.onStep(outcome.value);
    return ok(view());
  };
  const look = async (): Promise<void> => {
    if (phaseOf(rootsOf(authority.slots())) === 'none') {
      absences.clear();
      return;
    }
    // First the slots, then the evidence: a step is made on no other slots than the evidence is about.
    const slots = await authority.reload();
    const { rotation } = slots;
    if (rotation === undefined) {
      if (mayAdvance()) await moves.count(slots);
      return;
    }
    const evidence = await options.evidence();
    absences.note(evidence);
    const roots = rootsOf(slots);
    const outcome = gate({
      ...{ roots, evidence, graceMs },
      ...{ move: rotation.move, mode: rotation.mode, sinceMs: rotation.sinceMs },
      ...{ nowMs: clock.now(), leafMs: lifetimes.leafMs, absentMs: (pod) => absences.forMs(pod) },
    });
    findings = { roots, ...outcome };
    // Who is not the first to write has nothing to say: the next look finds what the other has done.
    if (outcome.waiting.length === 0 && mayAdvance()) told(await moves.advance(slots));
  };
  const lookSafely = async (): Promise<void> => {
    try {
      await look();
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (findings?.problem !== problem) options.onFailure(error);
      findings = { roots: rootsOf(authority.slots()), waiting: [], leftBehind: [], problem };
    }
  };
  const schedule = (): void => {
    cancel = clock.after(lookMs, () => {
      void lookSafely().then(() => {
        if (!isStopped) schedule();
      });
    });
  };

  return {
    async start(mode, files): Promise<Result<RotationView, string>> {
      const slots = await authority.reload();
      const isUnderWay = phaseOf(rootsOf(slots)) !== 'none';
      const isForcing = isUnderWay && mode === 'forced' && files === undefined;
      return told(await (isForcing ? moves.force(slots) : moves.start(slots, mode, files)));
    },
    async abort(): Promise<Result<RotationView, string>> {
      return told(await moves.abort(await authority.reload()));
    },
    view,
    look: lookSafely,
    begin(): void {
      isStopped = false;
      schedule();
    },
    stop(): void {
      isStopped = true;
      cancel();
    },
  };
}
