/** An Envoy that asks another clock: the binary behind a script that puts a false one before it. */
import { execFile } from 'node:child_process';
import { chmod, cp, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The clocks of the Envoys that are started by one script. */
export interface FalseClocks {
  /** The script, in the binary's place. */
  readonly envoy: string;
  /** Sets the clock of a pod (`namespace/name`) so many seconds ahead, at once. */
  set(pod: string, aheadSeconds: number): Promise<void>;
  remove(): Promise<void>;
}

/** Clocks of these pods, right at first. Rejects where there is no C compiler. */
export async function createFalseClocks(
  envoy: string,
  pods: readonly string[],
): Promise<FalseClocks> {
  // The users of pods may not enter home directories.
  const folder = await mkdtemp(join(tmpdir(), 'skerry-clocks-'));
  await chmod(folder, 0o755);
  const binary = join(folder, 'envoy.bin');
  await cp(envoy, binary);
  const library = join(folder, 'false-clock.so');
  const source = join(import.meta.dirname, 'false-clock.c');
  const flags = ['-shared', '-fPIC', '-nostdlib', '-fno-builtin', '-O1'];
  await promisify(execFile)('gcc', [...flags, '-o', library, source]);
  const fileOf = (pod: string): string => join(folder, pod.replace('/', '-'));
  for (const pod of pods) await writeFile(fileOf(pod), Buffer.alloc(8));
  const script = join(folder, 'envoy');
  const cases = pods.map(
    (pod) =>
      `  *"/${pod.replace('/', '-')}/"*) export FALSE_CLOCK=${fileOf(pod)} LD_PRELOAD=${library} ;;`,
  );
  const lines = ['#!/bin/sh', 'case "$*" in', ...cases, 'esac', `exec ${binary} "$@"`, ''];
  await writeFile(script, lines.join('\n'));
  await chmod(script, 0o755);
  return {
    envoy: script,
    async set(pod, aheadSeconds): Promise<void> {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(BigInt(aheadSeconds));
      // In place: an Envoy that runs has the file mapped.
      const file = await open(fileOf(pod), 'r+');
      await file.write(bytes, 0, bytes.length, 0);
      await file.close();
    },
    remove: () => rm(folder, { recursive: true }),
  };
}
