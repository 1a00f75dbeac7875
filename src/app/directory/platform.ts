/** A control plane on one machine: a watched directory of YAML, join tokens, state in files. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createJoinTokenIssuer, createTokenVerifier, openDirectoryStore } from '../../ca/index.js';
import type { ControllerOptions, DirectoryPlatformOptions } from '../../cli/index.js';
import { systemClock, type Logger } from '../../lib/index.js';
import { createDirectorySource } from '../../sources/index.js';
import type { Companions, Core, Platform } from '../platform.js';
import { createRootFile } from './root-file.js';
import { takeStateDirectory } from '../state-directory.js';
import { createVerdictStore } from '../verdict-store.js';

/** Keeps the file by which sidecars know us, where one is wanted; a directory has one control plane. */
function openCompanions(own: DirectoryPlatformOptions, { authority, logger }: Core): Companions {
  const { rootFile } = own;
  const file =
    rootFile === undefined ? undefined : createRootFile(rootFile, () => authority.bundle());
  let end = (): void => undefined;
  const keep = async (): Promise<void> => {
    await file?.write().catch((error: unknown) => {
      logger.warn('the file with the trust bundle could not be written', { file: rootFile, error });
    });
  };
  return {
    trust: {
      mayAdvance: () => true,
      unpublished: async () => {
        await keep();
        return file === undefined || (await file.isRight()) ? [] : [`file ${rootFile ?? ''}`];
      },
      exchange: () => Promise.resolve({ replicas: [], silent: [] }),
    },
    onBatch: () => undefined,
    start: () => {
      end = authority.onMove(() => void keep());
      return keep();
    },
    stop: () => {
      end();
      return Promise.resolve();
    },
  };
}

/** Takes the state directory into use; rejects where another control plane has it. */
export async function openDirectoryPlatform(
  own: DirectoryPlatformOptions,
  options: ControllerOptions,
  logger: Logger,
): Promise<Platform> {
  const { directory, stateDirectory } = own;
  await takeStateDirectory(stateDirectory, options.adminSocket);
  const caStore = await openDirectoryStore(join(stateDirectory, 'ca'));
  const { publicKey } = await createJoinTokenIssuer({ store: caStore, clock: systemClock });
  const verdicts = createVerdictStore(join(stateDirectory, 'verdicts'), (error) => {
    logger.warn('a verdict on a policy could not be kept', { error });
  });
  return {
    origin: directory,
    replica: hostname(),
    caStore,
    auditDirectory: join(stateDirectory, 'audit'),
    verifier: createTokenVerifier({ publicKey, clock: systemClock }),
    // A state directory has one control plane.
    verdicts: { ...verdicts, follow: () => undefined },
    openSource: (onChange) =>
      createDirectorySource({
        directory,
        stateDirectory,
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
        onChange,
      }),
    openCompanions: (core) => openCompanions(own, core),
    waiting: () => [],
    state: () => ({ isLeader: true, sources: [] }),
    beforeStop: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
