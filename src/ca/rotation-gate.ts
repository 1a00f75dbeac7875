/** What a rotation of the root waits for, decided from what is known of sidecars and replicas. Pure. */
import type { SlotRoots } from './rotation-record.js';

/** A sidecar that is connected, as the replica that serves it knows it. */
export interface SidecarEvidence {
  /** `namespace/pod`. */
  readonly pod: string;
  /** It has accepted the trust bundle that the replica gives out now. */
  readonly hasBundle: boolean;
  /** Root of the certificate that it has accepted last; absent: it has accepted none yet. */
  readonly certificateRoot?: string;
  /** Root of the certificate by which it knew the replica when it connected. */
  readonly serverRoot?: string;
}

/** What one replica knows. */
export interface ReplicaEvidence {
  readonly replica: string;
  /** The move of the slots that it has taken into use last; undefined: none is known of. */
  readonly move: string | undefined;
  readonly sidecars: readonly SidecarEvidence[];
}

/** What all replicas know. */
export interface Evidence {
  readonly replicas: readonly ReplicaEvidence[];
  /** Replicas that are there, or may be, and have told nothing. */
  readonly silent: readonly string[];
  /** Pods with a sidecar that run, connected or not. */
  readonly pods: readonly string[];
  /** Where the bundle is to be published and is not yet, in words. */
  readonly unpublished: readonly string[];
}

/** `publishing`: sidecars learn to trust `next`. `draining`: `active` signs, `retired` goes. */
export type RotationPhase = 'none' | 'publishing' | 'draining';

/** One thing that holds the rotation back. */
export interface Waiting {
  readonly kind: 'replica' | 'publication' | 'sidecar' | 'time';
  /** Who is late. */
  readonly name: string;
  readonly why: string;
}

/** What the gate looks at. */
export interface GateInput {
  readonly roots: SlotRoots;
  /** The move that the slots came to be as they are by. */
  readonly move: string;
  readonly mode: 'staged' | 'forced';
  /** How long the slots have been as they are. */
  readonly sinceMs: number;
  readonly nowMs: number;
  /** The longest life of a workload's certificate. */
  readonly leafMs: number;
  /** How long a forced rotation waits for those who are connected. */
  readonly graceMs: number;
  readonly evidence: Evidence;
  /** How long a pod has been seen without a connection; 0: it is connected, or was a moment ago. */
  readonly absentMs: (pod: string) => number;
}

/** What came out. */
export interface GateOutcome {
  /** Empty: the next step may be taken. */
  readonly waiting: readonly Waiting[];
  /** Pods that were away for so long that no certificate of theirs is valid any more; they do not count. */
  readonly leftBehind: readonly string[];
}

/** The phase that follows from which slots there are. */
export function phaseOf(roots: SlotRoots): RotationPhase {
  if (roots.retired !== undefined) return 'draining';
  return roots.next === undefined ? 'none' : 'publishing';
}

function inWords(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 120) return `${String(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 120 ? `${String(minutes)} min` : `${String(Math.ceil(minutes / 60))} h`;
}

/** Old leaves end by then; a little more, for replicas that took the new root into use a moment later. */
function drainMs(leafMs: number): number {
  return leafMs + Math.min(60_000, leafMs / 10);
}

function lateReplicas({ move, evidence }: GateInput): readonly Waiting[] {
  const behind = evidence.replicas.filter((one) => one.move !== move);
  return [
    ...behind.map(({ replica }): Waiting => ({
      ...{ kind: 'replica', name: replica },
      why: 'has not taken the slots into use yet',
    })),
    ...evidence.silent.map((name): Waiting => ({
      kind: 'replica',
      name,
      why: 'has not told of its sidecars',
    })),
  ];
}

/** Why this sidecar is not ready for the next step; undefined: it is. */
function whyLate(
  sidecar: SidecarEvidence,
  { roots, mode }: GateInput,
  phase: RotationPhase,
): string | undefined {
  if (phase === 'publishing') {
    return sidecar.hasBundle ? undefined : 'has not accepted the bundle with the next root';
  }
  if (sidecar.certificateRoot !== roots.active) {
    return 'has not accepted a certificate of the new root';
  }
  // Only a new connection shows that its file with the bundle has the new root.
  if (mode === 'staged' && sidecar.serverRoot !== roots.active) {
    return 'has not connected since the control plane shows a certificate of the new root';
  }
  return undefined;
}

function lateSidecars(input: GateInput, phase: RotationPhase): readonly Waiting[] {
  return input.evidence.replicas.flatMap(({ sidecars }) =>
    sidecars.flatMap((sidecar): readonly Waiting[] => {
      const why = whyLate(sidecar, input, phase);
      return why === undefined ? [] : [{ kind: 'sidecar', name: sidecar.pod, why }];
    }),
  );
}

function absentPods({ evidence }: GateInput): readonly string[] {
  const connected = new Set(
    evidence.replicas.flatMap(({ sidecars }) => sidecars.map(({ pod }) => pod)),
  );
  return evidence.pods.filter((pod) => !connected.has(pod));
}

function unique(waiting: readonly Waiting[]): readonly Waiting[] {
  const seen = new Set<string>();
  return waiting.filter(({ kind, name }) => {
    const key = `${kind} ${name}`;
    const isNew = !seen.has(key);
    seen.add(key);
    return isNew;
  });
}

function forcedGate(input: GateInput, phase: RotationPhase): GateOutcome {
  const leftBehind = absentPods(input);
  const isOver = input.nowMs >= input.sinceMs + input.graceMs;
  const waiting = isOver ? [] : [...lateReplicas(input), ...lateSidecars(input, phase)];
  return { waiting: unique(waiting), leftBehind };
}

/**
 * What the next step waits for. `publishing` ends when all who hold a certificate trust the next root;
 * `draining` when none holds, and none verifies us by, the retired one. A pod that is not connected
 * counts as long as a certificate of its can be valid.
 */
export function gate(input: GateInput): GateOutcome {
  const phase = phaseOf(input.roots);
  if (phase === 'none') return { waiting: [], leftBehind: [] };
  if (input.mode === 'forced') return forcedGate(input, phase);
  const endMs = input.sinceMs + drainMs(input.leafMs);
  const isEarly = phase === 'draining' && input.nowMs < endMs;
  const time: Waiting = {
    ...{ kind: 'time', name: 'certificates of the former root' },
    why: `the last of them expires within ${inWords(endMs - input.nowMs)}`,
  };
  const absent = absentPods(input);
  const leftBehind = absent.filter((pod) => input.absentMs(pod) > drainMs(input.leafMs));
  const missing = absent
    .filter((pod) => !leftBehind.includes(pod))
    .map((name): Waiting => {
      const leftMs = drainMs(input.leafMs) - input.absentMs(name);
      const why = `is not connected; it counts for ${inWords(leftMs)} more, as its certificate may be valid`;
      return { kind: 'sidecar', name, why };
    });
  const unpublished = input.evidence.unpublished.map((name): Waiting => ({
    kind: 'publication',
    name,
    why: 'does not hold the bundle as it is now',
  }));
  const waiting = unique([
    ...lateReplicas(input),
    ...unpublished,
    ...lateSidecars(input, phase),
    ...missing,
    ...(isEarly ? [time] : []),
  ]);
  return { waiting, leftBehind };
}
