/** The command line: every verb. */
import { adminCommand } from './commands/admin.js';
import { caCommand } from './commands/ca.js';
import { checkCommand } from './commands/check.js';
import { cniCommand } from './commands/cni.js';
import { configCommand } from './commands/config.js';
import { controllerCommand } from './commands/controller.js';
import { explainCommand } from './commands/explain.js';
import { injectCommand } from './commands/inject.js';
import { installCommand } from './commands/install.js';
import { planCommand } from './commands/plan.js';
import { proxiesCommand } from './commands/proxies.js';
import { sidecarCommand } from './commands/sidecar.js';
import { testCommand } from './commands/test.js';
import { tokenCommand } from './commands/token.js';
import { uninstallCommand } from './commands/uninstall.js';
import { upgradeCommand } from './commands/upgrade.js';
import { validateCommand } from './commands/validate.js';
import { waitCommand } from './commands/wait.js';
import type { Io } from './io.js';
import { runCommands } from './run-commands.js';

const commands = [
  installCommand,
  upgradeCommand,
  uninstallCommand,
  checkCommand,
  adminCommand,
  validateCommand,
  explainCommand,
  testCommand,
  planCommand,
  proxiesCommand,
  configCommand,
  waitCommand,
  caCommand,
  tokenCommand,
  injectCommand,
  sidecarCommand,
  cniCommand,
  controllerCommand,
];

/** Runs one command line; resolves to the exit code and never throws for the caller's mistakes. */
export function runCli(args: readonly string[], io: Io): Promise<number> {
  return runCommands(commands, args, io);
}
