/** Where the authority rests that a command is about: in a state directory, or in a Secret of a cluster. */
import { join } from 'node:path';
import { Option } from 'commander';
import { CaError, openDirectoryStore, type CaStore } from '../../ca/index.js';
import { clusterOptions, withCluster, type ClusterFlags } from '../cluster/connect.js';
import { CommandError, exitCode, type Io } from '../io.js';

/** Flags that say which authority is meant. */
export interface PlaceFlags extends ClusterFlags {
  readonly stateDir?: string;
  readonly namespace: string;
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

/** The options behind {@link PlaceFlags}. */
export function placeOptions(): readonly Option[] {
  return [
    stateDirOption().makeOptionMandatory(false),
    new Option('-n, --namespace <name>', 'without --state-dir: where the cluster’s skerry-ca is')
      .env('SKERRY_NAMESPACE')
      .default('skerry-system'),
    ...clusterOptions(),
  ];
}

/** Runs `use` with the authority's store; what is wrong with it becomes one line. */
export async function withCaStore<T>(
  flags: PlaceFlags,
  io: Io,
  use: (store: CaStore) => Promise<T>,
): Promise<T> {
  const { stateDir, namespace } = flags;
  const { clusterCaStore } = io;
  try {
    if (stateDir !== undefined) return await use(await openDirectoryStore(caDirectory(stateDir)));
    if (clusterCaStore === undefined)
      throw new CommandError('where is the CA? give --state-dir', exitCode.usage);
    return await withCluster(flags, io, (client) => use(clusterCaStore(client, namespace)));
  } catch (error) {
    throw error instanceof CaError ? new CommandError(error.message) : error;
  }
}
