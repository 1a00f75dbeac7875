/** Reading the compiled mesh from one sidecar's point of view, between turns. */
import type { Collection } from '../graph/index.js';
import {
  meshScope,
  namespaceScope,
  podScope,
  type ClusterIr,
  type EndpointsIr,
  type InboundIr,
  type OutboundListenerIr,
  type Scope,
  type VirtualHostIr,
} from '../ir/index.js';
import { nameOf, namespaceOf, type Pod, type PodKey, type Service } from '../model/index.js';
import type { ClusterFamily, Mesh } from './mesh.js';
import type { PipelineSettings } from './pipeline-contract.js';
import { egressFeature } from './policies/egress/feature.js';
import type { ScopedResource } from './scoped-resource.js';
import type { MeshView } from './simulate/mesh-view.js';
import { scopedKey } from './to-ir/called-host.js';
import { toUnknownCluster } from './to-ir/cluster.js';

/** The scopes a pod's sidecar sees, the nearest first. */
export function scopesOf(pod: PodKey): readonly Scope[] {
  const namespace = namespaceOf(pod);
  return [podScope(namespace, nameOf(pod)), namespaceScope(namespace), meshScope];
}

/** The pod's inbound side; undefined when it has no sidecar. */
export function inboundOf(mesh: Mesh, pod: PodKey): InboundIr | undefined {
  return mesh.graph.get(mesh.servers, pod)?.ir;
}

/** The virtual hosts that a pod's sidecar sees, by address. */
export function virtualHostsOf(mesh: Mesh, pod: PodKey): readonly VirtualHostIr[] {
  const scopes = scopesOf(pod);
  const nearest = new Map<string, { readonly distance: number; readonly ir: VirtualHostIr }>();
  for (const { scope, ir } of mesh.graph.rows(mesh.virtualHosts).values()) {
    const distance = scopes.indexOf(scope);
    const former = nearest.get(ir.address);
    if (distance < 0 || (former !== undefined && former.distance <= distance)) continue;
    nearest.set(ir.address, { distance, ir });
  }
  return [...nearest.keys()].sort().flatMap((address) => nearest.get(address)?.ir ?? []);
}

/** What a sidecar's scopes hold, the nearest of each name, by type and name. */
export function resourcesOf(mesh: Mesh, pod: PodKey): readonly ScopedResource[] {
  const scopes: readonly string[] = scopesOf(pod);
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
    outboundListener: (pod) => outboundOf(mesh, pod.namespace),
    virtualHost(pod, address): VirtualHostIr | undefined {
      for (const scope of scopesOf(pod.key)) {
        const row = graph.get(mesh.virtualHosts, scopedKey(scope, address));
        if (row !== undefined) return row.ir;
      }
      return undefined;
    },
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

/** What some sidecar of the scopes has, or has asked for. */
function givenCluster(mesh: Mesh, pod: PodKey, name: string): Answer | undefined {
  for (const scope of scopesOf(pod)) {
    const key = scopedKey(scope, name);
    for (const family of mesh.families) {
      const found =
        answerOf(mesh, family, key) ??
        (scope === meshScope ? answerOf(mesh, family, name) : undefined);
      if (found !== undefined) return found;
    }
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
function probeCluster(mesh: Mesh, pod: Pod, name: string): Answer {
  const { graph, sources, probed } = mesh;
  graph.turn(new Map([[sources.probes, new Map([[name, true]])]]));
  const known = answerOf(mesh, probed, name);
  graph.turn(new Map([[sources.probes, new Map([[name, undefined]])]]));
  if (known !== undefined) return known;
  const egress =
    graph.get(mesh.tables.namespaceEgress, pod.namespace) ??
    graph.get(mesh.tables.meshEgress, 'mesh') ??
    egressFeature.defaultDecision;
  return { cluster: toUnknownCluster(name, egress) };
}
