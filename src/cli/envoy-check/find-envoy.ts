/** Finds the Envoy that judges configuration on this machine. */
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { envoyVersion } from '../install/options.js';
import { CommandError, exitCode, type Io } from '../io.js';

/**
 * The binary: `named` by the flag, or by SKERRY_ENVOY, or the one that `npm run setup` keeps in the
 * cache. @throws CommandError where there is none.
 */
export function findEnvoy(named: string | undefined, { env }: Pick<Io, 'env'>): string {
  const given = named ?? env['SKERRY_ENVOY'] ?? '';
  if (given !== '') {
    const path = resolve(given);
    if (isExecutable(path)) return path;
    const from = named === undefined ? 'SKERRY_ENVOY' : '--envoy';
    throw new CommandError(`${from} names no executable: ${path}`, exitCode.usage);
  }
  const cache = env['XDG_CACHE_HOME'] ?? '';
  const base = cache === '' ? join(env['HOME'] ?? homedir(), '.cache') : cache;
  const cached = join(base, 'skerry', 'envoy', envoyVersion, 'envoy');
  if (isExecutable(cached)) return cached;
  throw new CommandError(
    `found no Envoy: name a binary of Envoy ${envoyVersion} by --envoy PATH or SKERRY_ENVOY (looked for ${cached})`,
    exitCode.usage,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
