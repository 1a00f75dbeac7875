// `npm run bench`: gets what is missing, builds, and runs a bench. Arguments go through.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { argv, execPath, exit } from 'node:process';
import { fileURLToPath } from 'node:url';
import { prepare } from './prepare.mjs';

const program = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist', 'bench.js');

const child = spawn(execPath, ['--enable-source-maps', program, ...argv.slice(2)], {
  stdio: 'inherit',
  env: await prepare('bench', ['envoy', 'network']),
});
// The bench hears a Ctrl-C too and takes its mesh down; wait for that.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (status) => exit(status ?? 1));
