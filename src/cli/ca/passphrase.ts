/** The passphrase that closes a file: from a file, from the environment, or typed; never an argument, which others can see. */
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { Option } from 'commander';
import { CommandError, exitCode, type Io } from '../io.js';

/** The flag that says where it is. */
export interface PassphraseFlags {
  readonly passphraseFile?: string;
}

/** Shorter ones are guessed by whoever has the file. */
const leastCharacters = 12;
const variable = 'SKERRY_CA_PASSPHRASE';

/** The option behind {@link PassphraseFlags}. */
export function passphraseOption(): Option {
  return new Option(
    '--passphrase-file <file>',
    `file with the passphrase, its first line (default: ${variable}, or asked for)`,
  );
}

async function ask(question: string, io: Io): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new CommandError(
      `which passphrase? give --passphrase-file, or set ${variable}`,
      exitCode.usage,
    );
  }
  io.stderr.write(question);
  const dark = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  const lines = createInterface({ input: process.stdin, output: dark, terminal: true });
  try {
    return await lines.question('');
  } finally {
    lines.close();
    io.stderr.write('\n');
  }
}

/** The passphrase; `new` ones are asked for twice and must be long. */
export async function readPassphrase(
  { passphraseFile }: PassphraseFlags,
  io: Io,
  use: 'new' | 'known',
): Promise<string> {
  const read = async (): Promise<string> => {
    if (passphraseFile !== undefined) {
      const text = await readFile(passphraseFile, 'utf8').catch(() => {
        throw new CommandError(`cannot read ${passphraseFile}`, exitCode.usage);
      });
      return text.split(/\r?\n/)[0] ?? '';
    }
    const given = io.env[variable];
    if (given !== undefined && given !== '') return given;
    const typed = await ask('passphrase: ', io);
    if (use === 'new' && (await ask('once more: ', io)) !== typed) {
      throw new CommandError('these were two different passphrases');
    }
    return typed;
  };
  const passphrase = await read();
  if (use === 'new' && passphrase.length < leastCharacters) {
    throw new CommandError(
      `expected a passphrase of at least ${String(leastCharacters)} characters, found ${String(passphrase.length)}`,
      exitCode.usage,
    );
  }
  if (passphrase === '') throw new CommandError('the passphrase is empty', exitCode.usage);
  return passphrase;
}
