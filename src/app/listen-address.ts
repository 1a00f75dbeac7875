/** Addresses to listen on, as flags have them. */

/** A host and a port; port 0 takes a free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const hostAndPort = /^(?:\[([^\]]+)\]|([^[\]:]*)):(\d{1,5})$/;

/** Parses `host:port`; no host means all addresses. Throws an Error that names the flag. */
export function parseListen(flag: string, text: string): ListenAddress {
  const match = hostAndPort.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) {
    throw new Error(`expected ${flag} host:port, found ${text}`);
  }
  const host = match[1] ?? match[2] ?? '';
  return { host: host === '' ? '0.0.0.0' : host, port };
}
