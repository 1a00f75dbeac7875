// The runtime of the CNI plugin: a folder that names, by links, all that the plugin runs on a node. What installs it follows the links.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { argv, env, execPath, exit, stderr } from 'node:process';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The plugin's own file in the folder. */
export const pluginFile = 'skerry-cni.cjs';

/** Where a program of this machine is. */
export function locate(name) {
  const folders = `${env.PATH ?? ''}:${searchPath}`.split(':');
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${name} is not on this machine: install its package`);
  return found;
}

/** The shared libraries of programs and their loader, as ldd names them. */
export function librariesOf(paths) {
  const text = execFileSync('ldd', paths, { encoding: 'utf8' });
  return new Set([...text.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => path));
}

/** The modules of an xtables-nft-multi: where the library was built to look; the loader names it by a path that may be a link. */
export function modulesOf(multi) {
  const library = [...librariesOf([multi])].find((path) => path.includes('libxtables'));
  if (library === undefined) {
    throw new Error('xtables-nft-multi has no libxtables: a static build?');
  }
  const folder = join('/usr', dirname(library).replace(/^\/usr/, ''), 'xtables');
  return readdirSync(folder)
    .filter((file) => /^lib(xt|ipt|ip6t)_/.test(file))
    .map((file) => join(folder, file));
}

/** What the folder names, and where each lies, for programs at these paths. */
export function runtimeLinks({ programs, libraries, modules }) {
  const loader = [...libraries].find((path) => /\/ld-linux[^/]*$/.test(path));
  if (loader === undefined) throw new Error('the programs have no loader of glibc');
  const below = (folder, paths) => [...paths].map((path) => [`${folder}/${basename(path)}`, path]);
  return Object.fromEntries([
    ['ld.so', loader],
    ...Object.entries(programs),
    ...below(
      'lib',
      [...libraries].filter((path) => path !== loader),
    ),
    ...below('xtables', modules),
  ]);
}

/** Bundles the plugin into `file`: CommonJS, which starts fastest. */
export async function bundlePlugin(file) {
  const { build } = await import('esbuild');
  await build({
    ...{ entryPoints: [join(root, 'src', 'cni', 'main.ts')], outfile: file, absWorkingDir: root },
    ...{ bundle: true, platform: 'node', target: 'node20', format: 'cjs' },
    ...{ minifyWhitespace: true, logLevel: 'warning' },
  });
}

/** Writes the folder for the programs of this machine. */
export async function writeRuntime(folder) {
  const names = ['nsenter', 'ip', 'xtables-nft-multi'];
  const programs = {
    node: execPath,
    ...Object.fromEntries(names.map((name) => [name, locate(name)])),
  };
  const libraries = librariesOf(Object.values(programs));
  const modules = modulesOf(programs['xtables-nft-multi']);
  for (const [name, target] of Object.entries(runtimeLinks({ programs, libraries, modules }))) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    symlinkSync(target, join(folder, name));
  }
  await bundlePlugin(join(folder, pluginFile));
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const [folder] = argv.slice(2);
  if (folder === undefined) {
    stderr.write('usage: node scripts/cni-runtime.mjs FOLDER\n');
    exit(2);
  }
  await writeRuntime(resolve(folder));
}
