/** `skerry ca`: the certificate authority, of a control plane that runs or in a state directory. */
import type { Command } from 'commander';
import { openAuthority, openDirectoryStore } from '../../ca/index.js';
import { systemClock } from '../../lib/index.js';
import { addAuditVerb } from '../ca/audit.js';
import { addBackupVerbs } from '../ca/backup.js';
import {
  addOfflineVerbs,
  initOffline,
  lifetimeOption,
  rootDirOption,
  trustDomainOption,
  type OfflineInitFlags,
} from '../ca/offline.js';
import { passphraseOption } from '../ca/passphrase.js';
import { caDirectory, stateDirOption } from '../ca/place.js';
import { addRunningVerbs } from '../ca/running.js';
import type { CommandDefinition } from '../command.js';
import { CommandError, exitCode, type Io } from '../io.js';

interface Flags {
  readonly stateDir: string;
  readonly trustDomain: string;
}

interface InitFlags extends OfflineInitFlags {
  readonly offline: boolean;
  readonly stateDir?: string;
}

async function init(flags: InitFlags, io: Io): Promise<void> {
  if (flags.stateDir === undefined) {
    throw new CommandError('where? give --state-dir, or --offline and --root-dir', exitCode.usage);
  }
  const store = await openDirectoryStore(caDirectory(flags.stateDir));
  const existed = (await store.readSlot('active')) !== undefined;
  const authority = await openAuthority({
    store,
    trustDomain: flags.trustDomain,
    clock: systemClock,
  });
  io.stderr.write(
    existed ? 'skerry: a root existed already; it is kept\n' : 'skerry: a root was made\n',
  );
  io.stdout.write(authority.bundle());
}

async function bundle(flags: Flags, io: Io): Promise<void> {
  const store = await openDirectoryStore(caDirectory(flags.stateDir));
  if ((await store.readSlot('active')) === undefined) {
    throw new CommandError(
      `no CA rests in ${flags.stateDir} yet: run skerry ca init, or start the control plane once`,
    );
  }
  const authority = await openAuthority({
    store,
    trustDomain: flags.trustDomain,
    clock: systemClock,
  });
  io.stdout.write(authority.bundle());
}

/** The command. */
export const caCommand: CommandDefinition = {
  name: 'ca',
  summary:
    'the certificate authority: its state, the rotation of its root, a root that is kept offline, backups, the audit log',
  example: 'skerry ca status',
  configure(command: Command, io: Io, exit): void {
    addRunningVerbs(command, io, exit);
    command
      .command('init')
      .description(
        'make the root if there is none, and print the trust bundle (PEM); with --offline: make a root whose key stays on this machine',
      )
      .addOption(stateDirOption().makeOptionMandatory(false))
      .addOption(trustDomainOption())
      .option('--offline', 'make a root alone, for skerry ca sign; needs --root-dir', false)
      .addOption(rootDirOption())
      .addOption(passphraseOption())
      .addOption(lifetimeOption('10y', 'how long the root lives'))
      .action((flags: InitFlags) => (flags.offline ? initOffline(flags, io) : init(flags, io)));
    command
      .command('bundle')
      .description('print the trust bundle (PEM)')
      .addOption(stateDirOption())
      .addOption(trustDomainOption())
      .action((flags: Flags) => bundle(flags, io));
    addOfflineVerbs(command, io);
    addBackupVerbs(command, io);
    addAuditVerb(command, io);
  },
};
