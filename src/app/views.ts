/** What the admin API shows, made from the pipeline, the streams and the cache. */
import type {
  AdminViews,
  CaView,
  ConfigEntry,
  ConfigView,
  PlaintextView,
  ProxyView,
  StateView,
} from '../admin/index.js';
import { decodeUnknown, shortTypeName, typeUrls } from '../envoy/index.js';
import { podKey, type Diagnostic, type PolicyKey } from '../model/index.js';
import type { Metrics } from '../telemetry/index.js';
import { explainQuery, type Pipeline } from '../translators/index.js';
import type { ResourceCache, XdsResource } from '../xds/index.js';
import { identityOf, type ConnectedProxy } from './ads.js';
import type { Rejection } from './rejections.js';
import type { OpenStream } from './streams.js';
import { mostFrequent, type WouldDeny } from './would-deny.js';

/** Where the views look. */
export interface ViewSources {
  readonly pipeline: Pipeline;
  readonly cache: ResourceCache;
  readonly metrics: Metrics;
  readonly isReady: () => boolean;
  readonly state: () => StateView;
  readonly ca: () => CaView;
  readonly proxies: () => readonly ConnectedProxy[];
  readonly rejections: (pod: string) => readonly Rejection[];
  readonly stream: (streamId: string) => OpenStream | undefined;
  readonly diagnostics: () => readonly Diagnostic[];
  readonly wouldDeny: () => ReadonlyMap<PolicyKey, WouldDeny>;
  readonly plaintext: () => PlaintextView;
}

const kindNames: readonly (readonly [kind: string, typeUrl: string])[] = [
  ['listeners', typeUrls.listener],
  ['routes', typeUrls.route],
  ['virtualHosts', typeUrls.virtualHost],
  ['clusters', typeUrls.cluster],
  ['endpoints', typeUrls.endpoint],
  ['secrets', typeUrls.secret],
];

/** What the stream has parked, then what the sidecar refused before it was given the last good form. */
function rejectedBy(
  { state }: ConnectedProxy,
  remembered: readonly Rejection[],
): ProxyView['rejected'] {
  const parked = state.types.flatMap((type) =>
    type.rejected.map((one) => ({
      resource: one.name,
      type: shortTypeName(type.typeUrl),
      origins: one.origins,
      message: one.message,
    })),
  );
  const former = remembered.map(({ resource, message }) => ({
    resource: resource.name,
    type: shortTypeName(resource.typeUrl),
    origins: resource.origins.map((one) => one.object),
    message,
  }));
  const isParked = (one: ProxyView['rejected'][number]): boolean =>
    parked.some(({ resource, type }) => resource === one.resource && type === one.type);
  return [...parked, ...former.filter((one) => !isParked(one))];
}

function proxyView(
  proxy: ConnectedProxy,
  remembered: readonly Rejection[],
  stream: OpenStream | undefined,
  trustDomain: string,
  nowMs: number,
): ProxyView {
  const { types } = proxy.state;
  const pending = types.flatMap((type) => type.pendingSinceMs ?? []);
  const sent = Math.max(0, ...types.map((type) => type.generationSent));
  return {
    name: proxy.proxyId,
    identity: identityOf(proxy, trustDomain),
    variant: proxy.isDelta ? 'delta' : 'sotw',
    connectedSinceMs: proxy.connectedSinceMs,
    envoyVersion: proxy.clientVersion,
    generationSent: sent,
    generationAcked: Math.min(sent, proxy.state.settledGeneration),
    ...(pending.length > 0 && { pendingForMs: nowMs - Math.min(...pending) }),
    ...(proxy.identity.clockAheadMs !== undefined && {
      clockAheadMs: proxy.identity.clockAheadMs,
    }),
    ...(stream && {
      certificateNotAfterMs: stream.certificateNotAfterMs,
      certificateRenewAtMs: stream.certificateRenewAtMs,
      certificateRoot: stream.certificateRoot,
    }),
    resources: types.map((type) => ({
      type: shortTypeName(type.typeUrl),
      held: type.heldCount,
      bodiesSent: type.bodiesSent,
      bytesSent: type.bytesSent,
      ...(type.lastSentAtMs !== undefined && { lastSentAtMs: type.lastSentAtMs }),
      ...(type.lastAckAtMs !== undefined && { lastAckAtMs: type.lastAckAtMs }),
    })),
    rejected: rejectedBy(proxy, remembered),
  };
}

/** Certificates are public; anything else of a secret is not shown. */
function messageOf(typeUrl: string, resource: XdsResource): unknown {
  return typeUrl === typeUrls.secret
    ? { name: resource.name, secret: '[redacted]' }
    : decodeUnknown(typeUrl, resource.bytes);
}

function entry(typeUrl: string, scope: string, resource: XdsResource): ConfigEntry {
  return {
    name: resource.name,
    version: resource.version,
    scope,
    origins: resource.origins.map((one) => one.object),
    message: messageOf(typeUrl, resource),
  };
}

function configView(sources: ViewSources, pod: string): ConfigView | undefined {
  const [namespace = '', name = ''] = pod.split('/');
  const key = podKey(namespace, name);
  if (!sources.pipeline.workloads().has(key)) return undefined;
  const resources = sources.pipeline.resources(key);
  return Object.fromEntries(
    kindNames.map(([kind, typeUrl]) => [
      kind,
      [
        ...resources
          .filter((one) => one.typeUrl === typeUrl)
          .flatMap((one) => (one.resource ? [entry(typeUrl, one.scope, one.resource)] : [])),
        ...(typeUrl === typeUrls.secret ? secretEntries(sources, pod) : []),
      ],
    ]),
  );
}

/** The bundle, and the certificate of each stream that the pod has open. */
function secretEntries(sources: ViewSources, pod: string): readonly ConfigEntry[] {
  const scopes = sources
    .proxies()
    .filter((proxy) => proxy.proxyId === pod)
    .flatMap((proxy) => sources.stream(proxy.streamId)?.scopes.at(-1) ?? []);
  return ['mesh', ...scopes].flatMap((scope) =>
    sources.cache.names(scope, typeUrls.secret).flatMap((name) => {
      const resource = sources.cache.get([scope], typeUrls.secret, name);
      return resource === undefined ? [] : [entry(typeUrls.secret, scope, resource)];
    }),
  );
}

/** The views. */
export function createViews(sources: ViewSources, now: () => number): AdminViews {
  return {
    isReady: sources.isReady,
    state: sources.state,
    ca: sources.ca,
    proxies: () =>
      sources
        .proxies()
        .map((one) =>
          proxyView(
            one,
            sources.rejections(one.proxyId),
            sources.stream(one.streamId),
            sources.pipeline.settings.trustDomain,
            now(),
          ),
        )
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    diagnostics: sources.diagnostics,
    wouldDeny: () =>
      [...sources.wouldDeny()].map(([policy, { count, callers }]) => ({
        ...{ policy, count },
        callers: mostFrequent(callers, Infinity).map(([caller, of]) => ({ caller, count: of })),
      })),
    plaintext: sources.plaintext,
    config: (pod) => configView(sources, pod),
    explain(query) {
      const { view, settings } = sources.pipeline;
      const answer = explainQuery(view, query, settings.clusterDomain);
      return answer.ok ? answer : { ok: false as const, error: answer.error };
    },
    metrics: () => sources.metrics.expose(),
  };
}
