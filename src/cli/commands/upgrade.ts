/** `skerry upgrade`: another version over the one that runs, after a look at whether that works. */
import type { Command } from 'commander';
import { withCluster } from '../cluster/connect.js';
import type { CommandDefinition } from '../command.js';
import { CommandError, exitCode, type Io } from '../io.js';
import { applyAll } from '../install/apply.js';
import {
  installFlagOptions,
  sessionOf,
  spellManifests,
  toInstallOptions,
  type InstallFlags,
} from '../install/flags.js';
import { installObjects } from '../install/objects.js';
import { tellOfFormerPlugin, untilRolledOut } from '../install/rollout.js';
import {
  checkUpgrade,
  installedTag,
  readInstalled,
  readInstalledOptions,
} from '../install/upgrade.js';

/** What the new version is told: what is said now, over what the one that runs was told. */
async function run(flags: InstallFlags, io: Io): Promise<number> {
  const { from, manifests } = await withCluster(flags, io, async (client) => {
    const session = sessionOf(client, flags, io);
    const deployment = await readInstalled(session);
    const options = toInstallOptions(flags, await readInstalledOptions(session, deployment));
    const problems = await checkUpgrade(session, deployment, options);
    if (problems.length > 0) throw new CommandError(problems.join('\nskerry: '));
    const next = installObjects(options);
    if (flags.apply) {
      await applyAll(session, next);
      await untilRolledOut(session);
      await tellOfFormerPlugin(session, options);
    }
    return { from: installedTag(deployment), manifests: next };
  });
  const step = `${from === '' ? 'an untagged version' : from} to ${flags.imageTag}`;
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
  example: 'skerry upgrade --apply --timeout 10m',
  configure(command: Command, io: Io, exit): void {
    for (const option of installFlagOptions()) command.addOption(option);
    command.action(async (flags: InstallFlags) => {
      exit(await run(flags, io));
    });
  },
};
