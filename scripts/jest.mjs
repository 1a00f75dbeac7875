// Runs jest with ES modules on; arguments go through. `--golden` rewrites the golden files.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const args = process.argv.slice(2);
const golden = args.includes('--golden');
const jest = fileURLToPath(new URL('../node_modules/jest/bin/jest.js', import.meta.url));
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
