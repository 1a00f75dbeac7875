/** Manifests through the whole compiler, and what the sidecars do with calls by what comes out. */
import { decodeUnknown, typeUrls } from '../../../envoy/index.js';
import type {
  FilterChain,
  Listener,
  RouteConfiguration,
  TypedExtensionConfig,
} from '../../../envoy/index.js';
import { judgeArrival, type Emitted, type Verdict } from '../../../envoy/testing/judge-arrival.js';
import { podKey } from '../../../model/index.js';
import { parseManifests, parseObject } from '../../../sources/index.js';
import {
  createPipeline,
  type Pipeline,
  type PipelineChanges,
  type PipelineSettings,
} from '../../index.js';
import { toPipelineChanges } from '../manifests.js';
import type { RandomCall } from './random-arrivals.js';
import { meshManifests, rootNamespace, servers, type Server } from './small-mesh.js';

const settings: PipelineSettings = {
  trustDomain: 'cluster.local',
  rootNamespace,
  layout: 'on-demand',
  meshCidrs: [],
  accessLog: 'Errors',
  clusterDomain: 'cluster.local',
};

/** Text of several objects, one line each: no part of a line is an object. */
export function toText(manifests: readonly object[]): string {
  return manifests.map((each) => `---\n${JSON.stringify(each)}\n`).join('');
}

/** A compiler with the mesh in it and no policy. */
export function openMesh(): Pipeline {
  const pipeline = createPipeline(settings);
  take(pipeline, toText(meshManifests));
  return pipeline;
}

/** Hands the objects of a text to the compiler; throws where a part of it threw. */
export function take(pipeline: Pipeline, text: string): void {
  const { failures } = pipeline.apply(toPipelineChanges(parseManifests(text, 'p.yaml').changes));
  for (const { error } of failures) throw error;
}

/** Type and name with the hash of the bytes, of all that the servers' sidecars are given. */
export function versionsOf(pipeline: Pipeline): readonly string[] {
  return servers
    .flatMap((server) =>
      pipeline
        .resources(keyOf(server))
        .map(({ typeUrl, name, resource }) =>
          [keyOf(server), typeUrl, name, resource?.version].join(' '),
        ),
    )
    .sort();
}

/** What the servers' sidecars were given at one time, and what they do by it. */
export interface Compiled {
  /** By server. */
  readonly emitted: ReadonlyMap<Server, Emitted>;
  readonly judge: (call: RandomCall) => Verdict;
  /** Whether the sidecar ends mutual TLS on a port at all. */
  readonly endsTls: (call: RandomCall) => boolean;
}

/** Compiles sets of policies, one after another, each in the place of the one before. */
export function createCompiler(): (policies: readonly object[]) => Compiled {
  let pipeline = openMesh();
  let former: readonly string[] = [];
  return (policies) => {
    try {
      const next = new Map(policies.flatMap(readPolicy));
      const gone = former.filter((key) => !next.has(key)).map((key) => [key, undefined] as const);
      former = [...next.keys()];
      const rows = new Map<string, unknown>([...gone, ...next]);
      const { failures } = pipeline.apply({ policies: rows } as PipelineChanges);
      for (const { error } of failures) throw error;
      return readCompiled(pipeline);
    } catch (error) {
      pipeline = openMesh();
      former = [];
      throw error;
    }
  };
}

/** As the sources read an object that is a policy, whole or refused. */
function readPolicy(object: object): readonly (readonly [string, unknown])[] {
  const parsed = parseObject(object, { rootNamespace });
  if (parsed.kind !== 'ours' || parsed.outcome.kind === 'nothing') return [];
  return parsed.outcome.row === undefined ? [] : [[parsed.key, parsed.outcome.row.value]];
}

function readCompiled(pipeline: Pipeline): Compiled {
  const held = new Map(servers.map((server) => [server, emittedFor(pipeline, server)]));
  const emittedOf = (server: Server): Emitted => {
    const emitted = held.get(server);
    if (emitted === undefined) throw new Error(`no server ${keyOf(server)}`);
    return emitted;
  };
  return {
    emitted: held,
    judge: ({ server, arrival }) => judgeArrival(emittedOf(server), arrival),
    endsTls: ({ server, arrival: { port } }) => {
      const chains = emittedOf(server).listener.filter_chains ?? [];
      const at = (wanted: number | undefined): readonly FilterChain[] =>
        chains.filter(({ filter_chain_match: match }) => match?.destination_port === wanted);
      const own = at(port);
      return (own.length > 0 ? own : at(undefined)).some((chain) => chain.transport_socket);
    },
  };
}

function keyOf({ namespace, name }: Server): ReturnType<typeof podKey> {
  return podKey(namespace, name);
}

/** What a sidecar is given of its inbound side, as decoded from the bytes. */
function emittedFor(pipeline: Pipeline, server: Server): Emitted {
  const all = pipeline.resources(keyOf(server));
  const messages = <T>(typeUrl: string): ReadonlyMap<string, T> =>
    new Map(
      all.flatMap(({ typeUrl: own, name, resource }) =>
        own === typeUrl && resource !== undefined
          ? [[name, decodeUnknown(own, resource.bytes) as T] as const]
          : [],
      ),
    );
  const listener = messages<Listener>(typeUrls.listener).get('inbound');
  if (listener === undefined) throw new Error(`no inbound listener for ${keyOf(server)}`);
  return {
    listener,
    routes: messages<RouteConfiguration>(typeUrls.route),
    extensions: messages<TypedExtensionConfig>(typeUrls.extensionConfig),
  };
}
