/** The control plane, put together; reads as a table of contents. */
import { createAdminServer, createHealthServer } from '../admin/index.js';
import type { Rotation } from '../ca/index.js';
import type { ControllerOptions, RunningController } from '../cli/index.js';
import { createLogger, systemClock, type Logger } from '../lib/index.js';
import { caActions, caView, type CaSources } from './ca-view.js';
import { openDirectoryPlatform } from './directory/platform.js';
import { openKubernetesPlatform } from './kubernetes/platform.js';
import { watchExpiry } from './expiry-watch.js';
import { createLifecycle, type Lifecycle } from './lifecycle.js';
import { parseListen } from './listen-address.js';
import { coreOf, openMesh, type Mesh } from './mesh.js';
import { plaintextView } from './plaintext-view.js';
import type { Platform } from './platform.js';
import { createReadiness, type Readiness } from './readiness.js';
import { stateView } from './state-view.js';
import { openRotation } from './trust.js';
import { createViews } from './views.js';

function openPlatform(
  options: ControllerOptions,
  logger: Logger,
  readiness: Readiness,
): Promise<Platform> {
  const { platform } = options;
  switch (platform.kind) {
    case 'directory':
      return openDirectoryPlatform(platform, options, logger);
    case 'kubernetes':
      return openKubernetesPlatform(platform, options, {
        logger,
        onWaiting: (reason) => {
          readiness.blockedBy(reason);
        },
      });
  }
}

/** Health is there before all else, so that a control plane that waits says what for. */
async function startHealth(
  options: ControllerOptions,
  readiness: Readiness,
  lifecycle: Lifecycle,
): Promise<(mesh: Mesh) => void> {
  let mesh: Mesh | undefined;
  if (options.healthListen !== undefined) {
    const health = createHealthServer({
      ...parseListen('--health-listen', options.healthListen),
      isReady: () => readiness.now(),
      metrics: () => mesh?.metrics.expose() ?? Promise.resolve(''),
    });
    await health.start();
    lifecycle.onStop(() => health.stop());
  }
  return (opened) => {
    mesh = opened;
  };
}

async function serveAdmin(
  options: ControllerOptions,
  { mesh, platform, readiness }: Running,
  rotation: Rotation,
  lifecycle: Lifecycle,
): Promise<void> {
  const { ads, pipeline } = mesh;
  const now = (): number => systemClock.now();
  const startedAtMs = now();
  const ca: CaSources = {
    ...{ authority: mesh.authority, rotation, replica: platform.replica, now },
    isLeader: () => platform.state().isLeader,
  };
  const admin = createAdminServer({
    socketPath: options.adminSocket,
    views: createViews(
      {
        pipeline,
        cache: mesh.cache,
        metrics: mesh.metrics,
        isReady: () => readiness.now().ready,
        ca: () => caView(ca),
        state: () => stateView({ mesh, platform, readiness, startedAtMs, nowMs: now() }),
        proxies: () => ads.proxies(),
        rejections: (pod) => mesh.rejections.of(pod),
        stream: (id) => mesh.streams.get(id),
        diagnostics: () => mesh.diagnostics(),
        wouldDeny: () => mesh.wouldDeny.all(),
        plaintext: () => plaintextView({ mesh, sinceMs: startedAtMs, nowMs: now() }),
      },
      now,
    ),
    actions: caActions(ca),
  });
  await admin.start();
  lifecycle.onStop(() => admin.stop());
}

interface Running {
  readonly mesh: Mesh;
  readonly platform: Platform;
  readonly readiness: Readiness;
}

/** Reads everything there is, then serves; resolves to the address of the ADS server. */
async function run(
  options: ControllerOptions,
  running: Running,
  lifecycle: Lifecycle,
): Promise<string> {
  const { mesh, platform, readiness } = running;
  const { ads, authority, loop } = mesh;
  const companions = platform.openCompanions(coreOf(mesh));
  const source = platform.openSource((batch) => {
    companions.onBatch(batch);
    mesh.take(batch);
  });
  authority.start();
  lifecycle.onStop(() => {
    authority.stop();
  });
  readiness.blockedBy(undefined);
  lifecycle.onStop(() => source.stop());
  await source.start();
  loop.flush();
  lifecycle.onStop(() => companions.stop());
  await companions.start();
  const address = await ads.start();
  lifecycle.onStop(() => ads.stop());
  const rotation = openRotation(options, { mesh, platform, companions });
  rotation.begin();
  const { logger } = mesh;
  lifecycle.onStop(watchExpiry({ authority, clock: systemClock, logger }));
  lifecycle.onStop(() => {
    rotation.stop();
  });
  await serveAdmin(options, running, rotation, lifecycle);
  return address;
}

/** Node ends a process that waits for nothing but timers of ours, which keep nothing alive; this one does. */
function stayAlive(): () => void {
  const timer = setInterval(() => undefined, 60_000);
  return () => {
    clearInterval(timer);
  };
}

/** Starts a control plane; resolves when it serves. Rejects, with nothing left running, when it cannot. */
export async function startController(options: ControllerOptions): Promise<RunningController> {
  const logger = createLogger({ level: options.logLevel });
  const lifecycle = createLifecycle(logger);
  const readiness = createReadiness();
  lifecycle.onStop(stayAlive());
  try {
    const showMetrics = await startHealth(options, readiness, lifecycle);
    const platform = await openPlatform(options, logger, readiness);
    lifecycle.onStop(() => platform.close());
    readiness.ask(() => platform.waiting());
    const mesh = await openMesh(options, platform, logger);
    lifecycle.onStop(() => platform.verdicts.flush());
    showMetrics(mesh);
    const address = await run(options, { mesh, platform, readiness }, lifecycle);
    readiness.serving();
    logger.info('serving', { address, outbound: options.outbound, source: platform.origin });
    return {
      address,
      async stop(): Promise<void> {
        readiness.stopping();
        await platform.beforeStop();
        await lifecycle.stop();
      },
    };
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
}
