/** The audit log of one control plane: each start is a chain, which says where the last one has ended. Mutable state. */
import { basename } from 'node:path';
import type { Clock } from '../lib/index.js';
import { linkEntry, newChain, type AuditFields, type ChainPoint } from './audit-chain.js';
import {
  auditFiles,
  endOfAudit,
  endOfFile,
  removeAuditFile,
  type AuditFiles,
} from './audit-files.js';
import type { CaAuditEvent } from './authority-options.js';
import { randomLabel } from './slot.js';

const defaultMaxBytes = 16 * 1024 * 1024;
const defaultMaxFiles = 64;

/** The log. */
export interface AuditLog {
  /** Writes one entry. It never throws: a full disk must not keep workloads from certificates. */
  write(event: CaAuditEvent): void;
  close(): void;
}

/** What the log needs. */
export interface AuditLogOptions {
  /** Name of this control plane among those that run. */
  readonly replica: string;
  readonly clock: Clock;
  readonly randomBytes: (count: number) => Uint8Array;
  /** Gets each entry, whether or not it could be written to a file. */
  readonly emit: (entry: AuditFields) => void;
  /** Where files are kept; absent: nowhere, who gets the entries keeps them. */
  readonly directory?: string;
  /** Size at which a file is turned over, in bytes; 16 MiB by default. */
  readonly maxBytes?: number;
  /** Older files beyond these are removed; 64 by default. */
  readonly maxFiles?: number;
  /** Told of each entry that is in no file; `isFirst`: the one before was. */
  readonly onLost: (error: unknown, isFirst: boolean) => void;
}

/** Whether a file was begun. */
type Put = (fields: AuditFields) => boolean;

/** The end of what is there; where it cannot be read the new chain follows nothing, which `verifyAudit` finds. */
function followed(directory: string | undefined): ChainPoint | undefined {
  try {
    return directory === undefined ? undefined : endOfAudit(directory);
  } catch {
    return undefined;
  }
}

/** Removes old files, each after an entry that says where it has ended. */
function removeSurplus(files: AuditFiles, put: Put): void {
  for (const path of files.surplus()) {
    const last = endOfFile(path);
    put({ kind: 'removed', file: basename(path), ...(last !== undefined && { last }) });
    removeAuditFile(path);
  }
}

/** Begins a chain. */
export function openAuditLog(options: AuditLogOptions): AuditLog {
  const { replica, clock, emit, directory, onLost } = options;
  const { maxBytes = defaultMaxBytes, maxFiles = defaultMaxFiles } = options;
  const chain = randomLabel(options.randomBytes).slice(0, 16);
  const files =
    directory === undefined ? undefined : auditFiles({ directory, chain, maxBytes, maxFiles });
  let end = newChain(chain);
  let lost = 0;

  const put: Put = (fields) => {
    const time = new Date(clock.now()).toISOString();
    // The same entry for files and for who gets them, so that one makes up for what the other lacks.
    const missing = lost > 0 ? { lost } : {};
    const next = linkEntry(end, { time, replica, ...missing, ...fields });
    end = next.end;
    let isNew = false;
    try {
      isNew = files?.append(JSON.stringify(next.entry)) === 'new';
      lost = 0;
    } catch (error) {
      lost += 1;
      onLost(error, lost === 1);
    }
    emit(next.entry);
    return isNew;
  };

  const write = (fields: AuditFields): void => {
    if (!put(fields) || files === undefined) return;
    try {
      removeSurplus(files, put);
    } catch {
      // What cannot be removed now is tried again when the next file is begun.
    }
  };

  const follows = followed(directory);
  write({ kind: 'begin', ...(follows !== undefined && { follows }) });
  return {
    write: (event) => {
      write({ ...event });
    },
    close: () => files?.close(),
  };
}
