/** IP addresses and CIDRs in one canonical text form, so that equal addresses are equal strings. */
import { isIP, SocketAddress } from 'node:net';

/** RFC 5952 text for IPv6, dotted quad for IPv4; undefined for anything else, zones included. */
export function canonicalIp(text: string): string | undefined {
  if (text.length > 45 || text.includes('%')) return undefined;
  const version = isIP(text);
  if (version === 0) return undefined;
  if (version === 4) return text;
  return new SocketAddress({ address: text, family: 'ipv6' }).address;
}

/** Which family a canonical address is of. */
export function ipFamily(ip: string): 'IPv4' | 'IPv6' {
  return ip.includes(':') ? 'IPv6' : 'IPv4';
}

/** `10.0.0.0/8` with the bits outside the prefix cleared; undefined for anything else. */
export function canonicalCidr(text: string): string | undefined {
  const match = /^([0-9a-fA-F:.]{2,45})\/(\d{1,3})$/.exec(text);
  const ip = canonicalIp(match?.[1] ?? '');
  const length = Number(match?.[2]);
  if (ip === undefined) return undefined;
  const width = ipFamily(ip) === 'IPv4' ? 32 : 128;
  if (!(length <= width)) return undefined;
  const host = BigInt(width - length);
  const bits = (toBits(ip) >> host) << host;
  return `${fromBits(bits, width)}/${length}`;
}

function toBits(ip: string): bigint {
  if (ipFamily(ip) === 'IPv4') return quadBits(ip);
  const cut = ip.lastIndexOf(':');
  // The canonical form of a mapped address ends in a dotted quad.
  const quad = ip.includes('.') ? quadBits(ip.slice(cut + 1)) : undefined;
  const hex =
    quad === undefined
      ? ip
      : `${ip.slice(0, cut)}:${(quad >> 16n).toString(16)}:${(quad & 0xffffn).toString(16)}`;
  const [head = '', tail] = hex.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: gap }, () => '0'), ...after];
  return groups.reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}

function quadBits(ip: string): bigint {
  return ip.split('.').reduce((bits, byte) => (bits << 8n) | BigInt(byte), 0n);
}

function fromBits(bits: bigint, width: 32 | 128): string {
  if (width === 32) {
    return [24n, 16n, 8n, 0n].map((shift) => String((bits >> shift) & 0xffn)).join('.');
  }
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((bits >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  );
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}
