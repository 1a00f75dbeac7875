/** One endpoint of a call: the TLS that reaches it, and what its sidecar says. */
import { formatAddress, type Origin, type SettingIr, type Wire } from '../../ir/index.js';
import type {
  ClusterIr,
  EndpointIr,
  EndpointsIr,
  InboundPortIr,
  JwtIr,
  OutsideTlsIr,
} from '../../ir/index.js';
import { spiffeId, type Pod, type SpiffeId } from '../../model/index.js';
import { mtlsFeature } from '../policies/mtls/feature.js';
import type { Call, Outcome, Step } from './explain.js';
import { shareByGroup } from './group-shares.js';
import { judge } from './judge.js';
import type { MeshView } from './mesh-view.js';

/** The objects of origins, as steps name them. */
export function originTexts(origins: readonly Origin[]): readonly string[] {
  return origins.map((one) =>
    one.field === undefined ? one.object : `${one.object} ${one.field}`,
  );
}

/** A setting in force, with the YAML behind it. */
export function toStep(at: Step['at']): (setting: SettingIr) => Step {
  return ({ says, origin }) => ({ at, says, from: originTexts([origin]) });
}

function portOf(ports: readonly InboundPortIr[], port: number): InboundPortIr | undefined {
  return ports.find((one) => one.port === port) ?? ports.find((one) => one.port === undefined);
}

function isAboutMtls({ field }: Origin): boolean {
  return field === mtlsFeature.section;
}

/** Who may answer there behind mutual TLS. */
function identitiesAt(cluster: ClusterIr, { standsInAs }: EndpointIr): readonly SpiffeId[] {
  if (standsInAs === undefined) return cluster.spiffeIds;
  return cluster.standIns.find(({ service }) => service === standsInAs)?.spiffeIds ?? [];
}

/** TLS to what is outside the mesh, in words; undefined: plaintext. */
export function sayOutside(outside: OutsideTlsIr): string | undefined {
  if (outside.kind !== 'origination') return undefined;
  const { serverName, credential } = outside;
  const shown =
    credential === undefined ? '' : ` with Secret ${credential.replace(/^[^/]*\//, '')}`;
  return `TLS${shown} for the name ${serverName}`;
}

/** What comes of a call at one endpoint. */
export interface JudgedEndpoint {
  readonly steps: readonly Step[];
  readonly outcome: Outcome;
  /** Objects behind the verdict. */
  readonly origins: readonly Origin[];
  /** The sidecar's word on tokens, where it has looked at them. */
  readonly tokens?: { readonly server: Pod; readonly jwt: JwtIr };
}

/** TLS and verdict at one endpoint. */
export function judgeEndpoint(
  view: MeshView,
  call: Call,
  wire: Wire,
  cluster: ClusterIr,
  endpoint: EndpointIr,
): JudgedEndpoint {
  const text = formatAddress(endpoint.ip, endpoint.port);
  const isMeshed = endpoint.isInMesh && call.from.isInMesh;
  const usesMtls = isMeshed && cluster.tls.inMesh === 'mtls';
  const owner = view.podByIp(endpoint.ip);
  const inbound = owner && view.inbound(owner);
  const port = inbound && portOf(inbound.ports, endpoint.port);
  const outside = isMeshed ? undefined : sayOutside(cluster.tls.outside);
  // Its sidecar takes plaintext alone there, so callers hold it for one outside.
  const isDisabled = owner?.isInMesh === true && port?.mtls === 'Disabled';
  const why = isDisabled ? ', where mTLS is Disabled' : ', which is not in the mesh';
  const disabledBy = isDisabled ? port.origins.filter(isAboutMtls) : [];
  const tls: Step = {
    at: 'tls',
    says: usesMtls
      ? `mutual TLS to ${text}, which must prove ${identitiesAt(cluster, endpoint).join(' or ')}`
      : `${outside ?? 'plaintext'} to ${text}${isMeshed ? '' : why}`,
    from: originTexts([...cluster.tls.origins, ...disabledBy]),
  };
  const unmeshed = outside === undefined ? ('plaintext' as const) : ('origination' as const);
  const reached = {
    endpoint: text,
    cluster: cluster.name,
    tls: usesMtls ? ('mutual' as const) : unmeshed,
  };
  const isSeen = owner?.unredirectedPorts.includes(endpoint.port) === false;
  if (owner === undefined || port === undefined || !isSeen) {
    const outcome = { ...reached, verdict: 'admitted', by: 'no sidecar' } as const;
    return { steps: [tls], outcome, origins: [] };
  }
  const caller = call.from;
  const judged = judge(
    port,
    {
      ...(usesMtls && {
        spiffeId: spiffeId(view.trustDomain, caller.namespace, caller.serviceAccount),
      }),
      ip: caller.ips[0] ?? '0.0.0.0',
      usesMtls,
    },
    { method: call.method, path: call.path, headers: call.headers, isHttp: wire === 'http' },
  );
  const by = judged.by === '' ? '' : ` by ${judged.by}`;
  const reason = judged.reason === undefined ? '' : `, ${judged.reason}`;
  const verdict: Step = {
    at: 'verdict',
    says: `${text} (${owner.key}): ${judged.verdict}${by}${reason}`,
    from: originTexts(judged.origins),
  };
  const limits = [
    ...(port.connections?.settings ?? []),
    ...(wire === 'http' ? (port.rateLimit?.settings ?? []) : []),
  ];
  return {
    steps: [tls, verdict, ...limits.map(toStep('verdict'))],
    outcome: { ...reached, verdict: judged.verdict, by: judged.by },
    origins: judged.origins,
    ...(wire === 'http' && judged.verdict !== 'refused at TLS' && port.jwt !== undefined
      ? { tokens: { server: owner, jwt: port.jwt } }
      : {}),
  };
}

/** The endpoints that may be chosen. */
export function usableOf(endpoints: EndpointsIr | undefined): readonly EndpointIr[] {
  return endpoints === undefined ? [] : shareByGroup(endpoints).flatMap(({ usable }) => usable);
}
