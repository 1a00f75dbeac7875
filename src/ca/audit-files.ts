/** Files of the audit log: appended to, turned over by size, the oldest removed. Mutable state. */
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { lastEntry, type ChainPoint } from './audit-chain.js';

const pattern = /^audit-(\d{8})-[0-9a-f]{16}\.jsonl$/;

/** Names of the log's files in a directory, oldest first; by number, since clocks jump. */
export function listAuditFiles(directory: string): readonly string[] {
  return readdirSync(directory)
    .filter((name) => pattern.test(name))
    .sort();
}

/** Where the log in a directory has ended so far; undefined: there is none. */
export function endOfAudit(directory: string): ChainPoint | undefined {
  for (const name of [...listAuditFiles(directory)].reverse()) {
    const end = lastEntry(readFileSync(join(directory, name), 'utf8'));
    // A start that was killed may have left nothing but a name.
    if (end !== undefined) return end;
  }
  return undefined;
}

/** The files of one chain. */
export interface AuditFiles {
  /** Appends a line, and says into which file; throws when it could not be written, and then nothing of it is there. */
  append(line: string): 'same' | 'new';
  /** Files beyond those to be kept, oldest first. */
  surplus(): readonly string[];
  close(): void;
}

/** What the files are made with. */
export interface AuditFilesOptions {
  readonly directory: string;
  readonly chain: string;
  /** Size at which a file is turned over. */
  readonly maxBytes: number;
  readonly maxFiles: number;
}

/** Files of a chain that has none yet; the directory (0700) and the first file (0600) are made by the first line. */
export function auditFiles({
  directory,
  chain,
  maxBytes,
  maxFiles,
}: AuditFilesOptions): AuditFiles {
  let descriptor: number | undefined;
  let bytes = 0;
  const close = (): void => {
    if (descriptor !== undefined) closeSync(descriptor);
    descriptor = undefined;
  };
  const turnOver = (): number => {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const newest = listAuditFiles(directory).at(-1) ?? '';
    const number = Number(pattern.exec(newest)?.[1] ?? 0) + 1;
    const name = `audit-${String(number).padStart(8, '0')}-${chain}.jsonl`;
    const opened = openSync(join(directory, name), 'ax', 0o600);
    close();
    descriptor = opened;
    bytes = 0;
    return opened;
  };
  return {
    append(line): 'same' | 'new' {
      const text = Buffer.from(`${line}\n`);
      const isFull = bytes > 0 && bytes + text.length > maxBytes;
      const before = descriptor;
      const file = before === undefined || isFull ? turnOver() : before;
      const written = writeSync(file, text);
      if (written < text.length) {
        ftruncateSync(file, bytes);
        throw new Error('expected room for a line, found less');
      }
      bytes += written;
      return file === before ? 'same' : 'new';
    },
    surplus: () =>
      listAuditFiles(directory)
        .slice(0, -maxFiles)
        .map((name) => join(directory, name)),
    close,
  };
}

/** Where a file ends; undefined where it holds no entry. */
export function endOfFile(path: string): ChainPoint | undefined {
  return lastEntry(readFileSync(path, 'utf8'));
}

/** Removes a file of the log. */
export function removeAuditFile(path: string): void {
  rmSync(path, { force: true });
}
