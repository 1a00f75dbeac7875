/** `skerry ca`: the certificate authority, of a control plane that runs or in a state directory. */
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { openAuthority, openDirectoryStore } from '../../ca/index.js';
import { systemClock } from '../../lib/index.js';
import { addRunningVerbs } from '../ca/running.js';
import type { CommandDefinition } from '../command.js';
import { CommandError, type Io } from '../io.js';

interface Flags {
  readonly stateDir: string;
  readonly trustDomain: string;
}

/** The flag that says where the CA rests. */
export function stateDirOption(): Option {
  return new Option('--state-dir <dir>', 'the control plane’s state directory')
    .env('SKERRY_STATE_DIR')
    .makeOptionMandatory();
}

/** Where in a state directory the CA rests. */
export function caDirectory(stateDirectory: string): string {
  return join(stateDirectory, 'ca');
}

async function init(flags: Flags, io: Io): Promise<void> {
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
  summary: 'the certificate authority: its state, the rotation of its root, its trust bundle',
  example: 'skerry ca status',
  configure(command: Command, io: Io, exit): void {
    addRunningVerbs(command, io, exit);
    const verbs = [
      ['init', 'make the root if there is none, and print the trust bundle (PEM)', init],
      ['bundle', 'print the trust bundle (PEM)', bundle],
    ] as const;
    for (const [name, summary, run] of verbs) {
      command
        .command(name)
        .description(summary)
        .addOption(stateDirOption())
        .addOption(
          new Option('--trust-domain <name>', 'trust domain of every identity')
            .env('SKERRY_TRUST_DOMAIN')
            .default('cluster.local'),
        )
        .action((flags: Flags) => run(flags, io));
    }
  },
};
