// Writes the images of Skerry, of stock Envoy and of the test applications as archives that `docker load`, containerd and kind read; needs no Docker and no registry, and makes the same bytes from the same files.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { argv, execPath, exit, stderr, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { allocatorPackage, findAllocator } from './allocator.mjs';
import {
  bundlePlugin,
  librariesOf,
  locate,
  modulesOf,
  pluginFile,
  runtimeLinks,
} from './cni-runtime.mjs';
import { ensureEnvoy, envoyVersion } from './envoy-path.mjs';
import { leanClient } from './lean-client.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
const usage =
  'usage: node scripts/image.mjs --output DIR ([--registry PREFIX] [--only NAME,…] | --tree NAME)';

/** Node's flag in the first line of the program, where it is run by its name. */
function flagOfProgram() {
  const [, flag] =
    /^#!.* node (--\S+)\n/.exec(readFileSync(join(root, 'src', 'main.ts'), 'utf8')) ?? [];
  if (flag === undefined) throw new Error('src/main.ts: expected a flag of Node in its first line');
  return flag;
}

/** CommonJS inside a bundle asks for these. */
const banner = `import { createRequire as makeRequire } from 'node:module';
import { fileURLToPath as pathOfUrl } from 'node:url';
import { dirname as folderOf } from 'node:path';
const require = makeRequire(import.meta.url);
const __filename = pathOfUrl(import.meta.url);
const __dirname = folderOf(__filename);`;

/** One file of its own for each program, with all packages in it. */
async function bundle(entryPoints, outdir) {
  const { build } = await import('esbuild');
  await build({
    ...{ entryPoints, outdir, absWorkingDir: root, bundle: true, logLevel: 'warning' },
    ...{ platform: 'node', target: 'node20', format: 'esm', outExtension: { '.js': '.mjs' } },
    ...{ minifyWhitespace: true, banner: { js: banner }, plugins: [leanClient] },
  });
}

/** A folder that becomes a layer. */
function createLayer(work, name) {
  const folder = join(work, name);
  const at = (path) => {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    return target;
  };
  return {
    folder,
    directory: (path, mode) => {
      mkdirSync(join(folder, path), { recursive: true });
      chmodSync(join(folder, path), mode);
    },
    copy: (from, to, mode) => {
      copyFileSync(from, at(to));
      chmodSync(at(to), mode);
    },
    write: (path, text, mode = 0o644) => {
      writeFileSync(at(path), text, { mode });
      chmodSync(at(path), mode);
    },
    link: (path, target) => symlinkSync(target, at(path)),
  };
}

function copyPrograms(layer, programs) {
  for (const [to, from] of Object.entries(programs)) layer.copy(from, to, 0o755);
  for (const path of librariesOf(Object.values(programs))) layer.copy(path, path, 0o755);
}

/** What every file system of ours has. */
function nameUsers(layer) {
  const nobody = 'nonroot:x:65532:65532::/:/sbin/nologin\n';
  layer.write('/etc/passwd', `root:x:0:0::/:/sbin/nologin\n${nobody}`);
  layer.write('/etc/group', 'root:x:0:\nnonroot:x:65532:\n');
  layer.write('/etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n');
  layer.directory('/tmp', 0o1777);
  layer.directory('/run', 0o755);
}

function nodeLayer(work) {
  const layer = createLayer(work, 'node');
  nameUsers(layer);
  copyPrograms(layer, { '/usr/local/bin/node': execPath });
  const certificates = '/etc/ssl/certs/ca-certificates.crt';
  if (existsSync(certificates)) layer.copy(certificates, certificates, 0o644);
  return layer.folder;
}

/** Where the programs of redirection lie in the image. */
const networkPrograms = {
  ip: '/usr/sbin/ip',
  nsenter: '/usr/bin/nsenter',
  'xtables-nft-multi': '/usr/sbin/xtables-nft-multi',
};

/** What redirection runs: nftables through iptables, with its modules, ip, and nsenter. */
function networkLayer(work) {
  const layer = createLayer(work, 'network');
  const here = Object.entries(networkPrograms).map(([name, path]) => [path, locate(name)]);
  copyPrograms(layer, Object.fromEntries(here));
  for (const family of ['iptables', 'ip6tables']) {
    for (const end of ['', '-save', '-restore']) {
      layer.link(`/usr/sbin/${family}-nft${end}`, 'xtables-nft-multi');
    }
  }
  for (const path of modulesOf(locate('xtables-nft-multi'))) layer.copy(path, path, 0o644);
  return layer.folder;
}

/** The runtime of the CNI plugin, which names what the layers before hold. */
async function cniLayer(work) {
  const layer = createLayer(work, 'cni');
  const here = Object.keys(networkPrograms).map((name) => locate(name));
  const links = runtimeLinks({
    programs: { node: '/usr/local/bin/node', ...networkPrograms },
    libraries: librariesOf([execPath, ...here]),
    modules: modulesOf(locate('xtables-nft-multi')),
  });
  for (const [name, target] of Object.entries(links)) layer.link(`/opt/skerry/cni/${name}`, target);
  const plugin = join(work, pluginFile);
  await bundlePlugin(plugin);
  layer.copy(plugin, `/opt/skerry/cni/${pluginFile}`, 0o644);
  return layer.folder;
}

async function skerryLayer(work) {
  const layer = createLayer(work, 'skerry');
  const built = join(work, 'built');
  const programs = {
    skerry: join(root, 'src', 'main.ts'),
    'skerry-sidecar': join(root, 'src', 'cli', 'sidecar-main.ts'),
  };
  await bundle(programs, built);
  for (const name of readdirSync(built))
    layer.copy(join(built, name), `/opt/skerry/${name}`, 0o644);
  const allocator = findAllocator();
  if (allocator === undefined) {
    throw new Error(`there is no jemalloc on this machine: install ${allocatorPackage}`);
  }
  for (const path of [allocator, ...librariesOf([allocator])]) layer.copy(path, path, 0o755);
  const table = 'gen/envoy-descriptor.json';
  layer.copy(join(root, table), `/opt/skerry/${table}`, 0o644);
  // There is no shell: Node itself is the interpreter.
  const launcher = `#!/usr/local/bin/node ${flagOfProgram()}
import(process.argv[2] === 'sidecar' ? '/opt/skerry/skerry-sidecar.mjs' : '/opt/skerry/skerry.mjs');
`;
  layer.write('/usr/local/bin/skerry', launcher, 0o755);
  return layer.folder;
}

async function envoyLayer(work) {
  const layer = createLayer(work, 'envoy');
  nameUsers(layer);
  const envoy = await ensureEnvoy((line) => stderr.write(`image: ${line}\n`));
  copyPrograms(layer, { '/usr/local/bin/envoy': envoy });
  return layer.folder;
}

/** Every program of the demo and of the suites, below /apps. */
async function appsLayer(work) {
  const layer = createLayer(work, 'apps');
  const built = join(work, 'built-apps');
  const folders = [join(root, 'demo', 'apps'), join(root, 'e2e', 'apps')];
  const files = folders.flatMap((folder) =>
    readdirSync(folder).map((name) => ({ name, path: join(folder, name) })),
  );
  const programs = files.filter(
    ({ name }) => name.endsWith('.ts') && !/(\.test|contract|-frames)\.ts$/.test(name),
  );
  await bundle(
    Object.fromEntries(programs.map((one) => [basename(one.name, '.ts'), one.path])),
    built,
  );
  for (const name of readdirSync(built)) layer.copy(join(built, name), `/apps/${name}`, 0o644);
  // The programs look for it from where they are, as they do in a checkout's dist.
  for (const { name, path } of files.filter((one) => one.name.endsWith('.proto'))) {
    layer.copy(path, `/demo/apps/${name}`, 0o644);
  }
  return layer.folder;
}

const tarFlags = [
  ...['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'],
  '--format=gnu',
];

function sha256(path) {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Tars a layer once; its name is its digest. */
function packLayer(work, folder) {
  const draft = join(work, `${basename(folder)}.tar`);
  execFileSync('tar', [...tarFlags, '-C', folder, '-cf', draft, '.']);
  const digest = sha256(draft);
  const file = `${digest}.tar`;
  renameSync(draft, join(work, file));
  return { digest, file };
}

function withPath(config) {
  return { Env: [`PATH=${searchPath}`], ...config };
}

/** Writes one archive of layers that are packed already. */
function writeArchive(work, { name, layers, config, archive }) {
  const image = {
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    created: '1970-01-01T00:00:00Z',
    os: 'linux',
    config: withPath(config),
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => `sha256:${digest}`) },
    history: layers.map(() => ({ created: '1970-01-01T00:00:00Z' })),
  };
  const text = JSON.stringify(image);
  const configFile = `${createHash('sha256').update(text).digest('hex')}.json`;
  const files = layers.map(({ file }) => file);
  writeFileSync(join(work, configFile), text);
  writeFileSync(
    join(work, 'manifest.json'),
    JSON.stringify([{ Config: configFile, RepoTags: [name], Layers: files }]),
  );
  const parts = ['manifest.json', configFile, ...files];
  // Beside its place, so that nobody sees half of it.
  execFileSync('tar', [...tarFlags, '-C', work, '-cf', `${archive}.new`, ...parts]);
  renameSync(`${archive}.new`, archive);
  return { name, archive };
}

/** The images by name: what they hold and how they start. */
const images = {
  skerry: {
    tag: version,
    layers: ['node', 'network', 'cni', 'skerry'],
    config: { Entrypoint: ['/usr/local/bin/skerry'], User: '65532:65532' },
  },
  envoy: {
    tag: envoyVersion,
    layers: ['envoy'],
    config: { Entrypoint: ['/usr/local/bin/envoy'], User: '65532:65532' },
  },
  apps: {
    tag: version,
    layers: ['node', 'apps'],
    config: {
      ...{ Entrypoint: ['/usr/local/bin/node'], Cmd: ['/apps/probe-server.mjs'] },
      ...{ User: '65532:65532', WorkingDir: '/apps' },
    },
  },
};

const makers = {
  ...{ node: nodeLayer, network: networkLayer, cni: cniLayer, skerry: skerryLayer },
  ...{ envoy: envoyLayer, apps: appsLayer },
};

/** Writes the named images into `output`; resolves to what it wrote. */
export async function writeImages({ output, registry, names = Object.keys(images) }) {
  const work = mkdtempSync(join(tmpdir(), 'skerry-images-'));
  try {
    mkdirSync(output, { recursive: true });
    const packed = new Map();
    for (const layer of new Set(names.flatMap((name) => images[name].layers))) {
      packed.set(layer, packLayer(work, await makers[layer](work)));
    }
    return names.map((name) => {
      const { tag, layers, config } = images[name];
      return writeArchive(work, {
        ...{ name: `${registry}/${name}:${tag}`, archive: join(output, `${name}.tar`), config },
        layers: layers.map((layer) => packed.get(layer)),
      });
    });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Writes the files of one image, for builders of images that take a folder; resolves to how it starts. */
export async function writeTree({ output, name }) {
  const work = mkdtempSync(join(tmpdir(), 'skerry-image-'));
  try {
    mkdirSync(output, { recursive: true });
    for (const layer of images[name].layers) {
      execFileSync('cp', ['-a', `${await makers[layer](work)}/.`, output]);
    }
    return { tree: output, config: withPath(images[name].config) };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function readFlags() {
  const text = { type: 'string' };
  const options = {
    output: text,
    only: text,
    tree: text,
    registry: { ...text, default: 'registry.local/skerry' },
  };
  const { values } = parseArgs({ options });
  const names = (values.tree ?? values.only)?.split(',') ?? Object.keys(images);
  const unknown = names.find((name) => !Object.hasOwn(images, name));
  if (unknown !== undefined)
    throw new Error(`no image ${unknown}; there are ${Object.keys(images)}`);
  if (values.output === undefined) throw new Error(usage);
  const output = resolve(values.output);
  if (values.tree !== undefined) return { output, name: values.tree };
  return { output, registry: values.registry, names };
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const flags = readFlags();
    const written = await (flags.name === undefined ? writeImages(flags) : writeTree(flags));
    stdout.write(`${JSON.stringify(written, null, 2)}\n`);
  } catch (error) {
    stderr.write(`image: ${error instanceof Error ? error.message : String(error)}\n`);
    exit(1);
  }
}
