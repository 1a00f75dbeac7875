/** `skerry ca backup` and `restore`: the authority in one file that only a passphrase opens. */
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { Option, type Command } from 'commander';
import { restoreBackup, takeBackup, writeOnce } from '../../ca/index.js';
import { systemClock } from '../../lib/index.js';
import { CommandError, exitCode, type Io } from '../io.js';
import { trustDomainOption } from './offline.js';
import { passphraseOption, readPassphrase, type PassphraseFlags } from './passphrase.js';
import { placeOptions, withCaStore, type PlaceFlags } from './place.js';

interface BackupFlags extends PlaceFlags, PassphraseFlags {
  readonly trustDomain: string;
  readonly output: string;
}

interface RestoreFlags extends PlaceFlags, PassphraseFlags {
  readonly trustDomain: string;
  readonly fingerprint?: string;
  readonly force: boolean;
}

async function backup(flags: BackupFlags, io: Io): Promise<void> {
  const passphrase = await readPassphrase(flags, io, 'new');
  const { trustDomain, output } = flags;
  const taken = await withCaStore(flags, io, async (store) => {
    const backup = await takeBackup(store, trustDomain, passphrase, systemClock.now());
    return { ...backup, isNew: await writeOnce(dirname(output), basename(output), backup.text) };
  });
  if (!taken.isNew) {
    throw new CommandError(`${output} is there already, and a backup is never written over one`);
  }
  io.stdout.write(`${output} holds the CA of ${trustDomain}, root ${taken.root}\n`);
  io.stderr.write('skerry: whoever has it and its passphrase can be anybody: keep them apart\n');
}

async function restore(file: string, flags: RestoreFlags, io: Io): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new CommandError(`cannot read ${file}`, exitCode.usage);
  });
  const passphrase = await readPassphrase(flags, io, 'known');
  const { trustDomain, fingerprint, force } = flags;
  const restored = await withCaStore(flags, io, (store) =>
    restoreBackup({
      ...{ store, trustDomain, text, passphrase, nowMs: systemClock.now() },
      ...(fingerprint !== undefined && { fingerprint }),
      over: force ? 'anything' : 'older',
    }),
  );
  if (!restored.ok) throw new CommandError(`nothing was restored: ${restored.error}`);
  const { root, takenAtMs } = restored.value;
  const taken = new Date(takenAtMs).toISOString();
  io.stdout.write(`the CA of ${trustDomain} is restored as of ${taken}, root ${root}\n`);
}

/** Adds `backup` and `restore` to `skerry ca`. */
export function addBackupVerbs(command: Command, io: Io): void {
  const add = (name: string, description: string): Command => {
    const verb = command.command(name).description(description).copyInheritedSettings(command);
    for (const option of [...placeOptions(), trustDomainOption(), passphraseOption()]) {
      verb.addOption(option);
    }
    return verb;
  };
  add('backup', 'write all that the CA holds, keys too, into a file that only a passphrase opens')
    .requiredOption('-o, --output <file>', 'the file; one that is there is never written over')
    .action((flags: BackupFlags) => backup(flags, io));
  add('restore', 'put a backup back; nothing newer, and nothing of another mesh, is overwritten')
    .argument('<file>', 'the backup')
    .addOption(new Option('--fingerprint <sha256>', 'the root that is expected in it'))
    .option('--force', 'also over a newer state, or another CA of this trust domain', false)
    .action((file: string, flags: RestoreFlags) => restore(file, flags, io));
}
