/** What of a secret would give it away, in each form in which a program might print it; and where that is found. */
import { createPrivateKey } from 'node:crypto';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A piece of text that must be nowhere but where the secret itself is kept. */
export interface Needle {
  /** What it is of, for messages: the secret's own text is never printed. */
  readonly of: string;
  readonly text: string;
}

/** A text that was written or answered. */
export interface Haystack {
  readonly name: string;
  readonly text: string;
}

const pem = /-----BEGIN ([A-Z ]*)PRIVATE KEY-----\r?\n([^-]+)-----END/g;
/** Long enough that chance does not make it, short enough that a line which was cut still has it. */
const pieceLength = 24;

/** A key's body as PEM has it, at once and in lines, and its number in hex, base64 and base64url. */
function needlesOfKey(name: string, block: string): readonly Needle[] {
  const lines = block.trim().split(/\r?\n/);
  const forms = new Set([lines.join(''), ...lines.filter((line) => line.length >= pieceLength)]);
  const { d } = createPrivateKey(
    `-----BEGIN PRIVATE KEY-----\n${block.trim()}\n-----END PRIVATE KEY-----\n`,
  ).export({ format: 'jwk' });
  const number = Buffer.from(d ?? '', 'base64url');
  for (const encoding of ['hex', 'base64', 'base64url'] as const) {
    forms.add(number.toString(encoding));
  }
  forms.add(number.toString('hex').toUpperCase());
  return [...forms]
    .filter((text) => text.length >= pieceLength)
    .map((text) => ({ of: name, text }));
}

/** The private keys in a text, PEM. */
export function keysIn(name: string, text: string): readonly Needle[] {
  return [...text.matchAll(pem)].flatMap(([, , block = '']) => needlesOfKey(name, block));
}

/** A JWT: its signature, of which a part is enough; what it says of its holder is no secret. */
export function tokenIn(name: string, token: string): readonly Needle[] {
  const signature = token.trim().split('.')[2] ?? '';
  if (signature.length < pieceLength) throw new Error(`${name} holds no token`);
  return [{ of: name, text: signature.slice(0, pieceLength) }];
}

/** What looks like a secret, whoever's it is. */
const looks: readonly (readonly [string, RegExp])[] = [
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ['a JWT', /eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}/],
];

/** Where needles, or what looks like a secret, are found: `name: what`. */
export function findIn(
  haystacks: readonly Haystack[],
  needles: readonly Needle[],
): readonly string[] {
  return haystacks.flatMap(({ name, text }) => [
    ...needles.filter((one) => text.includes(one.text)).map(({ of }) => `${name}: ${of}`),
    ...looks.filter(([, pattern]) => pattern.test(text)).map(([what]) => `${name}: ${what}`),
  ]);
}

/** Paths of all files below a folder, relative to it; sockets, links and folders named in `skip` are left out. */
export async function filesBelow(
  folder: string,
  skip: readonly string[],
  below = '',
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of await readdir(join(folder, below))) {
    const path = below === '' ? name : `${below}/${name}`;
    const kind = await lstat(join(folder, path)).catch(() => undefined);
    if (kind?.isDirectory() === true && !skip.includes(path)) {
      found.push(...(await filesBelow(folder, skip, path)));
    }
    if (kind?.isFile() === true) found.push(path);
  }
  return found;
}

/** The text of a file; bytes that are no text stay distinct. */
export async function readLoosely(path: string): Promise<string> {
  return await readFile(path, 'latin1');
}
