// Runs the tests of `npm run test:unit` once on the npm package `node@24`, kept outside the checkout's dependencies.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'skerry', 'node24');
const bin = join(cache, 'node_modules', 'node', 'bin');
if (!existsSync(join(bin, 'node'))) {
  mkdirSync(cache, { recursive: true });
  const { status } = spawnSync('npm', ['install', '--prefix', cache, '--no-save', 'node@24'], {
    stdio: ['ignore', 2, 'inherit'],
  });
  if (status !== 0) process.exit(status ?? 1);
}
const { status } = spawnSync(join(bin, 'node'), ['scripts/jest.mjs', ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` },
});
process.exit(status ?? 1);
