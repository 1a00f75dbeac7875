/** The ADS server as the mesh uses it: who may stream, what streams ask for, what they accept and refuse. */
import type { Authority, TokenVerifier, WorkloadIdentity } from '../ca/index.js';
import type { ControllerOptions } from '../cli/index.js';
import { shortTypeName, typeUrls } from '../envoy/index.js';
import { fail, ok, systemClock, type Logger } from '../lib/index.js';
import { namespaceOf, spiffeId, type PodKey } from '../model/index.js';
import { clockHeader } from '../sidecar/index.js';
import type { Metrics } from '../telemetry/index.js';
import {
  createXdsServer,
  sidecarRules,
  type DiscoveryDoor,
  type DiscoveryEvents,
  type Intake,
  type ProxySnapshot,
  type ResourceCache,
  type ServerCertificate,
  type StreamRef,
  type StreamStanding,
} from '../xds/index.js';
import type { DemandLedger } from './demand.js';
import { authenticate } from './identity.js';
import { parseListen } from './listen-address.js';
import type { Newsroom } from './news.js';
import type { PolicyGate } from './policy-gate.js';
import type { TurnAway } from './refusals.js';
import type { Rejections } from './rejections.js';
import { createServerRoots } from './server-roots.js';
import type { SidecarClocks } from './sidecar-clocks.js';
import type { Streams } from './streams.js';
import type { TrustLedger } from './trust-ledger.js';

/** What the server serves with. */
export interface AdsParts {
  readonly options: ControllerOptions;
  readonly authority: Authority;
  readonly verifier: TokenVerifier;
  readonly cache: ResourceCache;
  readonly streams: Streams;
  readonly demand: DemandLedger;
  readonly gate: PolicyGate;
  readonly rejections: Rejections;
  readonly news: Newsroom;
  readonly ledger: TrustLedger;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly turnAway: TurnAway;
  readonly clocks: SidecarClocks;
  /** Services beside discovery. */
  readonly intakes: readonly Intake[];
}

/** Who a stream has proved to be, and what it says of its time. */
export interface StreamOwner extends WorkloadIdentity {
  /** How far its clock is ahead of ours, in milliseconds; absent: it does not say. */
  readonly clockAheadMs?: number;
}

/** A connected sidecar, with the identity it proved. */
export type ConnectedProxy = ProxySnapshot<StreamOwner>;

/** The running server. */
export interface Ads {
  /** Serves; resolves with `host:port`. Call it once every source has synced. */
  start(): Promise<string>;
  stop(): Promise<void>;
  closeProxy(pod: string, reason: string): void;
  proxies(): readonly ConnectedProxy[];
  /** How many they are, without looking at them. */
  streamCount(): number;
  /** How far a stream has come; undefined: there is none of this id. */
  standing(streamId: string): StreamStanding | undefined;
  /** Root of the certificate by which a sidecar knew us when it connected; undefined: not known. */
  serverRootOf(proxy: ConnectedProxy): string | undefined;
  /** When the certificate ends that it serves with, in milliseconds since the epoch; undefined before the start. */
  serverNotAfterMs(): number | undefined;
}

/** Answers a VHDS wildcard over no virtual hosts, so that the listener need not wait. */
const emptyVirtualHosts = ['http/_'];
/** Streams end spread over this when the control plane stops, so that sidecars do not all return at once. */
const stopSpreadMs = 500;
function createDoor(parts: AdsParts): DiscoveryDoor<StreamOwner> {
  const { streams, turnAway: refused, clocks } = parts;
  return {
    async authenticate(metadata, peer) {
      const found = await authenticate(parts.verifier, metadata.get('authorization'));
      if (!found.ok) return fail(refused(found.error, peer));
      const clockAheadMs = clocks.read(metadata.get(clockHeader));
      return ok({ ...found.value, ...(clockAheadMs === undefined ? {} : { clockAheadMs }) });
    },
    async admit({ identity, node, streamId, peer }) {
      const nodeId = node.id ?? '';
      const opened = await streams.open({
        streamId,
        identity,
        nodeId,
        metadata: node.metadata ?? {},
      });
      if (!opened.ok) return fail(refused(opened.error, peer, nodeId));
      clocks.opened(streamId, opened.value.pod, identity.clockAheadMs);
      return ok({ proxyId: opened.value.pod, scopes: opened.value.scopes });
    },
    release(streamId): void {
      clocks.closed(streamId);
      parts.demand.end(streamId);
      streams.close(streamId);
    },
  };
}

function namespaceOfStream(stream: StreamRef): string {
  // As `admit` has named it.
  return namespaceOf(stream.proxyId as PodKey);
}

function createEvents(parts: AdsParts): DiscoveryEvents {
  const { demand, gate, logger, metrics, news, streams } = parts;
  return {
    onDemand(stream, { name, isWanted }): void {
      if (isWanted) demand.want(stream.streamId, namespaceOfStream(stream), name);
      else demand.release(stream.streamId, name);
    },
    onAck(stream, { typeUrl, resources }): void {
      const identity = streams.get(stream.streamId)?.identity;
      if (identity !== undefined) gate.accepted({ identity, typeUrl, resources });
      if (typeUrl === typeUrls.secret) parts.ledger.accepted(stream.streamId, resources);
      news.tellStream({ kind: 'accepted', stream });
    },
    onNack(stream, { typeUrl, resources, isCertain, message }): void {
      metrics.nacks.inc({ type: shortTypeName(typeUrl) });
      logger.warn('a sidecar refused a response', {
        proxy: stream.proxyId,
        type: shortTypeName(typeUrl),
        resources: resources.map((one) => one.name).slice(0, 10),
        isCertain,
        reply: message,
      });
      // Uncertain: the protocol isolates the culprit and tells again.
      if (!isCertain) return;
      const identity = streams.get(stream.streamId)?.identity;
      if (identity !== undefined) gate.rejected({ identity, typeUrl, resources }, message);
      for (const resource of resources) {
        parts.rejections.note(stream.proxyId, { resource, message });
      }
      news.tellStream({ kind: 'refused', stream });
    },
    onOpen(stream): void {
      logger.info('a sidecar is connected', { proxy: stream.proxyId, stream: stream.streamId });
      news.tellStream({ kind: 'opened', stream });
    },
    onClose(stream, reason): void {
      logger.info('a sidecar is gone', {
        proxy: stream.proxyId,
        stream: stream.streamId,
        reason,
      });
      news.tellStream({ kind: 'closed', stream });
    },
    // The door has logged and counted what it refused.
    onRefused: () => undefined,
    onNamesRefused(stream, typeUrl, count): void {
      logger.warn('a sidecar asks for more names than it may', {
        proxy: stream.proxyId,
        type: shortTypeName(typeUrl),
        count,
      });
    },
    onError(error): void {
      logger.error('a stream failed: this is a bug', { error });
    },
  };
}

/** The server; constructing does no I/O. */
export function createAds(parts: AdsParts): Ads {
  const { options, authority } = parts;
  const listen = parseListen('--listen', options.listen);
  const open = (certificate: ServerCertificate): ReturnType<typeof openServer> =>
    openServer(parts, listen, certificate);
  let server: ReturnType<typeof openServer> | undefined;
  let endRenewal = (): void => undefined;
  let notAfterMs: number | undefined;
  const roots = createServerRoots(() => systemClock.now());
  return {
    async start(): Promise<string> {
      endRenewal = await authority.keepServerCertificate(options.serverNames, (renewed) => {
        notAfterMs = renewed.notAfterMs;
        const certificate = { certificateChain: renewed.chainPem, privateKey: renewed.keyPem };
        if (server === undefined) server = open(certificate);
        else server.renewCertificate(certificate);
        roots.shows(renewed.root);
      });
      const port = (await server?.start()) ?? listen.port;
      server?.setServing(true);
      return `${listen.host}:${String(port)}`;
    },
    async stop(): Promise<void> {
      endRenewal();
      await server?.stop({ spreadMs: stopSpreadMs });
    },
    closeProxy(pod, reason): void {
      parts.rejections.forget(pod);
      server?.closeProxy(pod, { code: 'failed-precondition', message: reason });
    },
    proxies: () => server?.proxies() ?? [],
    streamCount: () => server?.streamCount() ?? 0,
    standing: (streamId) => server?.standing(streamId),
    serverRootOf: ({ connectionSinceMs }) => roots.at(connectionSinceMs),
    serverNotAfterMs: () => notAfterMs,
  };
}

function openServer(
  parts: AdsParts,
  listen: { readonly host: string; readonly port: number },
  certificate: ServerCertificate,
): ReturnType<typeof createXdsServer<StreamOwner>> {
  return createXdsServer<StreamOwner>({
    ...listen,
    certificate,
    maxConnectionAgeMs: parts.options.maxStreamAgeSeconds * 1000,
    cache: parts.cache,
    intakes: parts.intakes,
    rules: sidecarRules({ vhdsEmptyAnswer: emptyVirtualHosts }),
    clock: systemClock,
    door: createDoor(parts),
    events: createEvents(parts),
  });
}

/** The SPIFFE id a connected sidecar has proved. */
export function identityOf(proxy: ConnectedProxy, trustDomain: string): string {
  return spiffeId(trustDomain, proxy.identity.namespace, proxy.identity.serviceAccount);
}
