/** The collections of the mesh, from sources to encoded resources: the one file that names them. */
import { createGraph, type Collection, type Graph } from '../graph/index.js';
import { meshScope, namespaceScope, type Scope } from '../ir/index.js';
import type { ClusterFamily, Mesh, MeshContext, PipelineSources } from './mesh.js';
import type { PipelineSettings } from './pipeline-contract.js';
import { egressFeature } from './policies/egress/feature.js';
import { share, type ScopedResource } from './scoped-resource.js';
import * as spelled from './spelled.js';
import * as attach from './to-ir/attach.js';
import { scopedKey, toCalledHosts, toHostVariants } from './to-ir/called-host.js';
import { toCluster, toUnknownCluster } from './to-ir/cluster.js';
import { vipOwner } from './to-ir/destination.js';
import * as groups from './to-ir/endpoint-group.js';
import { toEndpoints, toPlaintextPorts } from './to-ir/endpoints.js';
import { toDiagnostics, type Finding } from './to-ir/finding.js';
import { toInbound } from './to-ir/inbound.js';
import { toShapedInbound } from './to-ir/inbound-shape.js';
import { findPodProblems, findServiceProblems } from './to-ir/object-findings.js';
import * as listeners from './to-ir/outbound-listener.js';
import { findPolicyProblems } from './to-ir/policy-findings.js';
import type {
  EgressTables,
  EndpointTables,
  PolicyTables,
  ProtocolTables,
  WorkloadTables,
} from './to-ir/tables.js';
import { toVirtualHost } from './to-ir/virtual-host.js';
import * as workloads from './to-ir/workload.js';
import * as wanted from './wanted.js';

/** Defines every collection; nothing is computed until the first turn. */
export function defineMesh(settings: PipelineSettings): Mesh {
  const graph = createGraph();
  const sources = defineSources(graph);
  const tables = defineProtocols(
    graph,
    defineEgress(
      graph,
      sources,
      definePolicies(
        graph,
        sources,
        settings,
        defineEndpoints(graph, sources, defineWorkloads(graph, sources, settings)),
      ),
    ),
    sources,
  );
  const servers = graph.derive('inbound-decisions', tables.sidecars, (row, _key, read) =>
    toInbound(row, read, tables, settings),
  );
  const hosts = graph.expand('called-hosts', sources.services, (row, _key, read) =>
    toCalledHosts(row, read, tables),
  );
  const variants = graph.expand('host-variants', hosts, (row, _key, read) =>
    toHostVariants(row, read, tables, settings),
  );
  const virtualHosts = graph.derive('virtual-hosts', variants, (row, _key, read) =>
    toVirtualHost(row, read, tables, settings),
  );
  const plaintextPorts = graph.derive('plaintext-ports', servers, ({ ir }) => toPlaintextPorts(ir));
  const destinations = { ...tables, plaintextPorts };
  const context = { graph, sources, tables: destinations, settings, servers, virtualHosts };
  const own = defineFamilies(context);
  const outbound = defineOutbound(graph, tables, settings);
  const encoded = defineEncoded(context, own.families, outbound);
  const diagnostics = defineDiagnostics(context);
  const found = diagnostics.map(({ rows }) => rows);
  for (const collection of [...encoded, ...found, tables.sidecars]) graph.output(collection);
  return {
    graph,
    sources,
    tables,
    servers,
    hosts,
    virtualHosts,
    outbound,
    ...own,
    encoded,
    diagnostics,
  };
}

function defineSources(graph: Graph): PipelineSources {
  return {
    services: graph.source('services'),
    slices: graph.source('slices'),
    pods: graph.source('pods'),
    namespaces: graph.source('namespaces'),
    nodes: graph.source('nodes'),
    policies: graph.source('policies'),
    demand: graph.source('demand'),
    namespaceDemand: graph.source('namespace-demand'),
    probes: graph.source('probes'),
    constants: graph.source('constants'),
  };
}

function defineWorkloads(
  graph: Graph,
  sources: PipelineSources,
  { trustDomain }: PipelineSettings,
): WorkloadTables {
  const own = graph.derive('workloads', sources.pods, (pod) =>
    workloads.toWorkload(pod, trustDomain),
  );
  const sidecars = graph.derive('sidecars', sources.pods, (pod) =>
    workloads.toSidecar(pod, trustDomain),
  );
  const workloadsByIp = graph.lookup('workloads-by-ip', own, ({ ips }) => ips);
  const addresses = graph.expand('addresses', own, ({ ips }) =>
    ips.map((ip): readonly [string, string] => [ip, ip]),
  );
  const owners = graph.derive('address-owners', addresses, (ip, _key, read) =>
    workloads.toAddressOwner(workloads.ownerOf(read, { workloadsByIp }, ip)),
  );
  const servicesByVip = graph.lookup('services-by-vip', sources.services, (row) => row.clusterIPs);
  const allVips = graph.expand('all-vips', sources.services, (row) =>
    row.clusterIPs.map((ip): readonly [string, string] => [ip, ip]),
  );
  const vips = graph.derive(
    'vips',
    allVips,
    (ip, _key, read) => vipOwner(ip, read, { servicesByVip })?.key,
  );
  return {
    services: sources.services,
    servicesByVip,
    vips,
    namespaces: sources.namespaces,
    nodes: sources.nodes,
    slicesByService: graph.lookup('slices-by-service', sources.slices, ({ service }) => [service]),
    workloads: own,
    workloadsByIp,
    workloadsByNamespace: graph.lookup('workloads-by-namespace', own, (row) => [row.namespace]),
    workloadsByLabel: graph.lookup('workloads-by-label', own, workloads.labelKeys),
    owners,
    sidecars,
    sidecarsByNamespace: graph.lookup('sidecars-by-namespace', sidecars, (row) => [row.namespace]),
  };
}

function defineEndpoints(
  graph: Graph,
  sources: PipelineSources,
  tables: WorkloadTables,
): EndpointTables {
  const own = graph.derive('endpoint-groups', sources.services, (row, _key, read) =>
    groups.toEndpointGroup(row, read, tables),
  );
  const served = graph.expand('served-ports', own, (row, _key, read) =>
    groups.toServedPorts(row, read, tables),
  );
  const headless = graph.expand('headless-addresses', own, groups.toHeadlessAddresses);
  return {
    ...tables,
    groups: own,
    identities: graph.derive('identities', own, groups.toIdentities),
    servedByPod: graph.lookup('served-by-pod', served, ({ pod }) => [pod]),
    outsideAddresses: graph.expand('outside-addresses', own, groups.toOutsideAddresses),
    headless,
    headlessByService: graph.lookup('headless-by-service', headless, ({ service }) => [service]),
  };
}

function definePolicies(
  graph: Graph,
  sources: PipelineSources,
  settings: PipelineSettings,
  tables: EndpointTables,
): PolicyTables {
  const inbound = graph.derive('inbound-policies', sources.policies, (form) =>
    attach.toInboundPolicy(form, settings.rootNamespace),
  );
  const routes = graph.derive('route-policies', sources.policies, attach.toRoutePolicy);
  const egress = graph.derive('egress-policies', sources.policies, (form) =>
    attach.toEgressPolicy(form, settings.rootNamespace),
  );
  return {
    ...tables,
    inboundByTarget: graph.lookup('inbound-by-target', inbound, attach.targetKeys),
    routesByService: graph.lookup('routes-by-service', routes, attach.serviceKeys),
    egressPolicies: egress,
    egressByTarget: graph.lookup('egress-by-target', egress, attach.targetKeys),
  };
}

function defineEgress(graph: Graph, sources: PipelineSources, tables: PolicyTables): EgressTables {
  const meshEgress = graph.derive('mesh-egress', sources.constants, (_row, _key, read) =>
    listeners.toEgress('', egressFeature.defaultDecision, read, tables),
  );
  const namespaces = graph.expand(
    'egress-namespaces',
    tables.egressPolicies,
    (policy, _key, read) => listeners.namespacesOf(policy, read, tables),
  );
  const namespaceEgress = graph.derive('namespace-egress', namespaces, (namespace, _key, read) => {
    const wider = read.get(meshEgress, 'mesh') ?? egressFeature.defaultDecision;
    return listeners.toEgress(namespace, wider, read, tables);
  });
  return { ...tables, meshEgress, namespaceEgress };
}

function defineProtocols(
  graph: Graph,
  tables: EgressTables,
  sources: PipelineSources,
): ProtocolTables {
  const opaque = graph.derive('opaque-declarations', sources.services, (row, _key, read) =>
    listeners.toOpaqueDeclaration(row, read, tables),
  );
  const http = graph.expand('http-declarations', sources.services, (row, _key, read) =>
    listeners.toHttpDeclarations(row, read, tables),
  );
  return {
    ...tables,
    opaquePorts: graph.derive('opaque-ports', sources.constants, (_row, _key, read) =>
      listeners.mergeOpaquePorts(read.all(opaque)),
    ),
    httpByPort: graph.lookup('http-by-port', http, ({ port }) => [String(port)]),
  };
}

/** Who needs which cluster; a name that one family gives to a whole mesh is left out by the later ones. */
function defineFamilies(context: MeshContext): Pick<Mesh, 'families' | 'probed'> {
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

function defineOutbound(
  graph: Graph,
  tables: ProtocolTables,
  settings: PipelineSettings,
): Mesh['outbound'] {
  const define = (name: string, scopeOf: (key: string) => Scope, rows: typeof tables.meshEgress) =>
    graph.derive(name, rows, (egress, key, read) => ({
      scope: scopeOf(key),
      isEager: true,
      ir: listeners.toOutboundListener(egress, read, tables, settings),
    }));
  return [
    define('mesh-outbound', () => meshScope, tables.meshEgress),
    define('namespace-outbound', namespaceScope, tables.namespaceEgress),
  ];
}

function defineEncoded(
  { graph, sources, settings, servers, virtualHosts }: MeshContext,
  families: readonly ClusterFamily[],
  outbound: Mesh['outbound'],
): readonly Collection<ScopedResource>[] {
  const inbound = graph.derive('inbound', servers, ({ ir }) => toShapedInbound(ir));
  const shapes = graph.expand('inbound-shapes', inbound, ({ shape, ports }) => [[shape, ports]]);
  const encodedShapes = graph.derive('encoded-inbound-shapes', shapes, (ports) =>
    spelled.encodeInbound(ports, settings),
  );
  return [
    graph.expand('encoded-fixed', sources.constants, spelled.fixedResources),
    ...families.map(({ clusters }) =>
      graph.derive(`encoded-${clusters.name}`, clusters, spelled.clusterResource),
    ),
    ...families.flatMap(({ endpoints }) =>
      endpoints === undefined
        ? []
        : [graph.derive(`encoded-${endpoints.name}`, endpoints, spelled.endpointsResource)],
    ),
    ...outbound.map((rows) =>
      graph.derive(`encoded-${rows.name}`, rows, (row) => spelled.outboundResource(row, settings)),
    ),
    graph.expand('encoded-inbound', inbound, ({ pod, shape, origins }, _key, read) =>
      (read.get(encodedShapes, shape) ?? []).map((resource) =>
        spelled.keyed(share(resource, { scope: pod, isEager: true, origins })),
      ),
    ),
    graph.derive('encoded-routes', outbound[0], spelled.outboundRoutesResource),
    graph.derive('encoded-virtual-hosts', virtualHosts, spelled.virtualHostResource),
  ];
}

function defineDiagnostics(context: MeshContext): Mesh['diagnostics'] {
  const { graph, sources, tables, settings, servers, virtualHosts } = context;
  const found = [servers, virtualHosts].map((rows) => {
    const findings: Collection<readonly Finding[]> = graph.derive(
      `${rows.name}-findings`,
      rows,
      (row: { readonly findings: readonly Finding[] }) =>
        row.findings.length === 0 ? undefined : row.findings,
    );
    return graph.lookup(`${rows.name}-findings-by-object`, findings, (row) => [
      ...new Set(row.map(({ object }) => object)),
    ]);
  });
  const define = <V>(
    kind: string,
    rows: Collection<V>,
    check: (row: V, read: Parameters<typeof findPolicyProblems>[1]) => readonly Finding[],
  ): Mesh['diagnostics'][number] => ({
    kind,
    rows: graph.derive(`${kind} diagnostics`, rows, (row, key, read) => {
      const object = `${kind} ${key}`;
      const elsewhere = found
        .flatMap((lookup) => read.find(lookup, object).flat())
        .filter((finding) => finding.object === object);
      const diagnostics = toDiagnostics([...check(row, read), ...elsewhere]);
      return diagnostics.length === 0 ? undefined : diagnostics;
    }),
  });
  return [
    define('TrafficPolicy', sources.policies, (row, read) =>
      findPolicyProblems(row, read, tables, settings),
    ),
    define('Service', sources.services, (row, read) => findServiceProblems(row, read, tables)),
    define('Pod', tables.workloads, (row, read) => findPodProblems(row, read, tables)),
  ];
}
