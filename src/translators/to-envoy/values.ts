/** Small values in Envoy's spelling: durations, addresses, CIDRs, config sources. */
import type { Address, CidrRange, ConfigSource, FractionalPercent } from '../../envoy/index.js';

/** Milliseconds as a protobuf JSON duration: 1500 → `1.5s`. */
export function spellDuration(milliseconds: number): string {
  return `${String(milliseconds / 1000)}s`;
}

/** A share in percent, exact to a ten-thousandth of one. */
export function spellPercent(percent: number): FractionalPercent {
  return { numerator: Math.round(percent * 10_000), denominator: 'MILLION' };
}

/** A TCP address. */
export function spellAddress(ip: string, port: number): Address {
  return { socket_address: { address: ip, port_value: port } };
}

/** Every address of the pod, IPv4 and IPv6 on one socket. */
export function spellAnyAddress(port: number): Address {
  return { socket_address: { address: '::', port_value: port, ipv4_compat: true } };
}

/** `10.0.0.0/8`, `fd00::/8`, or one address. */
export function spellCidr(cidr: string): CidrRange {
  const [address = '', length] = cidr.split('/');
  const whole = address.includes(':') ? 128 : 32;
  return { address_prefix: address, prefix_len: length === undefined ? whole : Number(length) };
}

/**
 * The ADS stream. Listeners wait for what they need as long as it takes (`initial_fetch_timeout`
 * 0): a listener that went live without its routes or certificate would serve the wrong thing.
 */
export function spellAdsSource(): ConfigSource {
  return { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' };
}

/**
 * The ADS stream for clusters and their endpoints, with Envoy's own bound of 15 s, after which a
 * cluster goes live with what it has: it must not hold back its siblings for ever.
 */
export function spellBoundedAdsSource(): ConfigSource {
  return { ads: {}, resource_api_version: 'V3' };
}
