/** The control plane, put together; reads as a table of contents. */
import { createAdminServer } from '../admin/index.js';
import type { ControllerOptions, RunningController } from '../cli/index.js';
import { createLogger, systemClock, type Logger } from '../lib/index.js';
import { openDirectoryPlatform } from './directory/platform.js';
import { openMesh } from './mesh.js';
import type { Platform } from './platform.js';
import { createViews } from './views.js';

function openPlatform(options: ControllerOptions, logger: Logger): Promise<Platform> {
  const { platform } = options;
  switch (platform.kind) {
    case 'directory':
      return openDirectoryPlatform(platform, options, logger);
    case 'kubernetes':
      return Promise.reject(new Error('not wired yet'));
  }
}

/** Starts a control plane; resolves when it serves. Rejects, with nothing left running, when it cannot. */
export async function startController(options: ControllerOptions): Promise<RunningController> {
  const logger = createLogger({ level: options.logLevel });
  const platform = await openPlatform(options, logger);
  const mesh = await openMesh(options, platform, logger);
  const { ads, authority, loop, pipeline } = mesh;
  let isReady = false;

  const companions = platform.openCompanions({
    ...{ authority, pipeline, policies: mesh.policies, metrics: mesh.metrics, logger },
    proxies: () => ads.proxies(),
    diagnostics: () => mesh.diagnostics(),
    generation: () => loop.generation(),
  });
  const source = platform.openSource((batch) => {
    companions.onBatch(batch);
    mesh.take(batch);
  });
  const admin = createAdminServer({
    socketPath: options.adminSocket,
    views: createViews(
      {
        pipeline,
        cache: mesh.cache,
        metrics: mesh.metrics,
        isReady: () => isReady,
        proxies: () => ads.proxies(),
        rejections: (pod) => mesh.rejections.of(pod),
        stream: (id) => mesh.streams.get(id),
        diagnostics: () => mesh.diagnostics(),
      },
      () => systemClock.now(),
    ),
  });

  authority.start();
  await source.start();
  loop.flush();
  await companions.start();
  const address = await ads.start();
  await admin.start();
  isReady = true;
  logger.info('serving', { address, outbound: options.outbound, source: platform.origin });

  return {
    address,
    async stop(): Promise<void> {
      isReady = false;
      await admin.stop();
      await ads.stop();
      await companions.stop();
      await source.stop();
      authority.stop();
      await platform.verdicts.flush();
      platform.close();
    },
  };
}
