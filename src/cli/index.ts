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
export { applyAll } from './install/apply.js';
export { installObjects } from './install/objects.js';
export { defaultInstall, imagesOf } from './install/options.js';
export type { Manifest } from './install/manifest.js';
export { askAdmin } from './admin-client.js';
