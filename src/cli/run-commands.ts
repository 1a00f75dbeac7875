/** Runs a command line: help, exit codes, and what is said of failures. */
import { Command, CommanderError } from 'commander';
import type { CommandDefinition } from './command.js';
import { CommandError, exitCode, type Io } from './io.js';

/** Runs one command line of these commands; resolves to the exit code and never throws for the caller's mistakes. */
export async function runCommands(
  commands: readonly CommandDefinition[],
  args: readonly string[],
  io: Io,
): Promise<number> {
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
