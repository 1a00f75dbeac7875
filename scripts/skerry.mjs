// Runs the command line from a checkout: builds it first where a source is newer.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { argv, execPath, exit } from 'node:process';
import { fileURLToPath } from 'node:url';
import { build, isBuildStale } from './build.mjs';
import { setup } from './setup.mjs';

const program = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist', 'skerry.js');

try {
  await setup();
  if (isBuildStale()) await build();
} catch (error) {
  process.stderr.write(`skerry: ${error instanceof Error ? error.message : String(error)}\n`);
  exit(2);
}

const child = spawn(execPath, ['--enable-source-maps', program, ...argv.slice(2)], {
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => child.kill(signal));
}
child.on('exit', (status, signal) => {
  // 128 and the signal's number is what a shell would say; Node keeps numbers for itself.
  exit(status ?? (signal === 'SIGINT' ? 130 : 143));
});
