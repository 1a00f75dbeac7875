// Runs the command line from a checkout: builds it first where a source is newer.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { argv, execPath, exit } from 'node:process';
import { fileURLToPath } from 'node:url';
import { prepare } from './prepare.mjs';

const program = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist', 'skerry.js');

const child = spawn(execPath, ['--enable-source-maps', program, ...argv.slice(2)], {
  stdio: 'inherit',
  env: await prepare('skerry'),
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => child.kill(signal));
}
child.on('exit', (status, signal) => {
  // 128 and the signal's number is what a shell would say; Node keeps numbers for itself.
  exit(status ?? (signal === 'SIGINT' ? 130 : 143));
});
