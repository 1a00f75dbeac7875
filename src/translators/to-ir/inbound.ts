/** The inbound side of a workload: its ports, and what each accepts from whom. */
import type { Read } from '../../graph/index.js';
import type { InboundIr, InboundPortIr, Origin } from '../../ir/index.js';
import {
  serviceKey,
  type KeySet,
  type KeySetKey,
  type Labels,
  type PolicyKey,
  type Service,
  type ServiceKey,
} from '../../model/index.js';
import {
  authorizationFeature,
  type AuthorizationDecision,
  type PortContext,
} from '../policies/authorization/feature.js';
import type { CallerContext } from '../policies/authorization/callers.js';
import { inboundConnectionsFeature } from '../policies/inbound-connections/feature.js';
import { jwtFeature } from '../policies/jwt/feature.js';
import { mtlsFeature } from '../policies/mtls/feature.js';
import { rateLimitFeature } from '../policies/rate-limit/feature.js';
import { attachInbound, nearestFirst, type Attachment, type Reach } from './attach.js';
import type { ServedPort } from './endpoint-group.js';
import type { Finding } from './finding.js';
import { matchesNamespace } from './labels.js';
import type { PolicyTables } from './tables.js';
import type { Sidecar } from './workload.js';

/** What was decided for one workload and all of its class, and what was found wrong on the way. */
export interface ClassDecision extends Pick<InboundIr, 'ports' | 'isDraining'> {
  /** Policies that reach it, sorted. */
  readonly policies: readonly PolicyKey[];
  readonly findings: readonly Finding[];
}

interface Port {
  readonly port?: number;
  readonly protocol: InboundPortIr['protocol'];
  readonly origins: readonly Origin[];
}

/** Decides the inbound side of a sidecar's pod; it reads of the pod what its class key holds, and no more. */
export function decideInbound(
  sidecar: Sidecar,
  read: Read,
  tables: PolicyTables,
  settings: { readonly trustDomain: string },
): ClassDecision {
  const served = read.find(tables.servedByPod, sidecar.pod);
  const attachments = attachInbound(sidecar, served, read, tables);
  const findings: Finding[] = [];
  const ports = portsOf(served, attachments, findings);
  const callers = callerContext(read, tables, settings.trustDomain);
  // Read only where a policy refers to it.
  const keySet = (key: KeySetKey): KeySet | undefined => read.get(tables.keySets, key);
  const service = (key: ServiceKey): Service | undefined => read.get(tables.services, key);
  const decided = ports.map((port) => {
    const context = { attachments, served, ports, callers, keySet, service };
    const { ir, findings: more } = decidePort(port, context);
    findings.push(...more);
    return ir;
  });
  return {
    ports: decided,
    isDraining: sidecar.isTerminating,
    policies: attachments.map(({ policy }) => policy.key).sort(),
    findings,
  };
}

/** Namespaces by selector, read only when a rule asks. */
export function callerContext(
  read: Read,
  tables: Pick<PolicyTables, 'namespaces'>,
  trustDomain: string,
): CallerContext {
  return {
    trustDomain,
    namespacesMatching: (selector: Labels) =>
      [...read.all(tables.namespaces).values()]
        .filter((namespace) => matchesNamespace(selector, namespace))
        .map(({ name }) => name)
        .sort(),
  };
}

/** Ports that Services lead to, ports that policies name, and the rest; sorted. */
function portsOf(
  served: readonly ServedPort[],
  attachments: readonly Attachment[],
  findings: Finding[],
): readonly Port[] {
  const byNumber = new Map<number, ServedPort[]>();
  for (const entry of served) {
    byNumber.set(entry.port, [...(byNumber.get(entry.port) ?? []), entry]);
  }
  for (const { policy } of attachments) {
    for (const port of portsNamedBy(policy)) {
      if (!byNumber.has(port)) byNumber.set(port, []);
    }
  }
  const ports = [...byNumber.keys()]
    .sort((a, b) => a - b)
    .map((port): Port => {
      const entries = byNumber.get(port) ?? [];
      const services = [...new Set(entries.map(({ service }) => service))].sort();
      return {
        port,
        protocol: mergeProtocols(port, entries, findings),
        origins: services.map((service) => ({ object: `Service ${service}` })),
      };
    });
  return [...ports, { protocol: 'sniff', origins: [] }];
}

function portsNamedBy(policy: Attachment['policy']): readonly number[] {
  const { deny = [], allow = [] } = policy.authorization ?? {};
  const operations = [...deny, ...allow].flatMap(({ to }) => to);
  return [...(policy.mtls?.ports.keys() ?? []), ...operations.flatMap(({ ports }) => ports)];
}

/** A declared protocol beats sniffing; where two disagree nothing is parsed. */
function mergeProtocols(
  port: number,
  entries: readonly ServedPort[],
  findings: Finding[],
): InboundPortIr['protocol'] {
  const isTcp = entries.some(({ protocol }) => protocol === 'tcp' || protocol === 'tls');
  const isHttp = entries.some(
    ({ protocol }) => protocol === 'http' || protocol === 'http2' || protocol === 'grpc',
  );
  if (!isTcp) return isHttp ? 'http' : 'sniff';
  if (isHttp) {
    for (const { service, portName } of entries) {
      findings.push({
        object: `Service ${service}`,
        code: 'MixedPortProtocol',
        severity: 'warning',
        field: 'spec.ports',
        value: portName,
        message: `container port ${String(port)} is declared HTTP by one Service and TCP by another, and is treated as TCP`,
      });
    }
  }
  return 'tcp';
}

function decidePort(
  port: Port,
  context: {
    readonly attachments: readonly Attachment[];
    readonly served: readonly ServedPort[];
    readonly ports: readonly Port[];
    readonly callers: CallerContext;
    readonly keySet: (key: KeySetKey) => KeySet | undefined;
    readonly service: (key: ServiceKey) => Service | undefined;
  },
): { readonly ir: InboundPortIr; readonly findings: readonly Finding[] } {
  const reaching = nearestFirst(context.attachments, port.port);
  const mtls = mtlsFeature.decide(reaching, port.port);
  const inForce = reaching.filter(({ policy }) => !policy.isAudit);
  const ofPort = {
    protocol: port.protocol,
    hasHttpPort: (reach: Reach) => hasHttpPort(reach, context.served, context.ports),
  };
  const { keySet, service } = context;
  const tokens = jwtFeature.decide(inForce, { ...ofPort, port: port.port, keySet, service });
  const limits = rateLimitFeature.decide(inForce, port);
  const { connections, findings: connectionFindings } = inboundConnectionsFeature.decide(inForce);
  const portContext: PortContext = {
    ...(port.port === undefined ? {} : { port: port.port }),
    ...ofPort,
    acceptsPlaintext: mtls.mode !== 'Strict',
    callers: context.callers,
    tokens,
    uncounted: limits.tcp,
  };
  const enforced = authorizationFeature.decide(inForce, portContext);
  const hasAudit = reaching.length > inForce.length;
  const shadow = hasAudit ? authorizationFeature.decide(reaching, portContext) : enforced;
  const findings = [
    ...[...mtls.findings, ...tokens.findings, ...limits.findings, ...connectionFindings],
    ...[...enforced.findings, ...shadow.findings],
  ];
  return {
    ir: {
      protocol: port.protocol,
      mtls: mtls.mode,
      ...(port.port === undefined ? {} : { port: port.port }),
      ...(tokens.jwt === undefined ? {} : { jwt: tokens.jwt }),
      ...(limits.rateLimit === undefined ? {} : { rateLimit: limits.rateLimit }),
      ...(connections === undefined ? {} : { connections }),
      http: enforced.http,
      tcp: enforced.tcp,
      ...(isSame(enforced, shadow) ? {} : { shadow: { http: shadow.http, tcp: shadow.tcp } }),
      origins: [...port.origins, ...mtls.origins],
    },
    findings,
  };
}

function isSame(a: AuthorizationDecision, b: AuthorizationDecision): boolean {
  return a === b || JSON.stringify([a.http, a.tcp]) === JSON.stringify([b.http, b.tcp]);
}

/** Wider targets than a workload are never without HTTP: ports that carry none are left out there. */
function hasHttpPort(
  { target, ports }: Reach,
  served: readonly ServedPort[],
  merged: readonly Port[],
): boolean {
  if (target.kind === 'Mesh' || target.kind === 'Namespace') return true;
  const key = target.kind === 'Service' ? serviceKey(target.namespace, target.name) : undefined;
  const own = served.filter(
    ({ service, port }) =>
      (key === undefined || service === key) && (ports === undefined || ports.includes(port)),
  );
  return own.some(({ port }) =>
    merged.some((candidate) => candidate.port === port && candidate.protocol !== 'tcp'),
  );
}
