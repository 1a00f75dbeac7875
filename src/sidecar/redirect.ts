/** The redirection rules of a pod, as text for iptables-restore: pure, one generation, repeatable. */
import {
  inboundPort,
  inboundSourceV4,
  inboundSourceV6,
  metricsPort,
  outboundPort,
  proxyGid,
  proxyUid,
  readinessPort,
} from './ports.js';

/** Chain that every inbound TCP connection passes. */
export const inboundChain = 'SKERRY_INBOUND';
/** Chain that every TCP connection of the pod's processes passes. */
export const outboundChain = 'SKERRY_OUTBOUND';

const dnsPort = 53;

/** An address family. */
export type IpFamily = 'v4' | 'v6';

/** What is redirected and what is left alone. */
export interface RedirectOptions {
  /** The sidecar's uid, whose connections pass; default `proxyUid`. */
  readonly proxyUid?: number;
  /** The sidecar's gid, likewise; default `proxyGid`. */
  readonly proxyGid?: number;
  /** Ports of the app that callers reach without the sidecar. */
  readonly excludeInboundPorts?: readonly number[];
  /** Ports that the app calls without the sidecar. */
  readonly excludeOutboundPorts?: readonly number[];
  /** IPv4 and IPv6 blocks that the app calls without the sidecar. */
  readonly excludeOutboundCidrs?: readonly string[];
}

/** The rules of one family. */
export interface FamilyRules {
  /** The two rules in the built-in chains that lead into ours; must be there exactly once. */
  readonly jumps: readonly string[];
  /** The rules of our chains, in order. */
  readonly rules: readonly string[];
}

function inboundRules(options: RedirectOptions): readonly string[] {
  const open = [readinessPort, metricsPort, ...(options.excludeInboundPorts ?? [])];
  return [
    ...[...new Set(open)].map((port) => `-A ${inboundChain} -p tcp --dport ${port} -j RETURN`),
    `-A ${inboundChain} -p tcp -j REDIRECT --to-ports ${inboundPort}`,
  ];
}

function isOfFamily(cidr: string, family: IpFamily): boolean {
  return cidr.includes(':') === (family === 'v6');
}

function outboundRules(options: RedirectOptions, family: IpFamily): readonly string[] {
  const uid = options.proxyUid ?? proxyUid;
  const gid = options.proxyGid ?? proxyGid;
  const source = family === 'v4' ? `${inboundSourceV4}/32` : `${inboundSourceV6}/128`;
  const loopback = family === 'v4' ? '127.0.0.0/8' : '::1/128';
  const add = (rule: string): string => `-A ${outboundChain} ${rule}`;
  const cidrs = (options.excludeOutboundCidrs ?? []).filter((cidr) => isOfFamily(cidr, family));
  // TCP DNS goes where UDP DNS, which nothing redirects, goes: a resolver must not depend on the
  // sidecar that itself resolves the control plane's name.
  const ports = [...new Set([dnsPort, ...(options.excludeOutboundPorts ?? [])])];
  return [
    // The sidecar hands a call to its own app.
    add(`-s ${source} -o lo -j RETURN`),
    // The sidecar calls its own pod: the app has called its own Service, so the inbound side applies.
    add(`! -d ${loopback} -o lo -p tcp -m owner --uid-owner ${uid} -j ${inboundChain}`),
    // The loop guard.
    add(`-m owner --uid-owner ${uid} -j RETURN`),
    add(`-m owner --gid-owner ${gid} -j RETURN`),
    // Containers of the pod among themselves, by loopback or by the pod's own address.
    add('-o lo -j RETURN'),
    ...cidrs.map((cidr) => add(`-d ${cidr} -j RETURN`)),
    ...ports.map((port) => add(`-p tcp --dport ${port} -j RETURN`)),
    add(`-p tcp -j REDIRECT --to-ports ${outboundPort}`),
  ];
}

/** The rules of one family. Ports and CIDRs must be well formed: see `checkRedirectOptions`. */
export function familyRules(options: RedirectOptions, family: IpFamily): FamilyRules {
  return {
    jumps: [`-A PREROUTING -p tcp -j ${inboundChain}`, `-A OUTPUT -p tcp -j ${outboundChain}`],
    rules: [...inboundRules(options), ...outboundRules(options, family)],
  };
}

/**
 * Text for `iptables-restore --noflush`, applied as one transaction. Our chains are declared, which
 * empties and refills them; a jump that `current` (the output of `iptables-save -t nat`) shows is
 * not added again, so applying twice is applying once. Rules of others stay.
 */
export function restoreText(rules: FamilyRules, current: string): string {
  const present = new Set(current.split('\n').map((line) => line.trim()));
  return [
    '*nat',
    `:${inboundChain} - [0:0]`,
    `:${outboundChain} - [0:0]`,
    ...rules.rules,
    ...rules.jumps.filter((jump) => !present.has(jump)),
    'COMMIT',
    '',
  ].join('\n');
}

/** The rules of both families for a namespace that has none yet. */
export function redirectRules(options: RedirectOptions): {
  readonly v4: string;
  readonly v6: string;
} {
  return {
    v4: restoreText(familyRules(options, 'v4'), ''),
    v6: restoreText(familyRules(options, 'v6'), ''),
  };
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65535;
}

function isCidr(cidr: string): boolean {
  const [address = '', length = '', ...rest] = cidr.split('/');
  const maxLength = address.includes(':') ? 128 : 32;
  const isAddress = /^[0-9a-fA-F:.]{2,45}$/.test(address);
  return rest.length === 0 && isAddress && /^\d{1,3}$/.test(length) && Number(length) <= maxLength;
}

/** What is wrong with the options, in words; empty when nothing is. */
export function checkRedirectOptions(options: RedirectOptions): readonly string[] {
  const ports = [...(options.excludeInboundPorts ?? []), ...(options.excludeOutboundPorts ?? [])];
  const ids = [options.proxyUid ?? proxyUid, options.proxyGid ?? proxyGid];
  return [
    ...ports
      .filter((port) => !isPort(port))
      .map((port) => `expected a port from 1 to 65535, found ${port}`),
    ...(options.excludeOutboundCidrs ?? [])
      .filter((cidr) => !isCidr(cidr))
      .map((cidr) => `expected a CIDR like 10.0.0.0/8, found ${JSON.stringify(cidr)}`),
    ...ids
      .filter((id) => !Number.isInteger(id) || id <= 0)
      .map((id) => `expected a uid or gid above 0 for the sidecar, found ${id}`),
  ];
}
