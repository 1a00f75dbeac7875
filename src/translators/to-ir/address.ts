/** What can be said of an address by looking at its text. */
import { BlockList } from 'node:net';

/** An address family. */
export type Family = 'IPv4' | 'IPv6';

/** The family of a canonical address. */
export function familyOf(ip: string): Family {
  return ip.includes(':') ? 'IPv6' : 'IPv4';
}

/** Whether `cidr` contains `ip`; false for text that is not a CIDR, and across families. */
export function isInCidr(cidr: string, ip: string): boolean {
  const [network, length] = cidr.split('/');
  if (network === undefined || length === undefined || familyOf(network) !== familyOf(ip)) {
    return false;
  }
  const family = familyOf(ip) === 'IPv4' ? 'ipv4' : 'ipv6';
  const block = new BlockList();
  try {
    block.addSubnet(network, Number(length), family);
    return block.check(ip, family);
  } catch {
    return false;
  }
}
