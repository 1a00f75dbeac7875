/** The command line's face. */
export { runCli } from './program.js';
export type {
  ControllerOptions,
  DirectoryPlatformOptions,
  KubernetesPlatformOptions,
  RunningController,
} from './controller-options.js';
export { formatTable, type Io } from './io.js';
export { releaseVersion } from './install/options.js';
