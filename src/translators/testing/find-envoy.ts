/** Where the stock Envoy is that tests use. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The binary: `SKERRY_ENVOY`, or the one that setup keeps in the cache; undefined when there is none. */
export function findEnvoy(): string | undefined {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const cached = join(cache, 'skerry', 'envoy', '1.40.0', 'envoy');
  const named = process.env['SKERRY_ENVOY'];
  return [named, cached].find((path) => path !== undefined && path !== '' && existsSync(path));
}
