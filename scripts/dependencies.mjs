// Holds what we depend on against our rules, offline, and asks the registry for advisories where it answers.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { argv, exit, stderr, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';

/** Licences of what runs in a mesh. */
const shippedLicences = new Set([
  ...['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'Unlicense'],
  'Python-2.0',
]);

/** Licences of what only builds and tests use besides. */
const toolLicences = new Set(['BlueOak-1.0.0', 'CC0-1.0', 'CC-BY-3.0', 'CC-BY-4.0']);

/** Packages that may run a program as they are installed, and what it does. */
const mayRunAtInstall = new Map([
  ['protobufjs', 'looks at the versions that others ask for, and prints'],
  ['@swc/core', 'checks that its binary for this machine is there'],
  ['esbuild', 'checks that its binary for this machine is there'],
  ['unrs-resolver', 'checks that its binary for this machine is there'],
  ['@parcel/watcher', 'an optional package of a tool that we do not call'],
]);

const exactVersion = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;
// https://www.w3.org/TR/SRI/: 512 bits are 88 characters of base64.
const integrity = /^sha512-[A-Za-z0-9+/]{86}==$/;
const lockVersion = 3;
const severe = ['high', 'critical'];

/** Whether an SPDX expression of AND and OR leaves us a licence that is allowed. */
export function isAllowed(expression, isTool) {
  const isKnown = (name) => shippedLicences.has(name) || (isTool && toolLicences.has(name));
  const bare = expression.replaceAll(/[()]/g, '');
  // Mixed expressions are read by nobody here: they are refused.
  if (/ OR /.test(bare) && / AND /.test(bare)) return false;
  if (/ OR /.test(bare)) return bare.split(' OR ').some(isKnown);
  return bare.split(' AND ').every(isKnown);
}

function faultsOf(path, entry) {
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const isTool = entry.dev === true;
  const { resolved = '', license = '' } = entry;
  return [
    ...(entry.link === true ? ['is a link to a folder'] : []),
    ...(/^https:\/\/.+\.tgz$/.test(resolved) || resolved === ''
      ? []
      : [`comes from ${resolved}, expected a registry`]),
    ...(exactVersion.test(entry.version ?? '') ? [] : [`has the version ${entry.version}`]),
    ...(integrity.test(entry.integrity ?? '') ? [] : ['has no sha512 of its bytes']),
    ...(entry.hasInstallScript === true && !mayRunAtInstall.has(name)
      ? ['runs a program as it is installed, and is not on the list of those that may']
      : []),
    ...(isAllowed(license, isTool)
      ? []
      : [`has the licence ${license || '(none)'}, which is not on the list`]),
  ].map((fault) => `${path}: ${fault}`);
}

/** What is wrong with a package.json and its lock file, one line each; empty: nothing. */
export function findFaults(manifest, lock) {
  const asked = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.overrides };
  const loose = Object.entries(asked)
    .filter(([, version]) => typeof version !== 'string' || !exactVersion.test(version))
    .map(
      ([name, version]) =>
        `package.json: ${name} is asked for as ${JSON.stringify(version)}, expected one exact version`,
    );
  if (lock.lockfileVersion !== lockVersion) {
    return [
      ...loose,
      `package-lock.json: expected version ${lockVersion}, found ${lock.lockfileVersion}`,
    ];
  }
  const packages = Object.entries(lock.packages).filter(([path]) => path !== '');
  const root = lock.packages[''] ?? {};
  const locked = { ...root.dependencies, ...root.devDependencies };
  const apart = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
    .filter(([name, version]) => locked[name] !== version)
    .map(([name]) => `package-lock.json: ${name} is not locked as package.json asks for it`);
  return [...loose, ...apart, ...packages.flatMap(([path, entry]) => faultsOf(path, entry))];
}

/**
 * What `npm audit --json` says: `unreachable` with a reason, where no registry answered; else the
 * packages with severe advisories.
 */
export function readAudit(text) {
  let report;
  try {
    report = JSON.parse(text);
  } catch {
    return { kind: 'unreachable', why: 'npm audit printed no JSON' };
  }
  if (typeof report?.vulnerabilities !== 'object' || report.vulnerabilities === null) {
    const why = report?.message ?? report?.error?.summary ?? 'npm audit gave no report';
    return { kind: 'unreachable', why: String(why).replaceAll(/https?:\/\/\S+/g, 'the registry') };
  }
  const found = Object.values(report.vulnerabilities).filter(({ severity }) =>
    severe.includes(severity),
  );
  return { kind: 'answered', severe: found.map(({ name, severity }) => `${name} (${severity})`) };
}

/** Both checks; true when nothing is wrong. An unreachable registry is said, and is no fault. */
function main() {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const read = (name) => JSON.parse(readFileSync(join(root, name), 'utf8'));
  const lock = read('package-lock.json');
  const faults = findFaults(read('package.json'), lock);
  for (const fault of faults) stderr.write(`dependencies: ${fault}\n`);
  const count = Object.keys(lock.packages).length - 1;
  stdout.write(`dependencies: ${count} packages, ${faults.length} faults\n`);
  const { stdout: said } = spawnSync('npm', ['audit', '--omit=dev', '--json'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 60_000,
  });
  const audit = readAudit(said ?? '');
  if (audit.kind === 'unreachable') {
    stdout.write(`dependencies: advisories were not asked for: ${audit.why}\n`);
    return faults.length === 0;
  }
  for (const one of audit.severe) stderr.write(`dependencies: a severe advisory: ${one}\n`);
  stdout.write(`dependencies: ${audit.severe.length} severe advisories\n`);
  return faults.length === 0 && audit.severe.length === 0;
}

if (argv[1] === fileURLToPath(import.meta.url)) exit(main() ? 0 : 1);
