/** What is written down beside the slots about a rotation of the root: since when, and how. Pure. */
import type { SlotName } from './store.js';

/** Name of the record. */
export const rotationRecord = 'rotation.json';

/** Fingerprints of the roots in their slots. */
export type SlotRoots = Readonly<Partial<Record<SlotName, string>>>;

/** About one arrangement of the slots; says nothing of any other. */
export interface RotationRecord {
  readonly roots: SlotRoots;
  /** Tells this move from every other one, though they may end in the same arrangement. */
  readonly move: string;
  /** The root that was active when the rotation began: whoever trusts any root trusts that one. */
  readonly former: string;
  /** When the rotation began, and when the slots came to be as they are; milliseconds since the epoch. */
  readonly startedAtMs: number;
  readonly sinceMs: number;
  /** `forced`: it does not wait for those who are late, nor for old certificates to expire. */
  readonly mode: 'staged' | 'forced';
}

/** Whether both name the same roots in the same slots. */
export function areSameRoots(a: SlotRoots, b: SlotRoots): boolean {
  return a.active === b.active && a.next === b.next && a.retired === b.retired;
}

/** The record's text. */
export function spellRotation(record: RotationRecord): string {
  return JSON.stringify(record);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** The record, if there is one about these roots; a text that cannot be read is none. */
export function parseRotation(
  text: string | undefined,
  roots: SlotRoots,
): RotationRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
  if (!isObject(value) || !isObject(value['roots'])) return undefined;
  const { startedAtMs, sinceMs, move, former } = value;
  if (typeof startedAtMs !== 'number' || typeof sinceMs !== 'number') return undefined;
  if (typeof move !== 'string' || typeof former !== 'string') return undefined;
  if (!areSameRoots(value['roots'], roots)) return undefined;
  const mode = value['mode'] === 'forced' ? 'forced' : 'staged';
  return { roots, move, former, startedAtMs, sinceMs, mode };
}
