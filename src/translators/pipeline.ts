/** The collections of the mesh, from sources to decisions; clusters and outputs have files of their own. */
import { createGraph, type Graph } from '../graph/index.js';
import { formatAddress, meshScope, namespaceScope, type Scope } from '../ir/index.js';
import type { Mesh, MeshContext, PipelineSources } from './mesh.js';
import { defineFamilies } from './pipeline-clusters.js';
import type { PipelineSettings } from './pipeline-contract.js';
import { defineDiagnostics, defineEncoded } from './pipeline-outputs.js';
import { egressFeature } from './policies/egress/feature.js';
import * as attach from './to-ir/attach.js';
import { toCallerPod, toOutboundPolicy, isRouteSetter } from './to-ir/attach-outbound.js';
import { toEgressWish } from './to-ir/egress.js';
import { toCalledHosts, toHostVariants } from './to-ir/called-host.js';
import { vipOwner } from './to-ir/destination.js';
import * as groups from './to-ir/endpoint-group.js';
import { toPlaintextPorts } from './to-ir/endpoints.js';
import { decideInbound } from './to-ir/inbound.js';
import { toClassKey, toInbound } from './to-ir/inbound-class.js';
import * as listeners from './to-ir/outbound-listener.js';
import { hasRouteSettings } from './to-ir/outbound-settings.js';
import type {
  EgressTables,
  EndpointTables,
  PolicyTables,
  ProtocolTables,
  WorkloadTables,
} from './to-ir/tables.js';
import { toVirtualHost } from './to-ir/virtual-host.js';
import { toNamespaceHosts, toOutboundRoutes } from './to-ir/wide-routes.js';
import * as workloads from './to-ir/workload.js';

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
  const classes = defineServers(graph, tables, settings);
  const { servers } = classes;
  const serversByPolicy = graph.lookup('servers-by-policy', servers, ({ policies }) => policies);
  const hosts = graph.expand('called-hosts', sources.services, (row, _key, read) =>
    toCalledHosts(row, read, tables),
  );
  const hostsByPolicy = graph.lookup('hosts-by-policy', hosts, ({ policy }) =>
    policy === undefined ? [] : [policy.key],
  );
  const callersByPolicy = graph.lookup('callers-by-policy', tables.callers, ({ caller }) =>
    caller.policies.map(({ key }) => key),
  );
  const variants = graph.expand('host-variants', hosts, (row, _key, read) =>
    toHostVariants(row, read, tables, settings),
  );
  const virtualHosts = graph.derive('virtual-hosts', variants, (row, _key, read) =>
    toVirtualHost(row, read, tables, settings),
  );
  const wide = defineWideRoutes(graph, sources, tables);
  const plaintextPorts = graph.derive('plaintext-ports', servers, ({ ir }) => toPlaintextPorts(ir));
  const destinations = { ...tables, plaintextPorts };
  const context = {
    graph,
    sources,
    tables: destinations,
    settings,
    virtualHosts,
    ...classes,
    ...wide,
  };
  const own = defineFamilies(context);
  const outbound = defineOutbound(graph, tables, settings);
  const encoded = defineEncoded(context, own, outbound);
  const diagnostics = defineDiagnostics(context);
  const found = diagnostics.map(({ rows }) => rows);
  for (const collection of [...encoded, ...found, tables.sidecars]) graph.output(collection);
  return {
    graph,
    sources,
    tables,
    servers,
    serversByPolicy,
    hosts,
    hostsByPolicy,
    callersByPolicy,
    virtualHosts,
    ...wide,
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
    keySets: graph.source('key-sets'),
    caBundles: graph.source('ca-bundles'),
    credentials: graph.source('credentials'),
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
  const sidecars = graph.derive('sidecars', sources.pods, (pod, _key, read) =>
    workloads.toSidecar(pod, trustDomain, read, sources),
  );
  const sidecarZones = graph.derive('sidecar-zones', sidecars, workloads.toSidecarZone);
  const namespaceZones = graph.expand('namespace-zones', sidecarZones, ({ namespace, zone }) =>
    zone === undefined ? [] : [[`${namespace} ${zone}`, { namespace, zone }] as const],
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
    servicesByNamespace: graph.lookup('services-by-namespace', sources.services, (row) => [
      row.namespace,
    ]),
    servicesByVip,
    vips,
    namespaces: sources.namespaces,
    nodes: sources.nodes,
    keySets: sources.keySets,
    caBundles: sources.caBundles,
    credentials: sources.credentials,
    slicesByService: graph.lookup('slices-by-service', sources.slices, ({ service }) => [service]),
    workloads: own,
    workloadsByIp,
    workloadsByNamespace: graph.lookup('workloads-by-namespace', own, (row) => [row.namespace]),
    workloadsByLabel: graph.lookup('workloads-by-label', own, workloads.labelKeys),
    owners,
    sidecars,
    sidecarsByNamespace: graph.lookup('sidecars-by-namespace', sidecars, (row) => [row.namespace]),
    sidecarZones,
    zoneless: graph.derive('zoneless', sidecarZones, (row) =>
      row.zone === undefined ? row : undefined,
    ),
    zones: graph.expand('zones', namespaceZones, ({ zone }) => [[zone, zone]]),
    zonesByNamespace: graph.lookup('zones-by-namespace', namespaceZones, (row) => [row.namespace]),
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
    headlessByAddress: graph.lookup('headless-by-address', headless, ({ ip, port }) => [
      formatAddress(ip, port),
    ]),
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
  const outbound = graph.derive('outbound-policies', sources.policies, (form) =>
    toOutboundPolicy(form, settings.rootNamespace),
  );
  const outboundByTarget = graph.lookup('outbound-by-target', outbound, attach.targetKeys);
  const callers = graph.derive('callers', tables.sidecars, (row, _key, read) =>
    toCallerPod(row, read, { outboundByTarget }),
  );
  const callerScopes = graph.expand('caller-scopes', callers, (row) => [[row.scope, row]]);
  // Of the few that have policies of their own, not of all sidecars.
  const routeSetters = graph.derive('route-setters', callers, (row, pod, read) =>
    isRouteSetter(row) ? read.get(tables.sidecars, pod) : undefined,
  );
  return {
    ...tables,
    inboundByTarget: graph.lookup('inbound-by-target', inbound, attach.targetKeys),
    routesByService: graph.lookup('routes-by-service', routes, attach.serviceKeys),
    egressPolicies: egress,
    egressByTarget: graph.lookup('egress-by-target', egress, attach.targetKeys),
    outboundPolicies: outbound,
    outboundByTarget,
    callers,
    callerScopes,
    callerScopesByNamespace: graph.lookup('caller-scopes-by-namespace', callerScopes, (row) => [
      row.caller.namespace,
    ]),
    callersByScope: graph.lookup('callers-by-scope', callers, ({ scope }) => [scope]),
    routeSetters,
    routeSettersByNamespace: graph.lookup('route-setters-by-namespace', routeSetters, (row) => [
      row.namespace,
    ]),
  };
}

function defineEgress(graph: Graph, sources: PipelineSources, tables: PolicyTables): EgressTables {
  const meshWish = graph.derive('mesh-egress-wish', sources.constants, (_row, _key, read) =>
    toEgressWish('', {}, read, tables),
  );
  const namespaces = graph.expand(
    'egress-namespaces',
    tables.egressPolicies,
    (policy, _key, read) => listeners.namespacesOf(policy, read, tables),
  );
  const namespaceEgress = graph.derive('namespace-egress', namespaces, (namespace, _key, read) => {
    const wider = read.get(meshWish, 'mesh') ?? {};
    return egressFeature.conclude(toEgressWish(namespace, wider, read, tables));
  });
  const meshEgress = graph.derive('mesh-egress', meshWish, egressFeature.conclude);
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

/** What workloads accept: decided once for each class of them. */
function defineServers(
  graph: Graph,
  tables: ProtocolTables,
  settings: PipelineSettings,
): Pick<MeshContext, 'servers' | 'classKeys' | 'classDecisions'> {
  const classKeys = graph.derive('inbound-class-keys', tables.sidecars, (row, _key, read) =>
    toClassKey(row, read, tables),
  );
  // Each by one of its pods, which stands for all.
  const classes = graph.expand('inbound-classes', classKeys, (key, pod) => [[key, pod]]);
  const classDecisions = graph.derive('inbound-class-decisions', classes, (pod, _key, read) => {
    const sidecar = read.get(tables.sidecars, pod);
    return sidecar === undefined ? undefined : decideInbound(sidecar, read, tables, settings);
  });
  const servers = graph.derive('inbound-decisions', tables.sidecars, (row, pod, read) => {
    const decided = read.get(classDecisions, read.get(classKeys, pod) ?? '');
    return decided === undefined ? undefined : toInbound(row, decided);
  });
  return { servers, classKeys, classDecisions };
}

/** What routes hold where no virtual host of an address does. */
function defineWideRoutes(
  graph: Graph,
  sources: PipelineSources,
  tables: PolicyTables,
): Pick<Mesh, 'namespaceHosts' | 'outboundRoutes'> {
  const namespaces = graph.expand(
    'route-setting-namespaces',
    tables.outboundPolicies,
    (policy, _key, read) =>
      hasRouteSettings(policy.says) ? listeners.namespacesOf(policy, read, tables) : [],
  );
  return {
    namespaceHosts: graph.expand('namespace-hosts', namespaces, (namespace, _key, read) =>
      toNamespaceHosts(namespace, read, tables),
    ),
    outboundRoutes: [
      graph.derive('mesh-outbound-routes', sources.constants, (_row, _key, read) =>
        toOutboundRoutes(undefined, read, tables),
      ),
      graph.derive('pod-outbound-routes', tables.routeSetters, (setter, _key, read) =>
        toOutboundRoutes(setter, read, tables),
      ),
    ],
  };
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
