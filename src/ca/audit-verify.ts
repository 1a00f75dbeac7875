/** Follows the chains of an audit log through its files, and says what does not hold. Pure. */
import {
  isBeginning,
  readEntry,
  readPoint,
  type ChainPoint,
  type ReadEntry,
} from './audit-chain.js';

/** A file of the log, or a control plane's own log with other lines between. */
export interface AuditFile {
  readonly name: string;
  readonly text: string;
}

/** One chain as far as it is there. */
export interface SeenChain {
  readonly chain: string;
  readonly replica: string;
  readonly first: number;
  readonly last: number;
  /** Of the last entry: who has noted it sees by it whether the end was cut off. */
  readonly hash: string;
}

/** What was found. */
export interface AuditFindings {
  readonly chains: readonly SeenChain[];
  /** What was changed, taken out or put in; each names where. */
  readonly faults: readonly string[];
  /** What is missing, and the log itself says why; or was not to be expected here. */
  readonly notes: readonly string[];
}

interface Placed extends ReadEntry {
  readonly where: string;
}

interface Gathered {
  readonly chains: ReadonlyMap<string, readonly Placed[]>;
  readonly faults: readonly string[];
}

function gather(files: readonly AuditFile[]): Gathered {
  const chains = new Map<string, Map<number, Placed>>();
  const faults: string[] = [];
  for (const { name, text } of files) {
    for (const [at, line] of text.split('\n').entries()) {
      const entry = readEntry(line);
      // Other lines of a log, or half a line of a start that was killed: what is missing has a number.
      if (entry === undefined) continue;
      const placed = { ...entry, where: `${name}:${String(at + 1)}` };
      const chain = chains.get(entry.chain) ?? new Map<number, Placed>();
      chains.set(entry.chain, chain);
      const known = chain.get(entry.line);
      if (known === undefined) chain.set(entry.line, placed);
      // Who keeps logs may deliver a line twice.
      else if (known.hash !== entry.hash) {
        faults.push(
          `${placed.where}: there are two different lines ${String(entry.line)} of chain ${entry.chain}, the other at ${known.where}`,
        );
      }
    }
  }
  const sorted = [...chains].map(([chain, lines]): readonly [string, readonly Placed[]] => [
    chain,
    [...lines.values()].sort((a, b) => a.line - b.line),
  ]);
  return { chains: new Map(sorted), faults };
}

function lostBefore({ fields }: ReadEntry): number {
  return typeof fields['lost'] === 'number' ? fields['lost'] : 0;
}

function range(from: number, to: number): string {
  return from === to ? `line ${String(from)}` : `lines ${String(from)} to ${String(to)}`;
}

/** Follows every chain. `extent`: `partial` where beginnings and whole chains may be missing. */
export function verifyAudit(
  files: readonly AuditFile[],
  extent: 'whole' | 'partial',
): AuditFindings {
  const { chains, faults: found } = gather(files);
  const faults = [...found];
  const notes: string[] = [];
  const entries = [...chains.values()].flat();
  const removed = entries
    .filter(({ fields }) => fields['kind'] === 'removed')
    .flatMap(({ fields }) => readPoint(fields['last']) ?? []);
  const isRemoved = ({ chain, line }: Pick<ChainPoint, 'chain' | 'line'>): boolean =>
    removed.some((point) => point.chain === chain && point.line >= line);
  const missing = (text: string): void => {
    if (extent === 'partial') notes.push(text);
    else faults.push(text);
  };
  const checkFirst = (first: Placed): void => {
    const { chain, line, previous, where } = first;
    if (line === 1) {
      if (!isBeginning(previous)) faults.push(`${where}: line 1 of a chain names one before it`);
      return;
    }
    const text = `${where}: ${range(1, line - 1)} of chain ${chain} are not here`;
    const point = removed.find((one) => one.chain === chain && one.line === line - 1);
    if (point !== undefined && point.hash !== previous) faults.push(`${text}, and were others`);
    else if (point !== undefined) notes.push(`${text}: their files were removed for their age`);
    else if (lostBefore(first) === line - 1) notes.push(`${text}: they could not be written`);
    else missing(text);
  };
  const checkNext = (before: Placed, { line, previous, where, ...next }: Placed): void => {
    if (line === before.line + 1) {
      if (previous === before.hash) return;
      faults.push(
        `${before.where}: this is not the line that was written: the next one, ${where}, names another`,
      );
      return;
    }
    const text = `${where}: ${range(before.line + 1, line - 1)} of chain ${next.chain} are missing`;
    if (lostBefore({ line, previous, ...next }) === line - 1 - before.line) {
      notes.push(`${text}: they could not be written`);
    } else faults.push(text);
  };
  const checkFollowed = ({ where, fields }: Placed): void => {
    const point = readPoint(fields['follows']);
    if (point === undefined) return;
    const followed = chains.get(point.chain);
    const text = `${where}: it follows line ${String(point.line)} of chain ${point.chain}`;
    if (followed === undefined) {
      if (isRemoved(point)) notes.push(`${text}, whose files were removed for their age`);
      else missing(`${text}, of which nothing is here`);
      return;
    }
    const entry = followed.find(({ line }) => line === point.line);
    if (entry === undefined) faults.push(`${text}, which was cut off`);
    else if (entry.hash !== point.hash) faults.push(`${text}, which was another one`);
  };
  for (const chain of chains.values()) {
    for (const [at, entry] of chain.entries()) {
      const before = chain[at - 1];
      if (before === undefined) checkFirst(entry);
      else checkNext(before, entry);
      checkFollowed(entry);
    }
  }
  const seen = [...chains].flatMap(([chain, lines]): readonly SeenChain[] => {
    const [first, last] = [lines[0], lines.at(-1)];
    if (first === undefined || last === undefined) return [];
    const { replica } = last.fields;
    return [
      {
        ...{ chain, replica: typeof replica === 'string' ? replica : '' },
        ...{ first: first.line, last: last.line, hash: last.hash },
      },
    ];
  });
  return { chains: seen, faults, notes };
}
