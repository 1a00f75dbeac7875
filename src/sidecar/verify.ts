/** Proves from inside a pod, without any right, that its outbound connections are led to the sidecar. */
import { randomBytes } from 'node:crypto';
import { BlockList, connect, createServer, isIPv6, type Server } from 'node:net';
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';
import { systemClock, wait, type Clock } from '../lib/index.js';
import { outboundPort } from './ports.js';
import type { IpFamily } from './redirect.js';

/** How redirection is verified. */
export interface VerifyRedirectOptions {
  readonly families: readonly IpFamily[];
  readonly excludeOutboundPorts: readonly number[];
  readonly excludeOutboundCidrs: readonly string[];
  /** How long to try again while connections are not redirected. */
  readonly waitMs: number;
  readonly signal?: AbortSignal;
  /** Addresses of this pod; default: those of its interfaces. */
  readonly addresses?: readonly PodAddress[];
  readonly clock?: Clock;
}

/** An address of the pod, with the length of its prefix. */
export interface PodAddress {
  readonly address: string;
  readonly prefixLength: number;
}

/** What the verification of one family came to; `skipped` says why there was nothing to verify. */
export type Verification =
  | { readonly kind: 'redirected'; readonly family: IpFamily }
  | { readonly kind: 'skipped'; readonly family: IpFamily; readonly reason: string };

/** Connections are not led to the sidecar; the message says what was tried. */
export class NotRedirectedError extends Error {
  readonly code = 'NotRedirected';

  constructor(message: string) {
    super(message);
    this.name = 'NotRedirectedError';
  }
}

// Reserved for documentation (RFC 5737, RFC 3849, RFC 9637): nobody is there.
const reserved: Readonly<Record<IpFamily, readonly string[]>> = {
  v4: ['192.0.2.1', '198.51.100.1', '203.0.113.1'],
  v6: ['2001:db8::1', '3fff::1'],
};
const loopback: Readonly<Record<IpFamily, string>> = { v4: '127.0.0.1', v6: '::1' };
const noOnesPorts: readonly number[] = [9, 1, 7, 19, 65_535];
const tryMs = 1_000;
const pauseMs = 250;

type Attempt =
  | { readonly kind: 'arrived' }
  | { readonly kind: 'no-route' }
  | { readonly kind: 'elsewhere'; readonly reason: string };

/**
 * Listens where redirected connections arrive and calls addresses where nobody is: only redirection
 * leads such a call back. The rules of a family come in one transaction, so inbound ones are there
 * where outbound ones are. Must run before the sidecar does, with an id that is not the sidecar's.
 * Rejects with a `NotRedirectedError`.
 */
export async function verifyRedirect(
  options: VerifyRedirectOptions,
): Promise<readonly Verification[]> {
  const found: Verification[] = [];
  for (const family of options.families) found.push(await verifyFamily(family, options));
  return found;
}

async function verifyFamily(
  family: IpFamily,
  options: VerifyRedirectOptions,
): Promise<Verification> {
  const skip = (reason: string): Verification => ({ kind: 'skipped', family, reason });
  const own = (options.addresses ?? podAddresses()).filter(
    ({ address }) => isIPv6(address) === (family === 'v6'),
  );
  if (own.length === 0) return skip('the pod has no address of this family');
  const targets = findTargets(family, own, options.excludeOutboundCidrs);
  const port = noOnesPorts.find((each) => !options.excludeOutboundPorts.includes(each));
  if (targets.length === 0 || port === undefined) return skip('everything is excluded');
  const nonce = randomBytes(16).toString('hex');
  const server = await listen(loopback[family], nonce);
  // It has started, so it was verified before: a sidecar never starts earlier.
  if (server === undefined) return skip(`port ${outboundPort} serves already`);
  try {
    return await tryTargets({ family, targets, port, nonce }, options);
  } finally {
    server.close();
  }
}

/** Addresses of this network namespace by which others are reached; link-local ones are not. */
function podAddresses(): readonly PodAddress[] {
  return Object.values(networkInterfaces())
    .flatMap((infos) => infos ?? [])
    .filter(({ internal, address }) => !internal && !/^fe80:/i.test(address))
    .map((info: NetworkInterfaceInfo) => ({
      address: info.address,
      prefixLength: Number(info.cidr?.split('/')[1] ?? 0),
    }));
}

function findTargets(
  family: IpFamily,
  own: readonly PodAddress[],
  excludedCidrs: readonly string[],
): readonly string[] {
  const type = family === 'v4' ? 'ipv4' : 'ipv6';
  const excluded = new BlockList();
  for (const cidr of excludedCidrs) {
    const [address = '', length = ''] = cidr.split('/');
    if (isIPv6(address) === (family === 'v6')) {
      excluded.addSubnet(address, Number(length), type);
    }
  }
  // A pod without a default route reaches its neighbours only.
  const neighbours = own.flatMap((each) => neighbourOf(each));
  return [...reserved[family], ...neighbours].filter((target) => !excluded.check(target, type));
}

/** The address that differs in the last bit, where that is in the same subnet. */
function neighbourOf({ address, prefixLength }: PodAddress): readonly string[] {
  const match = /^(.*[.:])([0-9a-f]+)$/i.exec(address);
  const [head, last] = [match?.[1], match?.[2]];
  if (head === undefined || last === undefined) return [];
  const isV6 = isIPv6(address);
  if (prefixLength >= (isV6 ? 128 : 32)) return [];
  const radix = isV6 ? 16 : 10;
  return [`${head}${(Number.parseInt(last, radix) ^ 1).toString(radix)}`];
}

/** Greets every connection with the nonce; undefined where the port is taken. */
function listen(host: string, nonce: string): Promise<Server | undefined> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(nonce);
  });
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen({ host, port: outboundPort }, () => {
      resolve(server);
    });
  });
}

interface Plan {
  readonly family: IpFamily;
  readonly targets: readonly string[];
  readonly port: number;
  readonly nonce: string;
}

async function tryTargets(plan: Plan, options: VerifyRedirectOptions): Promise<Verification> {
  const clock = options.clock ?? systemClock;
  const signal = options.signal ?? new AbortController().signal;
  const deadline = clock.now() + options.waitMs;
  const { family, targets, port, nonce } = plan;
  for (;;) {
    const attempts = await Promise.all(targets.map((host) => attempt(host, port, nonce)));
    if (attempts.some(({ kind }) => kind === 'arrived')) return { kind: 'redirected', family };
    if (attempts.every(({ kind }) => kind === 'no-route')) {
      return { kind: 'skipped', family, reason: 'no route leads out of the pod' };
    }
    if (clock.now() >= deadline) {
      const said = attempts.map((each, index) => {
        const what = each.kind === 'elsewhere' ? each.reason : 'no route';
        return `${targets[index] ?? ''} port ${port}: ${what}`;
      });
      throw new NotRedirectedError(
        `${family} connections of this pod are not led to its sidecar (${said.join('; ')})`,
      );
    }
    await wait(clock, pauseMs, signal);
  }
}

/** Calls once, and says where the call ended. */
function attempt(host: string, port: number, nonce: string): Promise<Attempt> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let greeting = '';
    const end = (result: Attempt): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setEncoding('utf8');
    socket.setTimeout(tryMs, () => {
      end({ kind: 'elsewhere', reason: 'no answer' });
    });
    socket.on('data', (part: string) => {
      greeting = `${greeting}${part}`.slice(0, nonce.length);
      if (greeting === nonce) end({ kind: 'arrived' });
    });
    socket.on('end', () => {
      end({ kind: 'elsewhere', reason: 'somebody else answered' });
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const isRouteless = error.code === 'ENETUNREACH';
      end(
        isRouteless
          ? { kind: 'no-route' }
          : { kind: 'elsewhere', reason: error.code ?? error.message },
      );
    });
  });
}
