// Runs jest with ES modules on; arguments go through. `--golden` rewrites the golden files.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

const args = process.argv.slice(2);
const golden = args.includes('--golden');
const jest = createRequire(import.meta.url).resolve('jest/bin/jest.js');
const { status } = spawnSync(
  process.execPath,
  [
    '--experimental-vm-modules',
    '--no-warnings=ExperimentalWarning',
    jest,
    ...(golden ? ['src/translators/golden.test.ts'] : args),
  ],
  {
    stdio: 'inherit',
    env: { ...process.env, ...(golden ? { SKERRY_GOLDEN: 'write' } : {}) },
  },
);
process.exit(status ?? 1);
