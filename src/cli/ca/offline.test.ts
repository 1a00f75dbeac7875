/** An offline root as an operator makes it, with two directories in place of two machines. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '../program.js';

const passphrase = 'correct horse battery';
let home: string;
const at = (name: string): string => join(home, name);

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'skerry-offline-'));
  writeFileSync(at('passphrase'), `${passphrase}\n`, { mode: 0o600 });
});
afterAll(() => {
  rmSync(home, { recursive: true, force: true });
});

const printed: string[] = [];

async function ca(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const code = await runCli(['ca', ...args], {
    stdout: { write: (text) => (said.out += text) },
    stderr: { write: (text) => (said.err += text) },
    env: { HOME: '/nonexistent' },
    startController: () => Promise.reject(new Error('not here')),
  });
  printed.push(said.out, said.err);
  return { code, ...said };
}

const root = (): readonly string[] => [
  ...['--root-dir', at('root'), '--passphrase-file', at('passphrase')],
];
const mesh = (): readonly string[] => ['--state-dir', at('state'), '--trust-domain', 'example.org'];

test('a root is made on one machine, signs a request of another, and its key is nowhere else', async () => {
  const made = await ca('init', '--offline', '--trust-domain', 'example.org', ...root());
  expect(made).toMatchObject({ code: 0, out: '' });
  expect(made.err).toMatch(/fingerprint [0-9a-f]{64}/);
  expect(statSync(at('root/root-key.sealed')).mode & 0o777).toBe(0o600);
  expect(readFileSync(at('root/root-key.sealed'), 'utf8')).not.toContain('PRIVATE KEY');
  const requested = await ca('csr', ...mesh());
  writeFileSync(at('requests.pem'), requested.out);
  const signed = await ca('sign', at('requests.pem'), ...root(), '--lifetime', '90d');
  expect(signed.err).toContain('signed the workload intermediate of example.org');
  const keysIn = (text: string): readonly string[] => text.match(/(?<=sha256 )[0-9a-f]{64}/g) ?? [];
  expect(keysIn(requested.err)).toHaveLength(2);
  expect(keysIn(signed.err)).toEqual(keysIn(requested.err));
  writeFileSync(at('signed.pem'), signed.out);
  const imported = await ca('import', at('signed.pem'), ...mesh());
  expect(imported).toMatchObject({ code: 0, err: '' });
  expect(imported.out).toContain('the authority is ready');
  const { out } = await ca('bundle', ...mesh());
  expect(out).toBe(readFileSync(at('root/root.pem'), 'utf8'));
  expect(readdirSync(at('state/ca/active'))).not.toContain('root-key.pem');
  expect(readdirSync(at('state/ca'))).not.toContain('request.json');
});

test('a root that is there is never written over', async () => {
  const before = readFileSync(at('root/root-key.sealed'), 'utf8');
  const again = await ca('init', '--offline', '--trust-domain', 'example.org', ...root());
  expect(again).toMatchObject({ code: 1 });
  expect(again.err).toContain('never written over another');
  expect(readFileSync(at('root/root-key.sealed'), 'utf8')).toBe(before);
});

test('used wrongly, each verb says in one line what is missing', async () => {
  writeFileSync(at('short'), 'short\n');
  const results = [
    await ca('init'),
    await ca('init', '--offline'),
    await ca('init', '--offline', '--root-dir', at('r2'), '--passphrase-file', at('short')),
    await ca('sign', at('nothing.pem'), ...root()),
    await ca('import', at('nothing.pem'), ...mesh()),
    await ca('csr'),
    await ca('sign', at('requests.pem'), ...root(), '--lifetime', 'for ever'),
  ];
  for (const { code, err, out } of results) {
    expect(code).toBe(2);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(out).toBe('');
  }
  const twice = await ca('import', at('signed.pem'), ...mesh());
  expect(twice).toMatchObject({ code: 1 });
  expect(twice.err).toContain('no request waits for certificates');
});

test('nothing that was printed holds a private key or the passphrase', () => {
  expect(printed.join('')).not.toMatch(/PRIVATE KEY|ROOT KEY/);
  expect(printed.join('')).not.toContain(passphrase);
});
