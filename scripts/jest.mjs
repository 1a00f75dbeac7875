// Runs jest with ES modules on; arguments go through. `--golden` rewrites the golden files.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findEnvoy } from './envoy-path.mjs';

const args = process.argv.slice(2);
const golden = args.includes('--golden');
const jest = fileURLToPath(new URL('../node_modules/jest/bin/jest.js', import.meta.url));
// Tests with a real Envoy fail, and say so, where none is found.
const envoy = process.env.SKERRY_ENVOY ?? (await findEnvoy());
const { status } = spawnSync(
  process.execPath,
  [
    '--experimental-vm-modules',
    '--no-warnings=ExperimentalWarning',
    jest,
    ...(golden ? ['src/translators/golden.test.ts', 'src/webhook/golden.test.ts'] : args),
  ],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      ...(envoy === undefined ? {} : { SKERRY_ENVOY: envoy }),
      ...(golden ? { SKERRY_GOLDEN: 'write' } : {}),
    },
  },
);
process.exit(status ?? 1);
