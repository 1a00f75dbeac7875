/** Keeps what sidecars said of policies in a directory, one file a policy, so that a later control plane knows it too. */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PolicyKey } from '../model/index.js';
import type { PolicyVerdict, VerdictStore } from './effective-policies.js';

/** A map on disk; JSON has none. */
interface MapOnDisk {
  readonly $map: readonly (readonly [unknown, unknown])[];
}

function toDisk(_key: string, value: unknown): unknown {
  return value instanceof Map ? ({ $map: [...value] } satisfies MapOnDisk) : value;
}

function fromDisk(_key: string, value: unknown): unknown {
  return typeof value === 'object' && value !== null && '$map' in value
    ? new Map((value as MapOnDisk).$map)
    : value;
}

function fileName(key: PolicyKey): string {
  return `${createHash('sha256').update(key).digest('hex').slice(0, 32)}.json`;
}

/**
 * A store below `directory` (made with mode 0700). Writes are atomic and happen one after another;
 * a failed write is reported and leaves the older verdict on disk.
 */
export function createVerdictStore(
  directory: string,
  onError: (error: unknown) => void,
): VerdictStore & { flush(): Promise<void> } {
  // Latest content by file: a burst of verdicts on one policy is one write.
  const pending = new Map<string, PolicyVerdict | undefined>();
  let writing: Promise<void> | undefined;

  const write = async (file: string, verdict: PolicyVerdict | undefined): Promise<void> => {
    const path = join(directory, file);
    if (verdict === undefined) {
      await rm(path, { force: true });
      return;
    }
    const temporary = `${path}.tmp`;
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(JSON.stringify(verdict, toDisk));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  };

  const drain = async (): Promise<void> => {
    for (;;) {
      const [next] = pending;
      if (next === undefined) break;
      pending.delete(next[0]);
      await write(next[0], next[1]).catch(onError);
    }
    writing = undefined;
  };

  const enqueue = (key: PolicyKey, verdict: PolicyVerdict | undefined): void => {
    pending.set(fileName(key), verdict);
    writing ??= drain();
  };

  return {
    async load(): Promise<readonly PolicyVerdict[]> {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const verdicts: PolicyVerdict[] = [];
      for (const file of (await readdir(directory)).sort()) {
        if (!file.endsWith('.json')) continue;
        try {
          const text = await readFile(join(directory, file), 'utf8');
          verdicts.push(JSON.parse(text, fromDisk) as PolicyVerdict);
        } catch (error) {
          onError(error);
        }
      }
      return verdicts;
    },
    save(verdict): void {
      enqueue(verdict.key, verdict);
    },
    forget(key): void {
      enqueue(key, undefined);
    },
    async flush(): Promise<void> {
      await writing;
    },
  };
}
