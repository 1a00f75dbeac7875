// Test support: the stock Envoy that tests run against.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The path of the binary. @throws Error where there is none: tests never skip what they promise. */
export function envoyBinary(): string {
  const finder = join(dirname(fileURLToPath(import.meta.url)), '../../../scripts/envoy-path.mjs');
  return execFileSync(process.execPath, [finder], { encoding: 'utf8' }).trim();
}

/** What Envoy says of a bootstrap in validate mode. */
export function validateBootstrap(yaml: string): { readonly ok: boolean; readonly output: string } {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-envoy-'));
  try {
    const path = join(folder, 'bootstrap.yaml');
    writeFileSync(path, yaml);
    const args = ['--mode', 'validate', '-c', path, '--concurrency', '1', '-l', 'warning'];
    const { status, stdout, stderr } = spawnSync(envoyBinary(), args, { encoding: 'utf8' });
    return { ok: status === 0, output: `${stdout}${stderr}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
