/** What a command is to the command line. */
import type { Command } from 'commander';
import type { Io } from './io.js';

/** One verb of `skerry`. */
export interface CommandDefinition {
  readonly name: string;
  readonly summary: string;
  /** Shown at the end of `--help`. */
  readonly example: string;
  /** Left out of the list of commands: not for people. */
  readonly isHidden?: boolean;
  /** Adds arguments, flags and the action; the action reports its exit code. */
  configure(command: Command, io: Io, exit: (code: number) => void): void;
}
