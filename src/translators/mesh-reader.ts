/** Reading the compiled mesh from one sidecar's point of view, between turns. */
import type { Collection } from '../graph/index.js';
import {
  formatAddress,
  meshScope,
  namespaceScope,
  podScope,
  zoneScope,
  type ClusterIr,
  type EndpointsIr,
  type InboundIr,
  type OutboundListenerIr,
  type OutboundRoutesIr,
  type Scope,
  type VirtualHostIr,
} from '../ir/index.js';
import { nameOf, namespaceOf, type Pod, type PodKey, type Service } from '../model/index.js';
import type { ClusterFamily, Mesh } from './mesh.js';
import type { PipelineSettings } from './pipeline-contract.js';
import { placedKey } from './pipeline-placed.js';
import type { ScopedResource } from './scoped-resource.js';
import type { MeshView } from './simulate/mesh-view.js';
import { scopedKey } from './to-ir/called-host.js';
import { namespaceHostName } from './to-ir/wide-routes.js';

/** The scopes a pod's sidecar sees, the nearest first. */
export function scopesOf(mesh: Mesh, pod: PodKey): readonly Scope[] {
  const namespace = namespaceOf(pod);
  const zone = zoneOf(mesh, pod);
  return [
    podScope(namespace, nameOf(pod)),
    ...(zone === undefined ? [] : [zoneScope(zone, namespace)]),
    namespaceScope(namespace),
    ...(zone === undefined ? [] : [zoneScope(zone)]),
    meshScope,
  ];
}

function zoneOf(mesh: Mesh, pod: PodKey): string | undefined {
  return mesh.graph.get(mesh.tables.sidecarZones, pod)?.zone;
}

/** The pod's inbound side; undefined when it has no sidecar. */
export function inboundOf(mesh: Mesh, pod: PodKey): InboundIr | undefined {
  return mesh.graph.get(mesh.servers, pod)?.ir;
}

/** The virtual hosts that a pod's sidecar sees, by name. */
export function virtualHostsOf(mesh: Mesh, pod: PodKey): readonly VirtualHostIr[] {
  const scopes = scopesOf(mesh, pod);
  const nearest = new Map<string, { readonly distance: number; readonly ir: VirtualHostIr }>();
  const rows = [mesh.virtualHosts, mesh.namespaceHosts];
  for (const { scope, ir } of rows.flatMap((each) => [...mesh.graph.rows(each).values()])) {
    const distance = scopes.indexOf(scope);
    const former = nearest.get(ir.name);
    if (distance < 0 || (former !== undefined && former.distance <= distance)) continue;
    nearest.set(ir.name, { distance, ir });
  }
  return [...nearest.keys()].sort().flatMap((name) => nearest.get(name)?.ir ?? []);
}

/** What a sidecar's scopes hold, the nearest of each name, by type and name. */
export function resourcesOf(mesh: Mesh, pod: PodKey): readonly ScopedResource[] {
  const scopes: readonly string[] = scopesOf(mesh, pod);
  const nearest = new Map<string, ScopedResource>();
  for (const rows of mesh.encoded) {
    for (const row of mesh.graph.rows(rows).values()) {
      const distance = scopes.indexOf(row.scope);
      const id = `${row.typeUrl} ${row.name}`;
      const former = nearest.get(id);
      if (distance < 0) continue;
      if (former !== undefined && scopes.indexOf(former.scope) <= distance) continue;
      nearest.set(id, row);
    }
  }
  return [...nearest.keys()].sort().flatMap((id) => nearest.get(id) ?? []);
}

interface Answer {
  readonly cluster: ClusterIr;
  readonly endpoints?: EndpointsIr;
}

/** The compiled mesh as simulated calls see it. */
export function createMeshView(mesh: Mesh, settings: PipelineSettings): MeshView {
  const { graph, sources, tables } = mesh;
  const podByIp = (ip: string): Pod | undefined => {
    const owner = graph.get(tables.owners, ip);
    return owner === undefined ? undefined : graph.get(sources.pods, owner.pod);
  };
  const serviceByIp = (ip: string): Service | undefined => {
    const key = graph.get(tables.vips, ip);
    return key === undefined ? undefined : graph.get(sources.services, key);
  };
  return {
    trustDomain: settings.trustDomain,
    pod: (key) => graph.get(sources.pods, key),
    podByIp,
    service: (key) => graph.get(sources.services, key),
    serviceByIp,
    clusterScope: (pod) =>
      JSON.stringify([
        graph.get(tables.callers, pod.key)?.scope ?? namespaceScope(pod.namespace),
        zoneOf(mesh, pod.key),
      ]),
    outboundListener: (pod) => outboundOf(mesh, pod.namespace),
    virtualHost(pod, ip, port): VirtualHostIr | undefined {
      const own = nearestOf(mesh, mesh.virtualHosts, pod.key, formatAddress(ip, port));
      if (own !== undefined) return own.ir;
      const namespace = serviceByIp(ip)?.namespace ?? podByIp(ip)?.namespace;
      if (namespace === undefined) return undefined;
      return nearestOf(mesh, mesh.namespaceHosts, pod.key, namespaceHostName(namespace))?.ir;
    },
    outboundRoutes: (pod) => outboundRoutesOf(mesh, pod.key),
    cluster: (pod, name) => givenCluster(mesh, pod.key, name) ?? probeCluster(mesh, pod, name),
    inbound: (pod) => inboundOf(mesh, pod.key),
  };
}

function outboundOf(mesh: Mesh, namespace: string): OutboundListenerIr {
  const [everywhere, byNamespace] = mesh.outbound;
  const row = mesh.graph.get(byNamespace, namespace) ?? mesh.graph.get(everywhere, 'mesh');
  if (row === undefined) throw new Error('the mesh has no listener before the first batch');
  return row.ir;
}

function outboundRoutesOf(mesh: Mesh, pod: PodKey): OutboundRoutesIr {
  const [everywhere, byPod] = mesh.outboundRoutes;
  const row = mesh.graph.get(byPod, pod) ?? mesh.graph.get(everywhere, 'mesh');
  if (row === undefined) throw new Error('the mesh has no routes before the first batch');
  return row.ir;
}

/** The row of the nearest scope that has one of this name. */
function nearestOf<V>(mesh: Mesh, rows: Collection<V>, pod: PodKey, name: string): V | undefined {
  for (const scope of scopesOf(mesh, pod)) {
    const row = mesh.graph.get(rows, scopedKey(scope, name));
    if (row !== undefined) return row;
  }
  return undefined;
}

/** What some sidecar of the scopes has, or has asked for. */
function givenCluster(mesh: Mesh, pod: PodKey, name: string): Answer | undefined {
  const shared = mesh.graph.get(mesh.tables.callers, pod)?.scope;
  const [own, ...wider] = scopesOf(mesh, pod);
  const scopes = [own, shared, ...wider].filter((scope) => scope !== undefined);
  const zone = zoneOf(mesh, pod);
  let cluster: ClusterIr | undefined;
  let endpoints: EndpointsIr | undefined;
  for (const scope of scopes) {
    const key = scopedKey(scope, name);
    for (const rows of mesh.byCaller) cluster ??= mesh.graph.get(rows, key)?.ir;
    endpoints ??= placedEndpoints(mesh, scope, name, zone);
    for (const family of mesh.families) {
      const found =
        answerOf(mesh, family, key) ??
        (scope === meshScope ? answerOf(mesh, family, name) : undefined);
      // Who has a cluster of its own has the endpoints of the wider scope, unless their order differs.
      if (found !== undefined) {
        const own = { cluster: cluster ?? found.cluster, endpoints: endpoints ?? found.endpoints };
        return { cluster: own.cluster, ...(own.endpoints && { endpoints: own.endpoints }) };
      }
    }
  }
  return cluster && { cluster, ...(endpoints && { endpoints }) };
}

function placedEndpoints(
  mesh: Mesh,
  scope: Scope,
  name: string,
  zone: string | undefined,
): EndpointsIr | undefined {
  for (const rows of mesh.placed) {
    const own = zone === undefined ? undefined : mesh.graph.get(rows, placedKey(scope, name, zone));
    const found = own ?? mesh.graph.get(rows, placedKey(scope, name, undefined));
    if (found !== undefined) return found.ir;
  }
  return undefined;
}

function answerOf(mesh: Mesh, family: ClusterFamily, key: string): Answer | undefined {
  const cluster = mesh.graph.get(family.clusters, key);
  if (cluster === undefined) return undefined;
  const endpoints = getFrom(mesh, family.endpoints, key);
  return { cluster: cluster.ir, ...(endpoints === undefined ? {} : { endpoints: endpoints.ir }) };
}

function getFrom<V>(mesh: Mesh, rows: Collection<V> | undefined, key: string): V | undefined {
  return rows === undefined ? undefined : mesh.graph.get(rows, key);
}

/** What a sidecar would be answered if it asked: computed by the graph itself, and dropped again. */
function probeCluster(mesh: Mesh, pod: Pod, name: string): Answer | undefined {
  const { graph, sources, probed } = mesh;
  const probe = `${pod.key}|${name}`;
  graph.turn(new Map([[sources.probes, new Map([[probe, true]])]]));
  const found = answerOf(mesh, probed, probe);
  graph.turn(new Map([[sources.probes, new Map([[probe, undefined]])]]));
  return found;
}
