/** A sidecar's resources as a stock Envoy in validate mode judges them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toStaticBootstrap, type ScopedResource } from '../index.js';

/** What Envoy says of the resources: empty when it takes them all. */
export function validateStatically(binary: string, resources: readonly ScopedResource[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-golden-'));
  try {
    const secrets = join(folder, 'secrets.json');
    writeFileSync(secrets, JSON.stringify({ version_info: '1', resources: [] }));
    const path = join(folder, 'bootstrap.json');
    writeFileSync(path, JSON.stringify(toStaticBootstrap(resources, secrets)));
    const args = ['--mode', 'validate', '-l', 'warning', '-c', path];
    const { status, stderr, error } = spawnSync(binary, args, { encoding: 'utf8' });
    return status === 0 ? '' : `${stderr}${error?.message ?? ''}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
