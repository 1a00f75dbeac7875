/** Inbound sides that are spelled alike: most workloads of a mesh differ in their provenance only. */
import { versionOf } from '../../envoy/index.js';
import type { AuthorizationIr, InboundIr, InboundPortIr, Origin } from '../../ir/index.js';

/** What Envoy is told. */
export type InboundShape = Pick<InboundIr, 'ports' | 'isDraining'>;

/** An inbound side, parted into what Envoy is told and where that comes from. */
export interface ShapedInbound {
  /** The same for what is spelled alike, and for nothing else. */
  readonly key: string;
  /** Without provenance. */
  readonly shape: InboundShape;
  readonly origins: readonly Origin[];
}

/** Parts an inbound side. */
export function toShapedInbound(ir: InboundShape): ShapedInbound {
  const shape: InboundShape = {
    ports: ir.ports.map(withoutOrigins),
    isDraining: ir.isDraining,
  };
  const bytes = new TextEncoder().encode(JSON.stringify(shape));
  // Twice 64 bits: nobody can make a workload's ports pass for another's.
  const key = `${versionOf(bytes)}${versionOf(bytes.toReversed())}`;
  return { key, shape, origins: originsOf(ir) };
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

function originsOf(ir: InboundShape): readonly Origin[] {
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
