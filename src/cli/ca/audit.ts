/** `skerry ca audit`: whether the audit log is as it was written. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { listAuditFiles, verifyAudit, type AuditFile } from '../../ca/index.js';
import { CommandError, exitCode, formatTable, type Io } from '../io.js';
import { stateDirOption } from './place.js';

interface Flags {
  readonly stateDir?: string;
  readonly partial: boolean;
}

async function readOne(path: string): Promise<AuditFile> {
  if (path === '-') return { name: 'standard input', text: await text(process.stdin) };
  const found = await readFile(path, 'utf8').catch(() => {
    throw new CommandError(`cannot read ${path}`, exitCode.usage);
  });
  return { name: path, text: found };
}

function namesIn(directory: string): readonly string[] {
  try {
    return listAuditFiles(directory).map((name) => join(directory, name));
  } catch {
    throw new CommandError(`cannot read ${directory}`, exitCode.usage);
  }
}

async function verify(files: readonly string[], flags: Flags, io: Io): Promise<void> {
  const { stateDir } = flags;
  const own = stateDir === undefined ? [] : namesIn(join(stateDir, 'audit'));
  const paths = [...files, ...own];
  if (paths.length === 0 && stateDir === undefined) {
    throw new CommandError('which log? give files, - or --state-dir', exitCode.usage);
  }
  const read: AuditFile[] = [];
  for (const path of paths) read.push(await readOne(path));
  const { chains, faults, notes } = verifyAudit(read, flags.partial ? 'partial' : 'whole');
  if (chains.length === 0) throw new CommandError('there is no entry of an audit log');
  const table = formatTable(
    ['CHAIN', 'REPLICA', 'FIRST', 'LAST', 'HASH OF THE LAST'],
    chains.map(({ chain, replica, first, last, hash }) => [
      ...[chain, replica, String(first), String(last), hash],
    ]),
  );
  io.stdout.write(`${table}\n`);
  for (const note of notes) io.stderr.write(`skerry: ${note}\n`);
  for (const fault of faults) io.stderr.write(`skerry: fault: ${fault}\n`);
  if (faults.length > 0) {
    throw new CommandError(`the audit log is not as it was written: ${faults.length} faults`);
  }
}

/** Adds `audit` to `skerry ca`. */
export function addAuditVerb(command: Command, io: Io): void {
  command
    .command('audit')
    .description('verify the audit log: that no entry was changed, taken out or put in')
    .copyInheritedSettings(command)
    .argument('[files...]', 'files of the log, or logs of control planes; -: standard input')
    .addOption(stateDirOption().makeOptionMandatory(false))
    .option('--partial', 'an excerpt: beginnings of chains and whole chains may be missing', false)
    .action((files: readonly string[], flags: Flags) => verify(files, flags, io));
}
