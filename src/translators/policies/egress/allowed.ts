/** What an egress decision lets pass: by address, and by name. */
import type { EgressIr } from '../../../ir/index.js';
import { isInCidr } from '../../to-ir/address.js';

/** The blocks of addresses that may be called on `port`, each once. */
export function allowedCidrs({ allow }: EgressIr, port: number | undefined): readonly string[] {
  const cidrs = allow.flatMap((entry) => {
    if (entry.kind !== 'cidr') return [];
    const { ports } = entry;
    const isMeant = ports === undefined || (port !== undefined && ports.includes(port));
    return isMeant ? [entry.cidr] : [];
  });
  return [...new Set(cidrs)];
}

/** Whether the address may be called, whatever is spoken there. */
export function allowsAddress(egress: EgressIr, ip: string, port: number): boolean {
  return (
    egress.mode === 'AllowAny' || allowedCidrs(egress, port).some((cidr) => isInCidr(cidr, ip))
  );
}

/** The entry for a host that lets it be called on `port`; `*.a.example` stands for all names below. */
export function entryOfHost({ allow }: EgressIr, host: string, port: number): string | undefined {
  for (const entry of allow) {
    if (entry.kind !== 'host' || !entry.ports.includes(port)) continue;
    const isMeant = entry.host.startsWith('*.')
      ? host.endsWith(entry.host.slice(1)) && host.length >= entry.host.length
      : host === entry.host;
    if (isMeant) return entry.host;
  }
  return undefined;
}

/** The ports on which some host is allowed, sorted. */
export function portsOfHosts({ allow }: EgressIr): readonly number[] {
  const ports = allow.flatMap((entry) => (entry.kind === 'host' ? entry.ports : []));
  return [...new Set(ports)].sort((a, b) => a - b);
}

/** The hosts that are allowed on `port`, each once. */
export function allowedHosts({ allow }: EgressIr, port: number): readonly string[] {
  const hosts = allow.flatMap((entry) =>
    entry.kind === 'host' && entry.ports.includes(port) ? [entry.host] : [],
  );
  return [...new Set(hosts)];
}
