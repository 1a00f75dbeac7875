/** What `skerry ca` asks of a control plane that runs: its status, and the rotation of its root. */
import { Option, type Command } from 'commander';
import type { CaView } from '../../admin/index.js';
import {
  controlPlaneOptions,
  tellAny,
  withReplicas,
  type ControlPlaneFlags,
} from '../admin-client.js';
import { exitCode, outputFormats, printData, type Io, type OutputFormat } from '../io.js';
import { disagreements, spellCaStatus } from './status.js';

interface StatusFlags extends ControlPlaneFlags {
  readonly output: OutputFormat;
}

interface RotateFlags extends ControlPlaneFlags {
  readonly force: boolean;
}

async function status(flags: StatusFlags, io: Io): Promise<number> {
  const views = await withReplicas(flags, io, (replicas) =>
    Promise.all(replicas.map(async (replica) => (await replica.ask('/v1/ca')) as CaView)),
  );
  printData(io, flags.output, views, () => spellCaStatus(views));
  const isWell =
    disagreements(views).length === 0 &&
    views.every(({ rotation, alarms }) => rotation.problem === undefined && alarms.length === 0);
  return isWell ? exitCode.ok : exitCode.problem;
}

async function tell(flags: ControlPlaneFlags, io: Io, path: string, body: unknown): Promise<void> {
  const view = await withReplicas(flags, io, (replicas) => tellAny(replicas, path, body));
  io.stdout.write(`${spellCaStatus([view as CaView])}\n`);
}

/** Adds `status`, `rotate` and `abort` to `skerry ca`. */
export function addRunningVerbs(command: Command, io: Io, exit: (code: number) => void): void {
  const add = (name: string, description: string): Command => {
    const verb = command.command(name).description(description).copyInheritedSettings(command);
    for (const option of controlPlaneOptions()) verb.addOption(option);
    return verb;
  };
  add('status', 'the roots, how far a rotation has come, and who holds it back')
    .addOption(new Option('-o, --output <format>').choices(outputFormats).default('table'))
    .action(async (flags: StatusFlags) => {
      exit(await status(flags, io));
    });
  add('rotate', 'begin to replace the root, step by step, each on evidence from every sidecar')
    .option(
      '--force',
      'for a key that is lost or stolen: each step waits a minute at most, so that sidecars that are late or away lose their connections until they have caught up',
      false,
    )
    .action((flags: RotateFlags) =>
      tell(flags, io, '/v1/ca/rotate', { mode: flags.force ? 'forced' : 'staged' }),
    );
  add('abort', 'take back the rotation that is under way').action((flags: ControlPlaneFlags) =>
    tell(flags, io, '/v1/ca/abort', {}),
  );
}
