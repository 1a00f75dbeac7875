/** The command line: every verb, its help, and the exit codes. */
import { Command, CommanderError } from 'commander';
import { adminCommand } from './commands/admin.js';
import { caCommand } from './commands/ca.js';
import { checkCommand } from './commands/check.js';
import { cniCommand } from './commands/cni.js';
import { configCommand } from './commands/config.js';
import { controllerCommand } from './commands/controller.js';
import { explainCommand } from './commands/explain.js';
import { injectCommand } from './commands/inject.js';
import { installCommand } from './commands/install.js';
import { proxiesCommand } from './commands/proxies.js';
import { sidecarCommand } from './commands/sidecar.js';
import { tokenCommand } from './commands/token.js';
import { uninstallCommand } from './commands/uninstall.js';
import { upgradeCommand } from './commands/upgrade.js';
import { validateCommand } from './commands/validate.js';
import { waitCommand } from './commands/wait.js';
import { CommandError, exitCode, type Io } from './io.js';

const commands = [
  installCommand,
  upgradeCommand,
  uninstallCommand,
  checkCommand,
  adminCommand,
  validateCommand,
  explainCommand,
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
export async function runCli(args: readonly string[], io: Io): Promise<number> {
  let code: number = exitCode.ok;
  const program = new Command('skerry')
    .description('A service mesh control plane for clusters that stand alone.')
    .version('0.1.0')
    .showHelpAfterError('(skerry --help shows every command)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
    });
  for (const definition of commands) {
    const command = program
      .command(definition.name, { hidden: definition.isHidden === true })
      .summary(definition.summary)
      .description(definition.summary)
      .copyInheritedSettings(program)
      .addHelpText('after', `\nExample:\n  ${definition.example}`);
    definition.configure(command, io, (result) => {
      code = result;
    });
  }
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
    if (error instanceof CommandError) {
      io.stderr.write(`skerry: ${error.message}\n`);
      return error.code;
    }
    // A bug, or the machine: one line is for the user, the stack for who asks for it.
    io.stderr.write(`skerry: ${error instanceof Error ? error.message : String(error)}\n`);
    if (io.env['SKERRY_DEBUG'] === '1' && error instanceof Error) {
      io.stderr.write(`${error.stack ?? ''}\n`);
    }
    return exitCode.problem;
  }
}
