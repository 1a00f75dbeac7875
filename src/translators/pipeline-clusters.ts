/** The collections of clusters and their endpoints: which names are answered, for whom, and from where. */
import type { Collection } from '../graph/index.js';
import { meshScope } from '../ir/index.js';
import type { ClusterFamily, Mesh, MeshContext } from './mesh.js';
import {
  defineByCallerEndpoints,
  definePlacements,
  defineZoned,
  type Placed,
} from './pipeline-placed.js';
import { scopedKey } from './to-ir/called-host.js';
import { toCluster, toUnknownCluster } from './to-ir/cluster.js';
import { toEndpoints } from './to-ir/endpoints.js';
import { egressOf } from './to-ir/egress.js';
import { noPlacement, zoneOfPod } from './to-ir/placement.js';
import * as callers from './wanted-by-callers.js';
import * as wanted from './wanted.js';

/** Who needs which cluster; a name that one family gives to a whole mesh is left out by the later ones. */
export function defineFamilies(
  context: MeshContext,
): Pick<Mesh, 'families' | 'byCaller' | 'placed' | 'routed' | 'probed'> {
  const { graph, sources, tables, settings, servers, virtualHosts } = context;
  const isEager = settings.layout === 'eager';
  const services = graph.expand('wanted-by-service', sources.services, (row, _key, read) =>
    isEager ? wanted.wantedByService(row, read, tables) : [],
  );
  const allHeadless = graph.expand('all-wanted-by-headless', tables.headless, (row) =>
    isEager ? wanted.wantedByHeadless(row) : [],
  );
  const headless = graph.derive('wanted-by-headless', allHeadless, (row, key, read) =>
    wanted.isGiven(read, [services], key) ? undefined : row,
  );
  const allPods = graph.expand('all-wanted-by-pod', sources.pods, (row) =>
    isEager ? wanted.wantedByPod(row) : [],
  );
  const pods = graph.derive('wanted-by-pod', allPods, (row, key, read) =>
    wanted.isGiven(read, [services, headless], key) ? undefined : row,
  );
  const inMesh = [services, headless, pods];
  const allRouted = graph.expand('all-wanted-by-route', virtualHosts, wanted.wantedByVirtualHost);
  const byRoute = graph.derive('wanted-by-route', allRouted, (row, _key, read) => {
    const isWider = wanted
      .widerScopes(row.scope)
      .some((scope) => wanted.isGiven(read, [...inMesh, allRouted], scopedKey(scope, row.name)));
    return isWider || wanted.isGiven(read, inMesh, scopedKey(row.scope, row.name))
      ? undefined
      : row;
  });
  const allTokens = graph.expand('all-wanted-by-tokens', servers, wanted.wantedByTokens);
  const byTokens = graph.derive('wanted-by-tokens', allTokens, (row, key, read) => {
    const scopes = wanted.widerScopes(row.scope);
    const keys = [key, ...scopes.map((scope) => scopedKey(scope, row.name))];
    return keys.some((each) => wanted.isGiven(read, [...inMesh, byRoute], each)) ? undefined : row;
  });
  const routed = [byRoute, byTokens];
  const eager = [...inMesh, ...routed];
  const demanded = graph.derive('wanted-by-demand', sources.demand, (_row, name, read) =>
    wanted.isGiven(read, eager, scopedKey(meshScope, name)) || wanted.fixedNames.includes(name)
      ? undefined
      : { scope: meshScope, name, isEager: false },
  );
  const probes = graph.derive('wanted-by-probe', sources.probes, (_row, key) =>
    callers.wantedByProbe(key),
  );
  const define = (origin: string, rows: Collection<wanted.Wanted>): PlacedFamily => {
    const clusters = defineClusters(origin, rows, context);
    const placements = definePlacements(graph, clusters);
    const endpoints = defineEndpoints(origin, { rows, placements }, context);
    return { clusters, endpoints, placements };
  };
  const families = [
    define('service', services),
    define('headless', headless),
    define('pod', pods),
    define('route', byRoute),
    define('tokens', byTokens),
    define('demand', demanded),
  ];
  const byCaller = defineByCaller({ inMesh, routed }, context);
  return {
    families,
    byCaller,
    placed: [
      ...families.map(({ placements }) => defineZoned(placements, context)),
      ...byCaller.map((clusters) => defineByCallerEndpoints({ clusters, routed }, context)),
    ],
    routed,
    probed: define('probe', probes),
  };
}

interface PlacedFamily extends ClusterFamily {
  readonly placements: Collection<Placed>;
}

function defineClusters(
  origin: string,
  rows: Collection<wanted.Wanted>,
  { graph, tables, settings }: MeshContext,
): ClusterFamily['clusters'] {
  return graph.derive(`${origin}-clusters`, rows, (row, _key, read) => {
    const { scope, name, isEager, mayBeUnknown } = row;
    const caller = callers.callerOf(scope, read, tables);
    const query = { name, ...(caller === undefined ? {} : { caller }) };
    const found = toCluster(query, read, tables, settings);
    if (found !== undefined) return { scope, isEager, ir: found };
    // A route may name only what is there; to a mere asker an unknown address is its namespace's affair.
    if (isEager) return { scope, isEager, ir: wanted.refusal(name) };
    if (mayBeUnknown !== true || caller === undefined) return undefined;
    const egress = egressOf(caller.namespace, read, tables);
    return { scope, isEager, ir: toUnknownCluster(query, egress, read, tables) };
  });
}

function defineEndpoints(
  origin: string,
  of: { readonly rows: Collection<wanted.Wanted>; readonly placements: Collection<Placed> },
  { graph, tables, settings }: MeshContext,
): NonNullable<ClusterFamily['endpoints']> {
  return graph.derive(`${origin}-endpoints`, of.rows, ({ scope, name, isEager }, key, read) => {
    const placement = read.get(of.placements, key)?.placement ?? noPlacement;
    const zone = placement.locality === 'None' ? undefined : zoneOfPod(scope, read, tables);
    const place = { placement, ...(zone === undefined ? {} : { zone }) };
    const ir = toEndpoints({ name, place }, read, tables, settings);
    return ir === undefined ? undefined : { scope, isEager, ir };
  });
}

/**
 * Clusters that differ by caller: of names that are pushed, and of names that are asked for. Unless
 * their order differs too, their endpoints are those of the wider scope that has the name too.
 */
function defineByCaller(
  rows: {
    readonly inMesh: readonly Collection<wanted.Wanted>[];
    readonly routed: Mesh['routed'];
  },
  context: MeshContext,
): readonly ClusterFamily['clusters'][] {
  const { graph, sources, tables, settings } = context;
  const pushed = [...rows.inMesh, ...rows.routed].map((eager) =>
    graph.expand(`${eager.name}-by-caller`, eager, (row, _key, read) =>
      callers.wantedBesides(row, read, tables, settings),
    ),
  );
  const all = graph.expand('all-wanted-by-namespace', sources.namespaceDemand, (_row, key, read) =>
    callers.wantedByNamespace(key, read, tables, settings),
  );
  const asked = graph.derive('wanted-by-namespace', all, (row, key, read) =>
    wanted.isGiven(read, [...rows.routed, ...pushed], key) ? undefined : row,
  );
  return [...pushed, asked].map((each) => defineClusters(each.name, each, context));
}
