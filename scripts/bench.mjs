// `npm run bench`: gets what is missing, builds, and runs a bench. Arguments go through.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { argv, env, execPath, exit, stderr } from 'node:process';
import { fileURLToPath } from 'node:url';
import { ensureFortio } from './fortio.mjs';
import { apiPrograms, ensureKubernetes } from './kubernetes.mjs';
import { prepare } from './prepare.mjs';

const program = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist', 'bench.js');

/** Benches that have a real kube-apiserver as their source. */
const onKubernetes = ['sync', 'load', 'certificates', 'soak', 'budget'];
/** No bench is named: those that the goals are held to. */
const isForGoals = argv[2] === undefined || (argv[2].startsWith('--') && argv[2] !== '--help');
const needsApi = isForGoals || onKubernetes.includes(argv[2]);

/** Benches that load the mesh with a known tool. */
const needsFortio = ['request', 'balance'].includes(argv[2]);

const say = (line) => stderr.write(`bench: ${line}\n`);
// That of any ADS server brings nothing up.
const needed = ['envoy', 'network', ...(needsApi ? ['kubernetes-api'] : [])];
const childEnv = await prepare('bench', argv[2] === 'ads' ? [] : needed);
if (needsApi) {
  const found = await ensureKubernetes({ names: apiPrograms, say });
  env.SKERRY_KUBERNETES_BIN = dirname(found['kube-apiserver']);
}
if (needsFortio) env.SKERRY_FORTIO = await ensureFortio({ say });
const child = spawn(execPath, ['--enable-source-maps', program, ...argv.slice(2)], {
  stdio: 'inherit',
  env: {
    ...childEnv,
    ...(needsApi && { SKERRY_KUBERNETES_BIN: env.SKERRY_KUBERNETES_BIN }),
    ...(needsFortio && { SKERRY_FORTIO: env.SKERRY_FORTIO }),
  },
});
// The bench hears a Ctrl-C too and takes its mesh down; wait for that.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (status) => exit(status ?? 1));
