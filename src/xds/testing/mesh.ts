/** Test support: a discovery server on loopback, whose door reads `token:<proxy>` and notes what happens. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail, ok, systemClock, type Clock } from '../../lib/index.js';
import { createResourceCache, type ResourceCache } from '../cache.js';
import type { DiscoveryEvents, StreamIdentity } from '../events.js';
import type { ResourceChange } from '../resource.js';
import { sidecarRules, type ProtocolRules } from '../rules.js';
import {
  createXdsServer,
  type ServerCertificate,
  type ServerOptions,
  type XdsServer,
} from '../server.js';
import type { StreamLimits } from '../session.js';
import { meshScope } from './resources.js';

/** Who a test's client is. */
export interface TestIdentity extends StreamIdentity {
  readonly name: string;
}

/** A server under test. */
export interface TestMesh {
  readonly cache: ResourceCache;
  readonly server: XdsServer<TestIdentity>;
  /** `address:port`. */
  readonly address: string;
  readonly port: number;
  /** One word for each event. */
  readonly log: string[];
  turn(changes: readonly ResourceChange[]): void;
  stop(): Promise<void>;
}

/** A server that serves at once, unless `isServing` is false. */
export async function startMesh(
  options: {
    readonly certificate?: ServerCertificate;
    readonly cache?: ResourceCache;
    readonly clock?: Clock;
    readonly limits?: Partial<StreamLimits>;
    readonly rules?: ProtocolRules;
    readonly server?: Partial<ServerOptions>;
    readonly isServing?: boolean;
    readonly expiresAtMs?: number;
    readonly events?: Partial<DiscoveryEvents>;
    readonly authenticating?: () => Promise<void>;
  } = {},
): Promise<TestMesh> {
  const log: string[] = [];
  const cache = options.cache ?? createResourceCache();
  const shortName = (typeUrl: string): string => typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
  const server = createXdsServer<TestIdentity>({
    host: '127.0.0.1',
    port: 0,
    certificate: options.certificate ?? 'plaintext',
    ...options.server,
    cache,
    rules: options.rules ?? sidecarRules({ vhdsEmptyAnswer: ['http/_'] }),
    clock: options.clock ?? systemClock,
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    door: {
      authenticate: async (metadata) => {
        log.push('authenticate');
        await options.authenticating?.();
        const name = /^Bearer token:(.+)$/.exec(metadata.get('authorization') ?? '')?.[1];
        if (name === undefined) return fail({ code: 'unauthenticated', message: 'no token' });
        return ok({
          name,
          ...(options.expiresAtMs === undefined ? {} : { expiresAtMs: options.expiresAtMs }),
        });
      },
      admit: ({ identity, node, streamId }) => {
        log.push(`admit ${identity.name}`);
        return Promise.resolve(
          node.id === identity.name
            ? ok({ proxyId: identity.name, scopes: [meshScope, `pod/${identity.name}`, streamId] })
            : fail({ code: 'permission-denied', message: 'this token is of another node' }),
        );
      },
      release: () => log.push('release'),
    },
    events: {
      onDemand: (_stream, { name, isWanted }) => log.push(`${isWanted ? 'want' : 'leave'} ${name}`),
      onAck: (_stream, { typeUrl, resources }) =>
        log.push(`ack ${shortName(typeUrl)} ${resources.map(({ name }) => name).join(',')}`),
      onNack: (_stream, { typeUrl, resources, isCertain }) =>
        log.push(
          `nack ${shortName(typeUrl)} ${resources.map(({ name }) => name).join(',')} ${isCertain}`,
        ),
      onOpen: ({ proxyId }) => log.push(`open ${proxyId}`),
      onClose: ({ proxyId }, reason) => log.push(`close ${proxyId}: ${reason}`),
      onRefused: (_peer, { code }) => log.push(`refused ${code}`),
      onNamesRefused: (_stream, _typeUrl, count) => log.push(`names refused ${count}`),
      onError: (error) => log.push(`error ${String(error)}`),
      ...options.events,
    },
  });
  const port = await server.start();
  server.setServing(options.isServing ?? true);
  return {
    cache,
    server,
    address: `127.0.0.1:${port}`,
    port,
    log,
    turn: (changes) => {
      cache.apply(cache.generation() + 1, changes);
    },
    stop: () => server.stop({ graceMs: 0 }),
  };
}

/** Resolves when `check` is true; looks after every turn of the event loop, and gives up in time. */
export async function until(check: () => boolean, limitMs = 20_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!check()) {
    if (Date.now() > deadline) throw new Error(`not so within ${limitMs} ms: ${check.toString()}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}

/** A throwaway certificate for `localhost` and 127.0.0.1 that is its own root. */
export function makeCertificate(): ServerCertificate {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-xds-'));
  try {
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
        ...['-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=localhost'],
        ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
      ],
      { stdio: 'ignore' },
    );
    return {
      certificateChain: readFileSync(certificate, 'utf8'),
      privateKey: readFileSync(key, 'utf8'),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
