/** The part of a control plane that is the same everywhere: from a source's batches to sidecars' sockets. */
import type { Authority } from '../ca/index.js';
import type { ControllerOptions } from '../cli/index.js';
import { systemClock, type Logger } from '../lib/index.js';
import type { Diagnostic, Pod, PolicyKey } from '../model/index.js';
import type { SourceBatch } from '../sources/index.js';
import { createMetrics, type Metrics } from '../telemetry/index.js';
import { createPipeline, hasNamespace, type Pipeline } from '../translators/index.js';
import { createResourceCache, type ResourceCache } from '../xds/index.js';
import { createAds, type Ads } from './ads.js';
import { caEnds } from '../ca/index.js';

import { createDemandLedger } from './demand.js';
import { createEffectivePolicies, type EffectivePolicies } from './effective-policies.js';
import { feed } from './feed.js';
import { allDiagnostics, logNew } from './findings.js';
import { createIncarnations } from './incarnations.js';
import { createNewsroom, type News } from './news.js';
import type { Core, Platform } from './platform.js';
import { createPolicyGate, type PolicyGate } from './policy-gate.js';
import { createTurnAway } from './refusals.js';
import { createRejections, type Rejections } from './rejections.js';
import { trustBundle } from './secrets.js';
import { createSidecarClocks } from './sidecar-clocks.js';
import { createStreams, type Streams } from './streams.js';
import { openTrust, renewalSpreadMs } from './trust.js';
import { createPlaintextLedger, type PlaintextLedger } from './plaintext-ledger.js';
import { createReportIntake } from './report-intake.js';
import { createTrustLedger, type TrustLedger } from './trust-ledger.js';
import { createTurnLoop, type TurnLoop } from './turns.js';
import { createWouldDenyLedger, type WouldDenyLedger } from './would-deny.js';

/** A name that nobody wants any more stays computed this long, for sidecars that reconnect. */
const demandGraceMs = 60_000;

/** The mesh of one control plane. */
export interface Mesh {
  readonly logger: Logger;
  readonly authority: Authority;
  readonly pipeline: Pipeline;
  readonly policies: EffectivePolicies;
  readonly gate: PolicyGate;
  readonly cache: ResourceCache;
  readonly metrics: Metrics;
  readonly rejections: Rejections;
  readonly streams: Streams;
  readonly ads: Ads;
  readonly loop: TurnLoop;
  readonly news: News;
  readonly ledger: TrustLedger;
  readonly wouldDeny: WouldDenyLedger;
  readonly plaintext: PlaintextLedger;
  /** The pods that have a sidecar and run, `namespace/name`. */
  meshPods(): readonly string[];
  /** What a source has to say. */
  take(batch: SourceBatch): void;
  diagnostics(): readonly Diagnostic[];
}

function createMeshPipeline(options: ControllerOptions): Pipeline {
  return createPipeline({
    trustDomain: options.trustDomain,
    rootNamespace: options.rootNamespace,
    layout: options.outbound,
    meshCidrs: options.meshCidrs,
    accessLog: options.accessLog,
    clusterDomain: 'cluster.local',
  });
}

/** One without an address has not begun, and holds no certificate. */
function hasRunningSidecar({ isInMesh, isFinished, ips }: Pod): boolean {
  return isInMesh && !isFinished && ips.length > 0;
}

/** Puts the mesh together; nothing is read or served yet, but the authority is open. */
export async function openMesh(
  options: ControllerOptions,
  platform: Platform,
  logger: Logger,
): Promise<Mesh> {
  const pods = new Map<string, Pod>();
  let sourceDiagnostics: readonly Diagnostic[] = [];
  const incarnations = createIncarnations();
  const news = createNewsroom();
  const pipeline = createMeshPipeline(options);
  const cache = createResourceCache();
  const policies = createEffectivePolicies(await platform.verdicts.load(), platform.verdicts);
  const diagnostics = (): readonly Diagnostic[] =>
    allDiagnostics(sourceDiagnostics, pipeline, policies);
  const clocks = createSidecarClocks({ clock: systemClock, logger });
  const metrics = createMetrics({
    streams: () => ads.streamCount(),
    wrongClocks: () => clocks.wrong(),
    demandedNames: () => demand.size(),
    diagnostics: () => diagnostics().length,
    generation: () => loop.generation(),
    sourceAges: () => platform.state().sources,
    isLeader: () => platform.state().isLeader,
    caEnds: () => caEnds(authority.slots()),
  });
  const authority = await openTrust(options, platform, metrics, logger);
  const publishNow = (changes: Parameters<typeof cache.apply>[1]): void => {
    cache.apply(cache.generation(), changes);
  };

  const loop = createTurnLoop({
    pipeline,
    logger,
    metrics,
    publish: (generation, changes) => {
      cache.apply(generation, changes);
    },
    onWorkloads: (changes) => {
      for (const pod of incarnations.replaced(changes)) {
        const reason =
          'its pod is gone from the mesh or in another zone, or another one has its name';
        ads.closeProxy(pod, reason);
        reports.closePod(pod, reason);
      }
    },
    onTurn: (turn) => {
      news.tellTurn(turn);
    },
  });
  const demand = createDemandLedger({
    clock: systemClock,
    graceMs: demandGraceMs,
    onChange: (change) => {
      loop.demand(change);
    },
  });
  const reachesOnly = (key: PolicyKey, namespace: string): boolean => {
    const reach = pipeline.reach(key);
    const reached = new Set(reach.pods);
    return [...pods.values()].every(
      (pod) =>
        pod.namespace === namespace ||
        !hasRunningSidecar(pod) ||
        !(reached.has(pod.key) || hasNamespace(reach.callers, pod.namespace)),
    );
  };
  const gate = createPolicyGate({ policies, loop, logger, clock: systemClock, reachesOnly });
  const rejections = createRejections((key, hash) => policies.isRefused(key, hash));
  const ledger = createTrustLedger();
  const streams = createStreams({
    ...{ authority, clock: systemClock, logger, ledger },
    renewalSpreadMs: renewalSpreadMs(options),
    podOf: (key) => pods.get(key),
    scopesOf: (pod) => pipeline.scopes(pod),
    publish: publishNow,
  });
  const { verifier } = platform;
  const wouldDeny = createWouldDenyLedger((policy) => {
    const form = policies.inForce(policy);
    return form?.kind === 'TrafficPolicy' && form.mode === 'Audit' ? form.hash : undefined;
  });
  const turnAway = createTurnAway(metrics, logger, systemClock);
  const plaintext = createPlaintextLedger({
    isKnown: (pod) => pods.has(pod),
    now: () => systemClock.now(),
  });
  const reports = createReportIntake({
    ...{ verifier, turnAway, clock: systemClock },
    podOf: (key) => pods.get(key),
    policiesOf: (pod) => pipeline.policiesOf(pod),
    noteWouldDeny: (policy, caller) => {
      wouldDeny.note(policy, caller);
      metrics.wouldDeny.inc({ policy });
    },
    notePlaintext: (pod, port, address) => {
      plaintext.note(pod, port, address);
    },
  });
  const ads = createAds({
    ...{ options, authority, verifier, cache, streams, demand, gate, rejections, news, logger },
    ...{ metrics, ledger, turnAway, clocks, intakes: [reports] },
  });
  cache.apply(0, [trustBundle(authority.bundle())]);
  authority.onMove(() => {
    // First all are told to trust, then certificates are made anew.
    publishNow([trustBundle(authority.bundle())]);
    streams.renewAll();
  });
  platform.verdicts.follow((verdict) => {
    gate.learn(verdict);
  });
  return {
    ...{
      logger,
      authority,
      pipeline,
      policies,
      gate,
      cache,
      metrics,
      rejections,
      streams,
      ads,
      loop,
      news,
      ledger,
      wouldDeny,
      plaintext,
    },
    meshPods: () => [...pods.values()].filter(hasRunningSidecar).map(({ key }) => key),
    take(batch): void {
      logNew(batch.diagnostics, sourceDiagnostics, logger);
      sourceDiagnostics = batch.diagnostics;
      const onPodGone = ({ uid }: Pod): void => {
        authority.forget(uid);
      };
      feed(batch, { loop, gate, pods, onPodGone });
    },
    diagnostics,
  };
}

/** What of the mesh its companions see. */
export function coreOf(mesh: Mesh): Core {
  const { ads, loop, authority, pipeline, policies, metrics, logger, news } = mesh;
  return {
    ...{ authority, pipeline, policies, metrics, logger, news },
    proxies: () => ads.proxies(),
    standing: (streamId) => ads.standing(streamId),
    rejections: (pod) => mesh.rejections.of(pod),
    diagnostics: () => mesh.diagnostics(),
    generation: () => loop.generation(),
    isTurned: () => loop.isIdle(),
    wouldDeny: () => mesh.wouldDeny.all(),
  };
}
