/** The command line's face. */
export { runCli } from './program.js';
export type { ControllerOptions, RunningController } from './controller-options.js';
export { formatTable, type Io } from './io.js';
