// `npm run demo`: gets what is missing, builds, and runs the demo. Arguments go through.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { argv, execPath, exit } from 'node:process';
import { fileURLToPath } from 'node:url';
import { prepare } from './prepare.mjs';

const program = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist', 'demo.js');

const child = spawn(execPath, ['--enable-source-maps', program, ...argv.slice(2)], {
  stdio: 'inherit',
  env: await prepare('demo', ['envoy', 'network']),
});
// The demo hears a Ctrl-C too and takes its mesh down; wait for that.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (status) => exit(status ?? 1));
