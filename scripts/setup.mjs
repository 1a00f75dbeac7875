// Makes a fresh machine ready: Node, packages, generated code, Envoy, network tools. Repeatable.
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { argv, env, exit, getuid, stderr, versions } from 'node:process';
import { fileURLToPath } from 'node:url';
import { allocatorPackage, findAllocator } from './allocator.mjs';
import { ensureEnvoy, findEnvoy } from './envoy-path.mjs';

// Nothing outside Node is imported above: a fresh clone has no node_modules yet.
const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The commands that pods on this machine need, and the Debian package of each. */
const tools = {
  ip: 'iproute2',
  'iptables-restore': 'iptables',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  tcpdump: 'tcpdump',
  openssl: 'openssl',
};

/** The same for a kube-apiserver, which keeps its objects in etcd. */
const apiTools = { etcd: 'etcd-server', openssl: 'openssl', setpriv: 'util-linux' };

/** The same for a whole node. */
const nodeTools = {
  ...apiTools,
  containerd: 'containerd',
  runc: 'runc',
  conntrack: 'conntrack',
  curl: 'curl',
};

/** What judges how a port speaks TLS. */
const judgeTools = { testssl: 'testssl.sh' };

/** What gives a program another time. */
const clockTools = { gcc: 'gcc' };

/** Where the CNI plugins of Debian lie, which are in no PATH. */
const cniPlugins = ['/usr/lib/cni/bridge', '/opt/cni/bin/bridge'];

function say(line) {
  stderr.write(`setup: ${line}\n`);
}

/**
 * Prepares what the caller needs and returns where things are. Packages and generated code always;
 * `needs` adds `envoy` (the binary; its path is returned and set as SKERRY_ENVOY for children) and
 * `network` (the tools of network namespaces), `kubernetes-api` (etcd) and `kubernetes-node` (a container
 * runtime and the CNI plugins), `tls-judge` (testssl) and `clock` (a C compiler). Throws an Error that says what to do.
 */
export async function setup({ needs = [] } = {}) {
  checkNode();
  installPackages();
  await generate();
  if (needs.includes('network')) installTools(tools);
  if (needs.includes('kubernetes-api')) installTools(apiTools, missingAllocator());
  if (needs.includes('tls-judge')) installTools(judgeTools);
  if (needs.includes('clock')) installTools(clockTools);
  if (needs.includes('kubernetes-node')) {
    const plugins = cniPlugins.some(isExecutable) ? [] : ['containernetworking-plugins'];
    installTools({ ...tools, ...nodeTools }, [...plugins, ...missingAllocator()]);
  }
  if (!needs.includes('envoy')) return { envoy: undefined };
  if (findEnvoy() === undefined) checkPython();
  const envoy = await ensureEnvoy(say);
  env.SKERRY_ENVOY = envoy;
  return { envoy };
}

function checkNode() {
  const [major = 0, minor = 0] = versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new Error(`Node 20.19 or later is needed, this is ${versions.node}`);
}

/** Asked only when something has to be fetched, because pip takes half a second to answer. */
function checkPython() {
  const { status } = spawnSync('python3', ['-m', 'pip', '--version'], { stdio: 'ignore' });
  if (status === 0) return;
  const packages = ['python3', 'python3-pip'];
  if (!canInstall()) throw new Error(`Python 3 with pip is needed: ${installCommand(packages)}`);
  install(packages);
}

function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function installPackages() {
  // npm writes this file when the folder is complete, and the lock file up to moments later.
  const installed = modified(join(root, 'node_modules', '.package-lock.json'));
  if (installed > 0 && installed + 10_000 >= modified(join(root, 'package-lock.json'))) return;
  say('installing npm packages');
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
}

async function generate() {
  const { isGeneratedStale, generateEnvoy } = await import('./generate-envoy.mjs');
  if (!isGeneratedStale()) return;
  say('generating Envoy types');
  generateEnvoy();
}

/** The path of a command; the folders of root's tools count even where PATH leaves them out. */
function findCommand(name) {
  const folders = [
    // What setup-envtest leaves: etcd is there too.
    ...(env.KUBEBUILDER_ASSETS ? [env.KUBEBUILDER_ASSETS] : []),
    ...(env.PATH ?? '').split(delimiter),
    ...['/usr/local/sbin', '/usr/sbin', '/sbin'],
  ];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Images hold it, and benches run with it. */
function missingAllocator() {
  return findAllocator() === undefined ? [allocatorPackage] : [];
}

/** `besides`: packages that are missing although no command tells. */
function installTools(wanted, besides = []) {
  const missing = Object.keys(wanted).filter((name) => findCommand(name) === undefined);
  const packages = [...new Set([...missing.map((name) => wanted[name]), ...besides])];
  if (packages.length === 0) return;
  if (!canInstall()) {
    throw new Error(`missing ${packages.join(', ')}; run: ${installCommand(packages)}`);
  }
  withoutServices(() => {
    install(packages);
  });
}

/** Debian starts what it installs, and an etcd or containerd of the system's own is not what was asked for. */
function withoutServices(task) {
  const policy = '/usr/sbin/policy-rc.d';
  const isOurs = existsSync('/run/systemd/system') && !existsSync(policy);
  // 101: https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt
  if (isOurs) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    task();
  } finally {
    if (isOurs) rmSync(policy);
  }
}

function canInstall() {
  return getuid?.() === 0 && findCommand('apt-get') !== undefined;
}

function installCommand(packages) {
  const sudo = getuid?.() === 0 ? '' : 'sudo ';
  return `${sudo}apt-get install -y --no-install-recommends ${packages.join(' ')}`;
}

function install(packages) {
  say(`installing ${packages.join(' ')}`);
  const options = {
    stdio: ['ignore', 2, 2],
    env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
  };
  const args = ['install', '-y', '-q', '--no-install-recommends', ...packages];
  // Package lists may be there already; only when they are too old is it worth fetching them.
  if (spawnSync('apt-get', args, options).status === 0) return;
  execFileSync('apt-get', ['update', '-q'], options);
  execFileSync('apt-get', args, options);
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const started = performance.now();
    const { envoy } = await setup({ needs: ['envoy', 'network'] });
    say(`ready in ${Math.round(performance.now() - started)} ms, Envoy is ${envoy}`);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    exit(1);
  }
}
