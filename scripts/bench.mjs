// `npm run bench`: gets what is missing, builds, and runs a bench. Arguments go through.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { argv, env, execPath, exit } from 'node:process';
import { fileURLToPath } from 'node:url';
import { setup } from './setup.mjs';

const program = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist', 'bench.js');

async function prepare() {
  try {
    const { envoy } = await setup({ needs: ['envoy', 'network'] });
    // Imports packages, which a fresh clone has only now.
    const { build, isBuildStale } = await import('./build.mjs');
    if (isBuildStale()) await build();
    return envoy;
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    return exit(2);
  }
}

const envoy = await prepare();
const child = spawn(execPath, ['--enable-source-maps', program, ...argv.slice(2)], {
  stdio: 'inherit',
  // The network tools lie in root's folders, which PATH leaves out on some machines.
  env: { ...env, SKERRY_ENVOY: envoy, PATH: `${env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin` },
});
// The bench hears a Ctrl-C too and takes its mesh down; wait for that.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (status) => exit(status ?? 1));
