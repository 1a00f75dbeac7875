// The commands that run in every pod, as a program of their own: it starts in a fraction of the time that all of the
// command line takes, and pods wait for it.
import { sidecarCommand } from './commands/sidecar.js';
import { runCommands } from './run-commands.js';

process.exitCode = await runCommands([sidecarCommand], process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  startController: () => Promise.reject(new Error('there is no control plane in this program')),
});
