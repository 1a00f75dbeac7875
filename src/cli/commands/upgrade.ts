/** `skerry upgrade`: another version over the one that runs, after a look at whether that works. */
import type { Command } from 'commander';
import { withCluster } from '../cluster/connect.js';
import type { CommandDefinition } from '../command.js';
import { CommandError, exitCode, type Io } from '../io.js';
import { applyAll, untilRolledOut } from '../install/apply.js';
import {
  installFlagOptions,
  sessionOf,
  spellManifests,
  toInstallOptions,
  type InstallFlags,
} from '../install/flags.js';
import { installObjects } from '../install/objects.js';
import { checkUpgrade } from '../install/upgrade.js';

async function run(flags: InstallFlags, io: Io): Promise<number> {
  const options = toInstallOptions(flags);
  const manifests = installObjects(options);
  const from = await withCluster(flags, io, async (client) => {
    const session = sessionOf(client, flags, io);
    const found = await checkUpgrade(session, options, manifests);
    if (found.problems.length > 0) throw new CommandError(found.problems.join('\nskerry: '));
    if (flags.apply) {
      await applyAll(session, manifests);
      await untilRolledOut(session);
    }
    return found.from;
  });
  const step = `${from === '' ? 'an untagged version' : from} to ${options.imageTag}`;
  if (flags.apply) io.stdout.write(`upgraded from ${step}\n`);
  else {
    io.stderr.write(`skerry: nothing is in the way from ${step}\n`);
    io.stdout.write(spellManifests(manifests, flags.output));
  }
  return exitCode.ok;
}

/** The command. */
export const upgradeCommand: CommandDefinition = {
  name: 'upgrade',
  summary: 'check that this version can follow the one that runs, and print it or --apply it',
  example: 'skerry upgrade --registry registry.example.com/mesh --apply',
  configure(command: Command, io: Io, exit): void {
    for (const option of installFlagOptions()) command.addOption(option);
    command.action(async (flags: InstallFlags) => {
      exit(await run(flags, io));
    });
  },
};
