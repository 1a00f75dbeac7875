/** Decisions as encoded resources: each spelled and encoded once for everybody who shares it. */
import { typeUrls, type EncodedResource } from '../envoy/index.js';
import {
  meshScope,
  podScope,
  type ClusterIr,
  type EndpointsIr,
  type OutboundListenerIr,
  type OutboundRoutesIr,
  type ReadinessIr,
  type Scope,
} from '../ir/index.js';
import { flatText } from '../lib/index.js';
import { podKey, type Credential, type CredentialKey } from '../model/index.js';
import { credentialName } from './policies/tls/feature.js';
import {
  encodeNamed,
  share,
  type Scoped,
  type ScopedResource,
  type Sharing,
} from './scoped-resource.js';
import { settingOrigins } from './to-ir/outbound-settings.js';
import type { InboundShape } from './to-ir/inbound-shape.js';
import type { VirtualHostDecision } from './to-ir/virtual-host.js';
import {
  spellCluster,
  spellCredential,
  spellEgressResources,
  spellEndpoints,
  spellFixedClusters,
  spellInbound,
  spellNoTokenConfig,
  spellOutboundListener,
  spellOutboundRoutes,
  spellListening,
  spellReadiness,
  spellReadinessClusters,
  spellTokenConfig,
  spellVirtualHost,
  type SpellSettings,
} from './to-envoy/spell.js';

type Row = readonly [string, ScopedResource];
type SharedIn = ReturnType<typeof share>;

const eagerInMesh: Sharing = { scope: meshScope, isEager: true, origins: [] };

/** A cluster. */
export function clusterResource({ scope, isEager, ir }: Scoped<ClusterIr>): SharedIn {
  const encoded = encodeNamed(typeUrls.cluster, spellCluster(ir), ir.name);
  const origins = [...ir.origins, ...settingOrigins(ir.settings)];
  // Nobody may answer any more: as with endpoints, routes have to lead elsewhere first.
  const isEmpty = ir.kind.kind === 'endpoints' && ir.spiffeIds.length === 0;
  return share(encoded, { scope, isEager, isEmpty, origins });
}

/** The endpoints of a cluster. */
export function endpointsResource({ scope, isEager, ir }: Scoped<EndpointsIr>): ScopedResource {
  const encoded = encodeNamed(typeUrls.endpoint, spellEndpoints(ir), ir.cluster);
  const isEmpty = ir.groups.every(({ localities }) =>
    localities.every(({ endpoints }) => endpoints.length === 0),
  );
  return share(encoded, { scope, isEager, isEmpty, origins: ir.origins });
}

/** A certificate with its key, for those of a scope who ask for it. */
export function credentialResource(
  scope: Scope,
  key: CredentialKey,
  pair: NonNullable<Credential['pair']>,
): ScopedResource {
  const name = credentialName(key);
  const encoded = encodeNamed(typeUrls.secret, spellCredential(name, pair), name);
  return share(encoded, { scope, isEager: false, origins: [{ object: `Secret ${key}` }] });
}

/** A virtual host. */
export function virtualHostResource({ scope, ir }: VirtualHostDecision): ScopedResource {
  const encoded = encodeNamed(typeUrls.virtualHost, spellVirtualHost(ir), ir.name);
  return share(encoded, { scope, isEager: true, origins: ir.origins });
}

/** The outbound listener of a scope. */
export function outboundResource(
  { scope, ir }: Scoped<OutboundListenerIr>,
  settings: SpellSettings,
): ScopedResource {
  const encoded = encodeOwn(typeUrls.listener, spellOutboundListener(ir, settings));
  return share(encoded, { scope, isEager: true, origins: ir.egress.origins });
}

/** What stands behind the outbound listener of a scope for calls that leave the mesh, if anything. */
export function* egressResources(
  { scope, ir }: Scoped<OutboundListenerIr>,
  settings: SpellSettings,
): Iterable<Row> {
  const spelled = spellEgressResources(ir, settings);
  if (spelled === undefined) return;
  const sharing = { scope, isEager: true, origins: ir.egress.origins };
  for (const cluster of spelled.clusters) {
    yield keyed(share(encodeOwn(typeUrls.cluster, cluster), sharing));
  }
  yield keyed(share(encodeOwn(typeUrls.listener, spelled.listener), sharing));
  yield keyed(share(encodeOwn(typeUrls.route, spelled.routes), sharing));
}

/** The outbound RouteConfiguration of a scope. */
export function outboundRoutesResource({ scope, ir }: Scoped<OutboundRoutesIr>): ScopedResource {
  const encoded = encodeOwn(typeUrls.route, spellOutboundRoutes(ir));
  return share(encoded, { scope, isEager: true, origins: settingOrigins(ir.route.settings) });
}

/** An inbound listener and the routes it refers to, for every workload of this shape. */
export function encodeInbound(
  shape: InboundShape,
  settings: SpellSettings,
): readonly EncodedResource[] {
  // Spelling looks at the shape alone (tested), so workloads that differ in the rest can share.
  const nobody = { pod: '', namespace: '', serviceAccount: '', labels: {}, ips: [] };
  const { listener, routes } = spellInbound({ ...nobody, ...shape }, settings);
  const tokens = spellTokenConfig(shape.ports);
  return [
    ...(tokens === undefined ? [] : [encodeOwn(typeUrls.extensionConfig, tokens)]),
    encodeOwn(typeUrls.listener, listener),
    ...routes.map((route) => encodeOwn(typeUrls.route, route)),
  ];
}

/** What every sidecar has, whatever the mesh looks like. */
export function* fixedResources(): Iterable<Row> {
  for (const cluster of [...spellFixedClusters(), spellListening()]) {
    yield keyed(share(encodeOwn(typeUrls.cluster, cluster), eagerInMesh));
  }
  // Of one name the nearer scope's resource counts: a workload that looks at tokens has its own.
  yield keyed(share(encodeOwn(typeUrls.extensionConfig, spellNoTokenConfig()), eagerInMesh));
  yield keyed(share(encodeOwn(typeUrls.listener, spellReadiness()), eagerInMesh));
}

/** The probes of a pod: its own form of the listener that all have, and their clusters. */
export function* readinessResources(ir: ReadinessIr): Iterable<Row> {
  const { namespace, name } = ir;
  const origins = [{ object: `Pod ${podKey(namespace, name)}` }];
  const sharing = { scope: podScope(namespace, name), isEager: true, origins };
  for (const cluster of spellReadinessClusters(ir)) {
    yield keyed(share(encodeOwn(typeUrls.cluster, cluster), sharing));
  }
  yield keyed(share(encodeOwn(typeUrls.listener, spellReadiness(ir)), sharing));
}

/** A resource under a key that is its own in every collection. */
export function keyed(resource: ScopedResource): Row {
  const { scope, typeUrl, name } = resource;
  // Of the type its own name: there is a key for each resource of each pod.
  const type = typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
  return [flatText(scope, '|', type, '|', name), resource];
}

/** A message that carries its own name. */
function encodeOwn(typeUrl: string, message: { readonly name?: string }): EncodedResource {
  return encodeNamed(typeUrl, message, message.name ?? '');
}
