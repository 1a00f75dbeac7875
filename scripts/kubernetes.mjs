// Finds the programs of a Kubernetes cluster and helm, or builds the pinned ones from their Go modules into a cache.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { argv, env, exit, stderr, stdout } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Pins each module, and by go.sum every byte that is built. */
const modules = join(dirname(fileURLToPath(import.meta.url)), 'go');

/** The release that tests run against. */
export const kubernetesVersion = requiredVersion('kubernetes', 'k8s.io/kubernetes');

/** What tests of the API need, and what a whole node needs. */
const nodeApiPrograms = ['kube-apiserver', 'kubectl'];
export const apiPrograms = [...nodeApiPrograms, 'helm'];
export const clusterPrograms = [
  ...nodeApiPrograms,
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'coredns',
];

/** Programs that are not of Kubernetes itself; each has a module of its name. */
const otherPrograms = {
  coredns: { module: 'github.com/coredns/coredns', package: 'github.com/coredns/coredns' },
  helm: { module: 'helm.sh/helm/v3', package: 'helm.sh/helm/v3/cmd/helm' },
};

/** Names of connections that were refused or cut off; all else would fail again. */
const worthRetrying = /timeout|timed out|connection re|EOF|TLS handshake|50[0-9] |no such host/i;
const downloadAttempts = 4;

function requiredVersion(module, path) {
  const text = readFileSync(join(modules, module, 'go.mod'), 'utf8');
  const found = new RegExp(`^require ${path} (v\\S+)$`, 'm').exec(text)?.[1];
  if (found === undefined) throw new Error(`scripts/go/${module}/go.mod does not require ${path}`);
  return found;
}

/** Where built programs are kept. */
export function kubernetesBin() {
  const base = env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(base, 'skerry', 'kubernetes', kubernetesVersion, 'bin');
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The path of a program: from KUBEBUILDER_ASSETS (what setup-envtest leaves), else from the cache. */
function find(name) {
  const folders = [env.KUBEBUILDER_ASSETS, kubernetesBin()].filter(Boolean);
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/**
 * The paths of the programs `names` by name, built first where they are missing: minutes, once.
 * `say` gets progress lines. Throws, and says what to do, where there is no Go.
 */
export async function ensureKubernetes({ names, say }) {
  const isComplete = () => names.every((name) => find(name) !== undefined);
  if (!isComplete()) {
    const unlock = await lock(say);
    try {
      if (!isComplete()) await buildAll(names, say);
    } finally {
      unlock();
    }
  }
  return Object.fromEntries(names.map((name) => [name, find(name)]));
}

/** One build at a time for each cache. The lock is a socket without a file: it ends with its owner. */
async function lock(say) {
  const cache = createHash('sha256').update(kubernetesBin()).digest('hex').slice(0, 16);
  let hasSaid = false;
  for (;;) {
    const server = createServer();
    const isMine = await new Promise((resolve, reject) => {
      server.once('listening', () => resolve(true));
      server.once('error', (error) => {
        if (error.code === 'EADDRINUSE') resolve(false);
        else reject(error);
      });
      server.listen(`\0skerry-kubernetes-${cache}`);
    });
    if (isMine) return () => server.close();
    if (!hasSaid) say('waiting for another process that builds Kubernetes');
    hasSaid = true;
    await sleep(500);
  }
}

async function buildAll(names, say) {
  const missing = names.filter((name) => find(name) === undefined);
  const kubernetes = missing.filter((name) => !Object.hasOwn(otherPrograms, name));
  const [major, minor] = kubernetesVersion.slice(1).split('.');
  if (kubernetes.length > 0) {
    const version = 'k8s.io/component-base/version';
    const settings = {
      [`${version}.gitVersion`]: kubernetesVersion,
      [`${version}.gitMajor`]: major,
      [`${version}.gitMinor`]: minor,
    };
    const packages = kubernetes.map((name) => `k8s.io/kubernetes/cmd/${name}`);
    await build({ module: 'kubernetes', packages, settings }, say);
  }
  // Charts are rendered for this release unless a cluster or --kube-version says otherwise.
  const capabilities = 'helm.sh/helm/v3/pkg/chartutil';
  const settings = {
    [`${capabilities}.k8sVersionMajor`]: major,
    [`${capabilities}.k8sVersionMinor`]: minor,
  };
  for (const name of missing.filter((one) => Object.hasOwn(otherPrograms, one))) {
    const isHelm = name === 'helm';
    const packages = [otherPrograms[name].package];
    await build({ module: name, packages, settings: isHelm ? settings : {} }, say);
  }
}

/** Runs go on one of our modules; what it downloads is held against go.sum. */
export function goOptions(module) {
  const folder = join(modules, module);
  return {
    cwd: folder,
    env: { ...env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', GOWORK: 'off' },
  };
}

/** Asks for the version in the module's folder: a newer Go than the installed one may answer. */
function checkGo(module) {
  const { status, stderr: said } = spawnSync('go', ['env', 'GOVERSION'], {
    ...goOptions(module),
    encoding: 'utf8',
  });
  if (status === 0) return;
  throw new Error(
    `Kubernetes ${kubernetesVersion} has to be built once, which takes Go 1.24 or later on PATH (${said?.trim().split('\n')[0] || 'there is none'}); with a kube-apiserver of your own, set KUBEBUILDER_ASSETS to its folder`,
  );
}

async function build({ module, packages, settings }, say) {
  checkGo(module);
  await download(module, packages, say);
  const names = packages.map((path) => basename(path));
  const startedAt = performance.now();
  say(`building ${names.join(', ')} (${module} ${versionOf(module)}): minutes, once`);
  const bin = kubernetesBin();
  mkdirSync(bin, { recursive: true });
  removeRemains(dirname(bin));
  // Beside its place, so that the last step is a rename: nobody ever sees half a program.
  const work = mkdtempSync(join(dirname(bin), 'build-'));
  const flags = [
    '-s',
    '-w',
    ...Object.entries(settings).map(([name, text]) => `-X ${name}=${text}`),
  ];
  try {
    await run(
      ['build', ...buildFlags, '-ldflags', flags.join(' '), '-o', `${work}/`, ...packages],
      {
        ...goOptions(module),
        stdio: ['ignore', 2, 2],
      },
    );
    for (const name of names) renameSync(join(work, name), join(bin, name));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  say(`built ${names.join(', ')} in ${Math.round((performance.now() - startedAt) / 1000)} s`);
}

/** No debugger reads these programs, and what it would read takes a tenth of the time to make. */
const buildFlags = ['-trimpath', '-buildvcs=false', '-gcflags=all=-dwarf=false'];

function versionOf(module) {
  const other = otherPrograms[module];
  return other === undefined ? kubernetesVersion : requiredVersion(module, other.module);
}

/** What builds that were killed have left; ours is the only one that runs. */
function removeRemains(folder) {
  for (const name of readdirSync(folder)) {
    if (name.startsWith('build-')) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/** Fetches hundreds of modules apart from the build, so that a cut connection can be tried again. */
export async function download(module, packages, say) {
  for (let attempt = 1; ; attempt += 1) {
    const { status, stderr: said } = spawnSync('go', ['list', '-deps', ...packages], {
      ...goOptions(module),
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    });
    if (status === 0) return;
    if (attempt === downloadAttempts || !worthRetrying.test(said)) {
      throw new Error(`the modules of scripts/go/${module} could not be fetched:\n${said.trim()}`);
    }
    say(`a download failed, trying again: ${said.trim().split('\n')[0]}`);
    await sleep(attempt * 2000);
  }
}

/** Not synchronous: the lock must answer, and a Ctrl-C be heard, while it builds. */
export function run(args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn('go', args, options);
    child.once('error', reject);
    child.once('close', (status) => {
      if (status === 0) resolve();
      else reject(new Error(`go ${args[0]} failed, see above`));
    });
  });
}

/** Writes scripts/go anew for another release of Kubernetes: `--pin v1.35.2`. */
function pin(version) {
  const options = {
    cwd: join(modules, 'kubernetes'),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 2],
  };
  const go = (...args) => execFileSync('go', args, options);
  const { GoMod: path } = JSON.parse(
    go('mod', 'download', '-json', `k8s.io/kubernetes@${version}`),
  );
  // It names its staging modules v0.0.0: each is the release of the same number.
  const staging = [
    ...readFileSync(path, 'utf8').matchAll(/^\s*(k8s\.io\/[a-z0-9-]+) => \.\/staging\//gm),
  ].map(([, name]) => name);
  const release = version.replace(/^v1/, 'v0');
  const replacements = staging.map((name) => `-replace=${name}=${name}@${release}`);
  go('mod', 'edit', `-require=k8s.io/kubernetes@${version}`, ...replacements);
  go('mod', 'tidy');
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const [first, ...rest] = argv.slice(2);
  try {
    if (first === '--pin') {
      pin(rest[0]);
    } else {
      const names = first === undefined ? clusterPrograms : [first, ...rest];
      const say = (line) => stderr.write(`kubernetes: ${line}\n`);
      stdout.write(`${JSON.stringify(await ensureKubernetes({ names, say }), undefined, 2)}\n`);
    }
  } catch (error) {
    stderr.write(`kubernetes: ${error instanceof Error ? error.message : String(error)}\n`);
    exit(1);
  }
}
