/** Loads resources in a real Envoy in validate mode, which binds nothing and connects to nothing. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toStaticBootstrap, type ScopedResource } from '../../translators/index.js';
import { CommandError } from '../io.js';

const timeoutMs = 120_000;

/** Envoy's own words; undefined when it takes them all. @throws CommandError where it cannot be asked. */
export async function loadInEnvoy(
  binary: string,
  resources: readonly ScopedResource[],
): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-validate-'));
  try {
    const secrets = join(folder, 'secrets.json');
    await writeFile(secrets, JSON.stringify({ version_info: '1', resources: [] }));
    const path = join(folder, 'bootstrap.json');
    await writeFile(path, JSON.stringify(toStaticBootstrap(resources, secrets)));
    return await judge(binary, path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What Envoy calls the file that it was given belongs to no object, and is left out of its words. */
const prefix = /^.*error initializing configuration '[^']*': /;
const format = '[%l] %v';

function judge(binary: string, path: string): Promise<string | undefined> {
  const args = ['--mode', 'validate', '-l', 'error', '--log-format', format, '-c', path];
  return new Promise((resolve, reject) => {
    execFile(binary, args, { timeout: timeoutMs }, (error, _stdout, stderr) => {
      if (error === null) {
        resolve(undefined);
        return;
      }
      const refusal = stderr.split('\n').find((line) => prefix.test(line));
      if (refusal !== undefined) {
        resolve(refusal.replace(prefix, ''));
        return;
      }
      const words = stderr.trim() === '' ? error.message : stderr;
      const reason = words.trim().split('\n').at(-1) ?? '';
      reject(new CommandError(`${binary} did not judge the configuration: ${reason}`));
    });
  });
}
