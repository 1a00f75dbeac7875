/** Inbound sides that are spelled alike: most workloads of a mesh differ in their provenance only. */
import { versionOf } from '../../envoy/index.js';
import {
  podScope,
  type AuthorizationIr,
  type InboundIr,
  type InboundPortIr,
  type Origin,
  type Scope,
} from '../../ir/index.js';

/** What Envoy is told. */
export type InboundShape = Pick<InboundIr, 'ports' | 'isDraining'>;

/** A workload's inbound side, parted into what Envoy is told and where that comes from. */
export interface ShapedInbound {
  /** The workload's own scope. */
  readonly pod: Scope;
  /** The same for what is spelled alike, and for nothing else. */
  readonly key: string;
  /** Without provenance. */
  readonly shape: InboundShape;
  readonly origins: readonly Origin[];
}

/** Parts an inbound side. */
export function toShapedInbound(ir: InboundIr): ShapedInbound {
  const shape: InboundShape = {
    ports: ir.ports.map(withoutOrigins),
    isDraining: ir.isDraining,
  };
  const bytes = new TextEncoder().encode(JSON.stringify(shape));
  // Twice 64 bits: nobody can make a workload's ports pass for another's.
  const key = `${versionOf(bytes)}${versionOf(bytes.toReversed())}`;
  const cut = ir.pod.indexOf('/');
  const pod = podScope(ir.pod.slice(0, cut), ir.pod.slice(cut + 1));
  return { pod, key, shape, origins: originsOf(ir) };
}

function withoutOrigins(port: InboundPortIr): InboundPortIr {
  const { http, tcp, shadow, jwt, rateLimit, connections } = port;
  return {
    ...port,
    ...(jwt === undefined ? {} : { jwt: { ...jwt, origins: [] } }),
    ...(rateLimit === undefined ? {} : { rateLimit: { ...rateLimit, settings: [] } }),
    ...(connections === undefined ? {} : { connections: { ...connections, settings: [] } }),
    http: strip(http),
    tcp: strip(tcp),
    ...(shadow === undefined
      ? {}
      : { shadow: { http: strip(shadow.http), tcp: strip(shadow.tcp) } }),
    origins: [],
  };
}

function strip({ deny, allow, otherwise }: AuthorizationIr): AuthorizationIr {
  return {
    deny: deny.map((rule) => ({ ...rule, origins: [] })),
    allow: allow.map((rule) => ({ ...rule, origins: [] })),
    otherwise: { ...otherwise, origins: [] },
  };
}

function originsOf(ir: InboundIr): readonly Origin[] {
  return ir.ports.flatMap(({ http, tcp, shadow, jwt, rateLimit, connections, origins }) => {
    const verdicts = [http, tcp, ...(shadow === undefined ? [] : [shadow.http, shadow.tcp])];
    const rules = verdicts.flatMap(({ deny, allow, otherwise }) => [...deny, ...allow, otherwise]);
    const limits = [...(rateLimit?.settings ?? []), ...(connections?.settings ?? [])];
    return [
      ...[...origins, ...(jwt?.origins ?? []), ...limits.map(({ origin }) => origin)],
      ...rules.flatMap((rule) => rule.origins),
    ];
  });
}
