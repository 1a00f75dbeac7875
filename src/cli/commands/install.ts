/** `skerry install`: the control plane as manifests, or applied and waited for. */
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
import { systemNamespace } from '../install/options.js';
import { tellOfFormerPlugin, untilRolledOut } from '../install/rollout.js';
import { checkReinstall, readInstalled, readInstalledOptions } from '../install/upgrade.js';

async function run(flags: InstallFlags, io: Io): Promise<number> {
  if (!flags.apply) {
    io.stdout.write(spellManifests(installObjects(toInstallOptions(flags)), flags.output));
    return exitCode.ok;
  }
  await withCluster(flags, io, async (client) => {
    const session = sessionOf(client, flags, io);
    const deployment = await readInstalled(session);
    const options = toInstallOptions(flags, await readInstalledOptions(session, deployment));
    const problems = checkReinstall(deployment, options);
    if (problems.length > 0) throw new CommandError(problems.join('\nskerry: '));
    await applyAll(session, installObjects(options));
    await untilRolledOut(session);
    await tellOfFormerPlugin(session, options);
  });
  io.stdout.write(`Skerry runs in namespace ${systemNamespace}\n`);
  io.stdout.write('enrol a namespace: kubectl label namespace NAME skerry.dev/inject=enabled\n');
  return exitCode.ok;
}

/** The command. */
export const installCommand: CommandDefinition = {
  name: 'install',
  summary: 'print the manifests of the control plane; with --apply, install it and wait for it',
  example: 'skerry install --registry registry.example.com/mesh | kubectl apply -f -',
  configure(command: Command, io: Io, exit): void {
    for (const option of installFlagOptions()) command.addOption(option);
    command.action(async (flags: InstallFlags) => {
      exit(await run(flags, io));
    });
  },
};
