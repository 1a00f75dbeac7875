/** `skerry ca init --offline`, `csr`, `sign`, `import`: an authority whose root's key is on another machine. */
import { createPrivateKey, randomBytes, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import {
  CaError,
  defaultLifetimes,
  forgetRequest,
  importIssuers,
  keepOfflineRoot,
  keyFingerprintOf,
  makeOfflineRoot,
  offlineRootFiles,
  parseTrustDomain,
  requestIssuers,
  signRequests,
  type Imported,
} from '../../ca/index.js';
import { systemClock } from '../../lib/index.js';
import { CommandError, exitCode, type Io } from '../io.js';
import { passphraseOption, readPassphrase, type PassphraseFlags } from './passphrase.js';
import { placeOptions, withCaStore, type PlaceFlags } from './place.js';

/** Flags of `skerry ca init --offline`. */
export interface OfflineInitFlags extends PassphraseFlags {
  readonly trustDomain: string;
  readonly rootDir?: string;
  readonly lifetime: number;
}

interface CsrFlags extends PlaceFlags {
  readonly trustDomain: string;
  readonly new: boolean;
}

interface SignFlags extends PassphraseFlags {
  readonly rootDir?: string;
  readonly lifetime: number;
}

interface ImportFlags extends PlaceFlags {
  readonly trustDomain: string;
  readonly key?: string;
  readonly serverName: string;
}

const unitDays = { d: 1, y: 365 } as const;
const dayMs = 24 * 60 * 60 * 1000;

function parseLifetime(text: string): number {
  const match = /^([1-9]\d{0,4})([dy])$/.exec(text);
  const unit = match?.[2] === 'y' ? unitDays.y : unitDays.d;
  if (match === null) {
    throw new CommandError(`expected a life like 90d or 2y, found ${text}`, exitCode.usage);
  }
  return Number(match[1]) * unit * dayMs;
}

/** How long what is made lives. */
export function lifetimeOption(standard: string, description: string): Option {
  return new Option('--lifetime <duration>', `${description} (d, y)`)
    .argParser(parseLifetime)
    .default(parseLifetime(standard), standard);
}

/** The trust domain. */
export function trustDomainOption(): Option {
  return new Option('--trust-domain <name>', 'trust domain of every identity')
    .env('SKERRY_TRUST_DOMAIN')
    .default('cluster.local');
}

/** Where an offline root is. */
export function rootDirOption(): Option {
  return new Option('--root-dir <dir>', 'directory of the offline root: root.pem, root-key.sealed');
}

function noRootDir(): CommandError {
  return new CommandError('where is the root? give --root-dir', exitCode.usage);
}

function rootFiles({ rootDir }: { readonly rootDir?: string }): {
  readonly certificate: string;
  readonly key: string;
} {
  if (rootDir === undefined) throw noRootDir();
  return {
    certificate: join(rootDir, offlineRootFiles.certificate),
    key: join(rootDir, offlineRootFiles.key),
  };
}

async function readInput(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => {
    throw new CommandError(`cannot read ${path}`, exitCode.usage);
  });
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** Makes a root whose key never leaves this machine but closed by a passphrase. */
export async function initOffline(flags: OfflineInitFlags, io: Io): Promise<void> {
  const { rootDir } = flags;
  if (rootDir === undefined) throw noRootDir();
  const trustDomain = parseTrustDomain(flags.trustDomain);
  if (!trustDomain.ok) throw new CommandError(trustDomain.error, exitCode.usage);
  const passphrase = await readPassphrase(flags, io, 'new');
  const root = await makeOfflineRoot(flags.trustDomain, passphrase, {
    ...{ nowMs: systemClock.now(), backdateMs: defaultLifetimes.backdateMs },
    ...{ lifeMs: flags.lifetime, randomBytes },
  });
  const kept = await keepOfflineRoot(rootDir, root).catch((error: unknown) => {
    throw error instanceof CaError ? new CommandError(error.message) : error;
  });
  if (!kept.ok) throw new CommandError(`no root was made: ${kept.error}`);
  io.stderr.write(
    `skerry: a root of trust domain ${flags.trustDomain} was made, fingerprint ${root.fingerprint}\n` +
      'skerry: its key is closed by the passphrase: keep both, apart, and never on the cluster\n',
  );
}

async function csr(flags: CsrFlags, io: Io): Promise<void> {
  await withCaStore(flags, io, async (store) => {
    if (flags.new) await forgetRequest(store);
    const { csrPem, keys } = await requestIssuers(store, flags.trustDomain);
    io.stdout.write(csrPem);
    for (const kind of ['workload', 'server'] as const) {
      const fingerprint = keyFingerprintOf(keys[kind]);
      io.stderr.write(`skerry: key of the ${kind} intermediate: sha256 ${fingerprint}\n`);
    }
  });
  io.stderr.write(
    'skerry: have this signed where the root’s key is (skerry ca sign, or your own PKI), and bring the answer by skerry ca import FILE\n',
  );
}

async function sign(file: string, flags: SignFlags, io: Io): Promise<void> {
  const files = rootFiles(flags);
  const input = {
    rootPem: await readInput(files.certificate),
    sealedKey: await readInput(files.key),
    requests: await readInput(file),
    passphrase: await readPassphrase(flags, io, 'known'),
  };
  const signed = await signRequests(input, {
    ...{ nowMs: systemClock.now(), backdateMs: defaultLifetimes.backdateMs },
    ...{ lifeMs: flags.lifetime, randomBytes },
  });
  if (!signed.ok) throw new CommandError(`nothing was signed: ${signed.error}`);
  for (const { kind, trustDomain, notAfterMs, key } of signed.value.issuers) {
    io.stderr.write(
      `skerry: signed the ${kind} intermediate of ${trustDomain}, until ${day(notAfterMs)}, for key sha256 ${key}\n`,
    );
  }
  io.stderr.write(
    'skerry: import what was printed only if skerry ca csr named the same keys: whoever else holds one can forge every identity\n',
  );
  io.stdout.write(signed.value.pem);
}

async function readKey(path: string): Promise<KeyObject> {
  const text = await readInput(path);
  try {
    return createPrivateKey(text);
  } catch {
    // No cause: it may quote the key.
    throw new CommandError(`expected a private key in PEM without a passphrase in ${path}`);
  }
}

const outcomes: Readonly<Record<Imported['kind'], string>> = {
  first: 'the authority is ready: its root is',
  renewed: 'new intermediates sign from now on; the root stays',
  rotating:
    'the next root is being published, and signs when every sidecar trusts it (see skerry ca status):',
};

async function bring(file: string, flags: ImportFlags, io: Io): Promise<void> {
  const pem = await readInput(file);
  const key = flags.key === undefined ? undefined : await readKey(flags.key);
  const { trustDomain, serverName } = flags;
  const imported = await withCaStore(flags, io, (store) =>
    importIssuers({
      ...{ store, trustDomain, serverName, pem, ...(key !== undefined && { key }) },
      ...{ clock: systemClock, lifetimes: defaultLifetimes, randomBytes },
    }),
  );
  if (!imported.ok) throw new CommandError(`nothing was imported: ${imported.error}`);
  const { kind, root, rootNotAfterMs, issuersNotAfterMs } = imported.value;
  io.stdout.write(
    `${outcomes[kind]} ${root}, until ${day(rootNotAfterMs)}\n` +
      `the intermediates end on ${day(issuersNotAfterMs)}: request the next ones before, by skerry ca csr\n`,
  );
}

/** Adds `csr`, `sign` and `import` to `skerry ca`. */
export function addOfflineVerbs(command: Command, io: Io): void {
  const add = (name: string, description: string, options: readonly Option[]): Command => {
    const verb = command.command(name).description(description).copyInheritedSettings(command);
    for (const option of options) verb.addOption(option);
    return verb;
  };
  add('csr', 'request intermediates from a root that is kept elsewhere; prints requests (PEM)', [
    ...placeOptions(),
    trustDomainOption(),
  ])
    .option('--new', 'forget what was requested before, with its keys', false)
    .action((flags: CsrFlags) => csr(flags, io));
  add('sign', 'sign requests with an offline root; prints what is to be imported (PEM)', [
    rootDirOption().makeOptionMandatory(),
    lifetimeOption('1y', 'how long the intermediates live'),
    passphraseOption(),
  ])
    .argument('<file>', 'the requests')
    .action((file: string, flags: SignFlags) => sign(file, flags, io));
  add(`import`, 'bring intermediates, with their chain up to the root (PEM), into use', [
    ...placeOptions(),
    trustDomainOption(),
    new Option('--key <file>', 'private key of an intermediate that was not requested by csr'),
    new Option(
      '--server-name <name>',
      'name of the control plane that it must be able to certify',
    ).default('skerry.skerry-system.svc'),
  ])
    .argument('<file>', 'the certificates')
    .action((file: string, flags: ImportFlags) => bring(file, flags, io));
}
