/**
 * The audit log as entries that hold on to each other: each names the SHA-256 of the one before it, so
 * that an entry which was changed, moved or taken out is found. Pure. What it cannot show is that the
 * last entries were cut off, or that somebody has written all of it anew: for that a copy is kept elsewhere.
 */
import { createHash } from 'node:crypto';

/** Values of an entry; flat but for what it names of other chains. */
export type AuditFields = Readonly<Record<string, unknown>>;

/** Names one entry of a chain. */
export interface ChainPoint {
  readonly chain: string;
  readonly line: number;
  /** SHA-256 of the entry, hexadecimal. */
  readonly hash: string;
}

const noEntry = '0'.repeat(64);

/** The end of a chain that has no entry yet. */
export function newChain(chain: string): ChainPoint {
  return { chain, line: 0, hash: noEntry };
}

function isObject(value: unknown): value is AuditFields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Keys in order, at every depth: who keeps logs may put them in another one. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (!isObject(value)) return value;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, canonical(value[key])]));
}

function hashOf(entry: AuditFields): string {
  return createHash('sha256')
    .update(JSON.stringify(canonical(entry)))
    .digest('hex');
}

/** The entry after `end`, and the chain's end with it. */
export function linkEntry(
  { chain, line, hash }: ChainPoint,
  fields: AuditFields,
): { readonly entry: AuditFields; readonly end: ChainPoint } {
  const entry = { chain, line: line + 1, previous: hash, ...fields };
  return { entry, end: { chain, line: line + 1, hash: hashOf(entry) } };
}

/** An entry that was read. */
export interface ReadEntry extends ChainPoint {
  readonly previous: string;
  readonly fields: AuditFields;
}

/** The entry on a line of an audit file, or in the field `audit` of a control plane's log; undefined: there is none. */
export function readEntry(text: string): ReadEntry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const fields = isObject(value) && isObject(value['audit']) ? value['audit'] : value;
  if (!isObject(fields)) return undefined;
  const { chain, line, previous } = fields;
  const isEntry =
    typeof chain === 'string' && typeof line === 'number' && typeof previous === 'string';
  return isEntry ? { chain, line, previous, hash: hashOf(fields), fields } : undefined;
}

/** A chain point that an entry names; undefined: there is none. */
export function readPoint(value: unknown): ChainPoint | undefined {
  if (!isObject(value)) return undefined;
  const { chain, line, hash } = value;
  const isPoint = typeof chain === 'string' && typeof line === 'number' && typeof hash === 'string';
  return isPoint ? { chain, line, hash } : undefined;
}

/** The last entry in a file's text, which may end in half a line; undefined: there is none. */
export function lastEntry(text: string): ChainPoint | undefined {
  const entry = text
    .split('\n')
    .reverse()
    .map(readEntry)
    .find((one) => one !== undefined);
  return entry === undefined
    ? undefined
    : { chain: entry.chain, line: entry.line, hash: entry.hash };
}

/** Whether `point` is the beginning of all chains: what the first entry names. */
export function isBeginning(hash: string): boolean {
  return hash === noEntry;
}
