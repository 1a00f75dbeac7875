/** The collections of clusters and their endpoints: which names are answered, for whom, and from where. */
import type { Collection } from '../graph/index.js';
import { meshScope, namespaceScope } from '../ir/index.js';
import type { ClusterFamily, Mesh, MeshContext } from './mesh.js';
import { scopedKey } from './to-ir/called-host.js';
import { toCluster, toUnknownCluster } from './to-ir/cluster.js';
import { toEndpoints } from './to-ir/endpoints.js';
import * as listeners from './to-ir/outbound-listener.js';
import * as wanted from './wanted.js';

/** Who needs which cluster; a name that one family gives to a whole mesh is left out by the later ones. */
export function defineFamilies(context: MeshContext): Pick<Mesh, 'families' | 'probed'> {
  const { graph, sources, tables, settings, virtualHosts } = context;
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
  const eager = [services, headless, pods];
  const allRouted = graph.expand('all-wanted-by-route', virtualHosts, wanted.wantedByVirtualHost);
  const routed = graph.derive('wanted-by-route', allRouted, (row, _key, read) => {
    const isWider = wanted
      .widerScopes(row.scope)
      .some((scope) => wanted.isGiven(read, [...eager, allRouted], scopedKey(scope, row.name)));
    return isWider || wanted.isGiven(read, eager, scopedKey(row.scope, row.name)) ? undefined : row;
  });
  const demanded = graph.derive('wanted-by-demand', sources.demand, (_row, name, read) =>
    wanted.isGiven(read, [...eager, routed], scopedKey(meshScope, name)) ||
    wanted.fixedNames.includes(name)
      ? undefined
      : { scope: meshScope, name, isEager: false },
  );
  const probes = graph.derive('wanted-by-probe', sources.probes, (_row, name) => ({
    scope: meshScope,
    name,
    isEager: false,
  }));
  return {
    families: [
      defineFamily('service', services, context),
      defineFamily('headless', headless, context),
      defineFamily('pod', pods, context),
      defineFamily('route', routed, context),
      defineFamily('demand', demanded, context),
      defineUnknown(context),
    ],
    probed: defineFamily('probe', probes, context),
  };
}

function defineFamily(
  origin: string,
  rows: Collection<wanted.Wanted>,
  { graph, tables, settings }: MeshContext,
): ClusterFamily {
  const clusters = graph.derive(
    `${origin}-clusters`,
    rows,
    ({ scope, name, isEager }, _key, read) => {
      const found = toCluster(name, read, tables, settings);
      // A route may name only what is there; to a mere asker an unknown address is its namespace's affair.
      const ir = isEager ? wanted.orRefuse(found, name) : found;
      return ir === undefined ? undefined : { scope, isEager, ir };
    },
  );
  const endpoints = graph.derive(
    `${origin}-endpoints`,
    rows,
    ({ scope, name, isEager }, _key, read) => {
      const ir = toEndpoints(name, read, tables, settings);
      return ir === undefined ? undefined : { scope, isEager, ir };
    },
  );
  return { clusters, endpoints };
}

/** Addresses that nobody in the mesh has, by namespace that asks. */
function defineUnknown({ graph, sources, tables, settings }: MeshContext): ClusterFamily {
  const asked = graph.expand('wanted-by-namespace', sources.namespaceDemand, (_row, key) =>
    wanted.wantedByNamespace(key),
  );
  const clusters = graph.derive('unknown-clusters', asked, ({ namespace, name }, _key, read) => {
    if (toCluster(name, read, tables, settings) !== undefined) return undefined;
    const egress = listeners.egressOf(namespace, read, tables);
    return { scope: namespaceScope(namespace), isEager: false, ir: toUnknownCluster(name, egress) };
  });
  return { clusters };
}
