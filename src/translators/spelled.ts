/** Decisions as encoded resources: each spelled and encoded once for its scope. */
import { typeUrls } from '../envoy/index.js';
import {
  meshScope,
  podScope,
  type ClusterIr,
  type EndpointsIr,
  type InboundIr,
  type Origin,
  type OutboundListenerIr,
} from '../ir/index.js';
import { defaultRetry } from './policies/routes/retry.js';
import { toScopedResource, type Scoped, type ScopedResource } from './scoped-resource.js';
import type { VirtualHostDecision } from './to-ir/virtual-host.js';
import {
  spellCluster,
  spellEndpoints,
  spellFixedClusters,
  spellInbound,
  spellOutboundListener,
  spellOutboundRoutes,
  spellReadiness,
  spellVirtualHost,
  type SpellSettings,
} from './to-envoy/index.js';

type Row = readonly [string, ScopedResource];

const eagerInMesh = { scope: meshScope, isEager: true, origins: [] };

function keyed(resource: ScopedResource): Row {
  return [`${resource.scope}|${resource.typeUrl}|${resource.name}`, resource];
}

/** A cluster. */
export function clusterResource({ scope, isEager, ir }: Scoped<ClusterIr>): ScopedResource {
  const { name, origins } = ir;
  return toScopedResource(typeUrls.cluster, spellCluster(ir), { name, scope, isEager, origins });
}

/** The endpoints of a cluster. */
export function endpointsResource({ scope, isEager, ir }: Scoped<EndpointsIr>): ScopedResource {
  const { cluster: name, origins } = ir;
  return toScopedResource(typeUrls.endpoint, spellEndpoints(ir), { name, scope, isEager, origins });
}

/** A virtual host. */
export function virtualHostResource({ scope, ir }: VirtualHostDecision): ScopedResource {
  const { name, origins } = ir;
  const sharing = { name, scope, isEager: true, origins };
  return toScopedResource(typeUrls.virtualHost, spellVirtualHost(ir), sharing);
}

/** The outbound listener of a scope. */
export function outboundResource(
  { scope, ir }: Scoped<OutboundListenerIr>,
  settings: SpellSettings,
): ScopedResource {
  const listener = spellOutboundListener(ir, settings);
  return named(typeUrls.listener, listener, { scope, isEager: true, origins: ir.origins });
}

/** The one outbound RouteConfiguration. */
export function outboundRoutesResource({ ir }: Scoped<OutboundListenerIr>): ScopedResource {
  return named(typeUrls.route, spellOutboundRoutes(ir, { retry: defaultRetry }), eagerInMesh);
}

/** A workload's inbound listener and the routes it refers to. */
export function* inboundResources(ir: InboundIr, settings: SpellSettings): Iterable<Row> {
  const { listener, routes } = spellInbound(ir, settings);
  const cut = ir.pod.indexOf('/');
  const scope = podScope(ir.pod.slice(0, cut), ir.pod.slice(cut + 1));
  const sharing = { scope, isEager: true, origins: inboundOrigins(ir) };
  yield keyed(named(typeUrls.listener, listener, sharing));
  for (const route of routes) yield keyed(named(typeUrls.route, route, sharing));
}

function inboundOrigins(ir: InboundIr): readonly Origin[] {
  return ir.ports.flatMap(({ http, tcp, shadow, origins }) => {
    const verdicts = [http, tcp, ...(shadow === undefined ? [] : [shadow.http, shadow.tcp])];
    const rules = verdicts.flatMap(({ deny, allow, otherwise }) => [...deny, ...allow, otherwise]);
    return [...origins, ...rules.flatMap((rule) => rule.origins)];
  });
}

/** What every sidecar has, whatever the mesh looks like. */
export function* fixedResources(): Iterable<Row> {
  for (const cluster of spellFixedClusters()) {
    yield keyed(named(typeUrls.cluster, cluster, eagerInMesh));
  }
  yield keyed(named(typeUrls.listener, spellReadiness(), eagerInMesh));
}

/** A message that carries its own name. */
function named(
  typeUrl: string,
  message: { readonly name?: string },
  sharing: Pick<Parameters<typeof toScopedResource>[2], 'scope' | 'isEager' | 'origins'>,
): ScopedResource {
  return toScopedResource(typeUrl, message, { ...sharing, name: message.name ?? '' });
}
