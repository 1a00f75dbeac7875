/** `skerry uninstall`: takes the control plane out of a cluster and leaves nothing behind. */
import type { Command } from 'commander';
import { withCluster } from '../cluster/connect.js';
import type { CommandDefinition } from '../command.js';
import { exitCode, type Io } from '../io.js';
import { actionOptions, sessionOf, spellManifests, type ActionFlags } from '../install/flags.js';
import { installObjects } from '../install/objects.js';
import { defaultInstall, systemNamespace } from '../install/options.js';
import { podsWithSidecars, removeAll, removedObjects } from '../install/remove.js';

interface Flags extends ActionFlags {
  readonly deletePolicies: boolean;
  readonly keepCa: boolean;
}

function tellOfSidecars(counts: ReadonlyMap<string, number>, io: Io): void {
  for (const [namespace, count] of counts) {
    io.stderr.write(
      `skerry: ${String(count)} pods of ${namespace} keep their sidecars until they are replaced: kubectl rollout restart deployment,statefulset,daemonset -n ${namespace}\n`,
    );
  }
}

async function run(flags: Flags, io: Io): Promise<number> {
  // Everything that may be there, whatever it was installed with.
  const manifests = installObjects({ ...defaultInstall, redirection: 'cni' });
  const options = { hasPolicies: flags.deletePolicies, keepsAuthority: flags.keepCa };
  if (!flags.apply) {
    io.stdout.write(spellManifests(removedObjects(manifests, options), flags.output));
    io.stderr.write(
      'skerry: afterwards: kubectl delete configmap -A -l app.kubernetes.io/managed-by=skerry --field-selector metadata.name=skerry-root\n',
    );
    return exitCode.ok;
  }
  await withCluster(flags, io, async (client) => {
    const session = sessionOf(client, flags, io);
    await removeAll(session, manifests, options);
    tellOfSidecars(await podsWithSidecars(session), io);
  });
  const kept = flags.keepCa ? `; its certificate authority is kept in ${systemNamespace}` : '';
  io.stdout.write(`Skerry is removed${kept}\n`);
  return exitCode.ok;
}

/** The command. */
export const uninstallCommand: CommandDefinition = {
  name: 'uninstall',
  summary:
    'print what is to be deleted; with --apply, remove the control plane and all it has made',
  example: 'skerry uninstall --apply --delete-policies',
  configure(command: Command, io: Io, exit): void {
    command
      .option('--delete-policies', 'remove all TrafficPolicies too, and their kind', false)
      .option('--keep-ca', 'keep the certificate authority, for a later installation', false);
    for (const option of actionOptions()) command.addOption(option);
    command.action(async (flags: Flags) => {
      exit(await run(flags, io));
    });
  },
};
