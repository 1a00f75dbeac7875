/** The control plane, put together; reads as a table of contents. */
import { join } from 'node:path';
import { createAdminServer } from '../admin/index.js';
import {
  createJoinTokenIssuer,
  createTokenVerifier,
  openAuthority,
  openDirectoryStore,
  type Authority,
  type TokenVerifier,
} from '../ca/index.js';
import type { ControllerOptions, RunningController } from '../cli/index.js';
import { createLogger, systemClock, type Logger } from '../lib/index.js';
import { formatRef, policyKey, type Diagnostic, type Pod } from '../model/index.js';
import { createDirectorySource, type SourceBatch } from '../sources/index.js';
import { createMetrics, type Metrics } from '../telemetry/index.js';
import { createPipeline, type Pipeline } from '../translators/index.js';
import { createResourceCache } from '../xds/index.js';
import { createAds } from './ads.js';
import { createDemandLedger } from './demand.js';
import { createEffectivePolicies, type EffectivePolicies } from './effective-policies.js';
import { createIncarnations } from './incarnations.js';
import { createPolicyGate, type PolicyGate } from './policy-gate.js';
import { trustBundle } from './secrets.js';
import { createRejections } from './rejections.js';
import { takeStateDirectory } from './state-directory.js';
import { createStreams } from './streams.js';
import { createTurnLoop, type TurnLoop } from './turns.js';
import { createVerdictStore } from './verdict-store.js';
import { createViews } from './views.js';

/** A name that nobody wants any more stays computed this long, for sidecars that reconnect. */
const demandGraceMs = 60_000;

interface Trust {
  readonly authority: Authority;
  readonly verifier: TokenVerifier;
}

async function openTrust(
  options: ControllerOptions,
  logger: Logger,
  onIssued: () => void,
): Promise<Trust> {
  const store = await openDirectoryStore(join(options.stateDirectory, 'ca'));
  const authority = await openAuthority({
    store,
    trustDomain: options.trustDomain,
    clock: systemClock,
    lifetimes: { leafMs: options.svidTtlSeconds * 1000 },
    audit: (line) => {
      onIssued();
      logger.info('certificate issued', { ...line });
    },
    warn: ({ code, cause }) => {
      logger.warn('the certificate authority warns', { code, error: cause });
    },
  });
  const { publicKey } = await createJoinTokenIssuer({ store, clock: systemClock });
  return { authority, verifier: createTokenVerifier({ publicKey, clock: systemClock }) };
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

/** What the source says goes into the loop; policies by way of the gate. */
function feed(batch: SourceBatch, loop: TurnLoop, gate: PolicyGate, pods: Map<string, Pod>): void {
  for (const change of batch.changes) {
    switch (change.collection) {
      case 'policies':
        gate.set(policyKey(change.ref.namespace, change.ref.name), change.value);
        break;
      case 'pods':
        if (change.value === undefined) pods.delete(change.key);
        else pods.set(change.key, change.value);
        loop.put('pods', change.key, change.value);
        break;
      case 'services':
        loop.put('services', change.key, change.value);
        break;
      case 'slices':
        loop.put('slices', change.key, change.value);
        break;
      case 'namespaces':
        loop.put('namespaces', change.key, change.value);
        break;
      case 'nodes':
        loop.put('nodes', change.key, change.value);
        break;
    }
  }
}

function diagnosticKey({ code, object, field, message, position }: Diagnostic): string {
  const name = object === undefined ? '' : formatRef(object);
  if (code === 'FailedClosed') return `${code} ${name}`;
  // Two files may be wrong in the same way, and neither needs to name an object.
  return `${code} ${name} ${position?.file ?? ''} ${field ?? ''} ${message}`;
}

/** Says once, in the log, what has become wrong; the admin API has it all. */
function logNew(found: readonly Diagnostic[], known: readonly Diagnostic[], logger: Logger): void {
  const before = new Set(known.map(diagnosticKey));
  for (const one of found) {
    if (before.has(diagnosticKey(one))) continue;
    const { code, severity, object, field, value, message, position } = one;
    const text = 'an object is not as it should be';
    const fields = {
      code,
      ...(object && { object: formatRef(object) }),
      ...(field !== undefined && { field }),
      ...(value !== undefined && { value }),
      ...(position && { position }),
      detail: message,
    };
    if (severity === 'error') logger.error(text, fields);
    else logger.warn(text, fields);
  }
}

function allDiagnostics(
  ofSource: readonly Diagnostic[],
  pipeline: Pipeline,
  policies: EffectivePolicies,
): readonly Diagnostic[] {
  const all = [
    ...ofSource,
    ...[...pipeline.diagnostics().values()].flat(),
    ...policies.diagnostics(),
  ];
  // The source and the compiler may both find that a refused policy fails closed.
  return [...new Map(all.map((found) => [diagnosticKey(found), found])).values()];
}

/** Starts a control plane; resolves when it serves. Rejects, with nothing left running, when it cannot. */
export async function startController(options: ControllerOptions): Promise<RunningController> {
  const logger = createLogger({ level: options.logLevel });
  await takeStateDirectory(options.stateDirectory, options.adminSocket);
  const pods = new Map<string, Pod>();
  let sourceDiagnostics: readonly Diagnostic[] = [];
  let isReady = false;

  const incarnations = createIncarnations();
  const pipeline = createMeshPipeline(options);
  const cache = createResourceCache();
  const verdicts = createVerdictStore(join(options.stateDirectory, 'verdicts'), (error) => {
    logger.warn('a verdict on a policy could not be kept', { error });
  });
  const policies = createEffectivePolicies(await verdicts.load(), verdicts);
  const metrics: Metrics = createMetrics({
    streams: () => ads.proxies().length,
    demandedNames: () => demand.size(),
    diagnostics: () => allDiagnostics(sourceDiagnostics, pipeline, policies).length,
    generation: () => loop.generation(),
  });
  const { authority, verifier } = await openTrust(options, logger, () => {
    metrics.certificatesIssued.inc();
  });

  const loop = createTurnLoop({
    pipeline,
    logger,
    metrics,
    publish: (generation, changes) => {
      cache.apply(generation, changes);
    },
    onWorkloads: (changes) => {
      for (const pod of incarnations.replaced(changes)) {
        ads.closeProxy(pod, 'its pod is gone from the mesh, or another one has its name');
      }
    },
  });
  const demand = createDemandLedger({
    clock: systemClock,
    graceMs: demandGraceMs,
    onChange: (change) => {
      loop.demand(change);
    },
  });
  const gate = createPolicyGate({ policies, loop, logger });
  const rejections = createRejections((key, hash) => policies.isRejected(key, hash));
  const streams = createStreams({
    authority,
    clock: systemClock,
    logger,
    podOf: (key) => pods.get(key),
    publish: (changes) => {
      cache.apply(cache.generation(), changes);
    },
  });
  const ads = createAds({
    options,
    authority,
    verifier,
    cache,
    streams,
    demand,
    gate,
    rejections,
    logger,
    metrics,
  });
  const source = createDirectorySource({
    directory: options.directory,
    stateDirectory: options.stateDirectory,
    rootNamespace: options.rootNamespace,
    clock: systemClock,
    logger: {
      warn: (fields, message) => {
        logger.warn(message, { ...fields });
      },
      error: (fields, message) => {
        logger.error(message, { ...fields });
      },
    },
    onChange: (batch) => {
      logNew(batch.diagnostics, sourceDiagnostics, logger);
      sourceDiagnostics = batch.diagnostics;
      feed(batch, loop, gate, pods);
    },
  });
  const admin = createAdminServer({
    socketPath: options.adminSocket,
    views: createViews(
      {
        pipeline,
        cache,
        metrics,
        isReady: () => isReady,
        proxies: () => ads.proxies(),
        rejections: (pod) => rejections.of(pod),
        stream: (id) => streams.get(id),
        diagnostics: () => allDiagnostics(sourceDiagnostics, pipeline, policies),
      },
      () => systemClock.now(),
    ),
  });

  cache.apply(0, [trustBundle(authority.bundle())]);
  authority.start();
  await source.start();
  loop.flush();
  const address = await ads.start();
  await admin.start();
  isReady = true;
  logger.info('serving', { address, outbound: options.outbound, directory: options.directory });

  return {
    address,
    async stop(): Promise<void> {
      isReady = false;
      await admin.stop();
      await ads.stop();
      await source.stop();
      authority.stop();
      await verdicts.flush();
    },
  };
}
