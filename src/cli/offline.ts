/** Compiles a directory of YAML without a control plane: the same parsers and the same pipeline. */
import { Option } from 'commander';
import { stat } from 'node:fs/promises';
import type {
  CaBundle,
  Credential,
  Diagnostic,
  EndpointSlice,
  KeySet,
  Namespace,
  Node,
  Pod,
  RefusedPolicy,
  Service,
  TrafficPolicy,
} from '../model/index.js';
import { readDirectory, type SourceBatch, type SourceChange } from '../sources/index.js';
import {
  createPipeline,
  type Pipeline,
  type PipelineChanges,
  type PipelineSettings,
} from '../translators/index.js';
import { CommandError, exitCode } from './io.js';

/** Flags that say what the mesh is like. */
export interface MeshFlags {
  readonly trustDomain: string;
  readonly rootNamespace: string;
  readonly meshCidr?: readonly string[];
}

/** The options behind {@link MeshFlags}. */
export function meshOptions(): readonly Option[] {
  return [
    new Option('--trust-domain <name>', 'trust domain of every identity')
      .env('SKERRY_TRUST_DOMAIN')
      .default('cluster.local'),
    new Option('--root-namespace <name>', 'namespace that may speak for the whole mesh')
      .env('SKERRY_ROOT_NAMESPACE')
      .default('skerry-system'),
    new Option('--mesh-cidr <cidr>', 'addresses of Services and pods; repeatable')
      .env('SKERRY_MESH_CIDR')
      .argParser((value: string, earlier: readonly string[] | undefined) => [
        ...(earlier ?? []),
        ...value.split(','),
      ]),
  ];
}

/** A directory compiled: what is wrong with it, and the mesh it makes. */
export interface CompiledDirectory {
  readonly pipeline: Pipeline;
  /** Of the objects themselves, then of the mesh they make. */
  readonly diagnostics: readonly Diagnostic[];
  /** The objects themselves. */
  readonly changes: readonly SourceChange[];
}

/** Reads and compiles `directory`; a {@link CommandError} when there is none. */
export async function compileDirectory(
  directory: string,
  flags: MeshFlags,
): Promise<CompiledDirectory> {
  const batch = await readManifests(directory, flags);
  const pipeline = createOfflinePipeline(flags);
  const result = pipeline.apply(toPipelineChanges(batch.changes));
  return {
    pipeline,
    diagnostics: [
      ...batch.diagnostics,
      ...result.diagnostics.flatMap((change) => change.diagnostics),
    ],
    changes: batch.changes,
  };
}

/** Reads `directory`; a {@link CommandError} when there is none. */
export async function readManifests(
  directory: string,
  { rootNamespace }: MeshFlags,
): Promise<SourceBatch> {
  const isDirectory = await stat(directory).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isDirectory) {
    throw new CommandError(
      `expected a directory of YAML, found none at ${directory}`,
      exitCode.usage,
    );
  }
  return await readDirectory(directory, { rootNamespace });
}

/** An empty mesh of the flags; in the eager layout every sidecar has everything, asked for or not. */
export function createOfflinePipeline(
  flags: MeshFlags,
  layout: PipelineSettings['layout'] = 'on-demand',
): Pipeline {
  return createPipeline({
    trustDomain: flags.trustDomain,
    rootNamespace: flags.rootNamespace,
    layout,
    meshCidrs: flags.meshCidr ?? [],
    accessLog: 'Errors',
    clusterDomain: 'cluster.local',
  });
}

/** Changes of a source, by collection. */
export function toPipelineChanges(changes: readonly SourceChange[]): PipelineChanges {
  const tables = {
    services: new Map<string, Service | undefined>(),
    slices: new Map<string, EndpointSlice | undefined>(),
    pods: new Map<string, Pod | undefined>(),
    namespaces: new Map<string, Namespace | undefined>(),
    nodes: new Map<string, Node | undefined>(),
    keySets: new Map<string, KeySet | undefined>(),
    caBundles: new Map<string, CaBundle | undefined>(),
    credentials: new Map<string, Credential | undefined>(),
    policies: new Map<string, TrafficPolicy | RefusedPolicy | undefined>(),
  };
  for (const change of changes) {
    const table: Map<string, typeof change.value> = tables[change.collection];
    table.set(change.key, change.value);
  }
  return tables;
}
