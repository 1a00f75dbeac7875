/** A backup as an operator takes it and puts it back. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '../program.js';

const passphrase = 'correct horse battery';
let home: string;
const at = (name: string): string => join(home, name);
const printed: string[] = [];

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'skerry-backup-'));
});
afterAll(() => {
  rmSync(home, { recursive: true, force: true });
});

async function ca(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const code = await runCli(['ca', ...args], {
    stdout: { write: (text) => (said.out += text) },
    stderr: { write: (text) => (said.err += text) },
    env: { HOME: '/nonexistent', SKERRY_CA_PASSPHRASE: passphrase },
    startController: () => Promise.reject(new Error('not here')),
  });
  printed.push(said.out, said.err);
  return { code, ...said };
}

test('a CA that was lost comes back with the same root, and the fingerprint is checked', async () => {
  const lost = await ca('init', '--state-dir', at('state'));
  const taken = await ca('backup', '--state-dir', at('state'), '-o', at('backup'));
  expect(taken.code).toBe(0);
  const [root = ''] = /[0-9a-f]{64}/.exec(taken.out) ?? [];
  expect(statSync(at('backup')).mode & 0o777).toBe(0o600);
  rmSync(at('state'), { recursive: true });
  const wrong = ['--fingerprint', 'ab'.repeat(32)];
  expect(await ca('restore', at('backup'), '--state-dir', at('state'), ...wrong)).toMatchObject({
    code: 1,
    out: '',
  });
  const right = ['--fingerprint', root];
  const back = await ca('restore', at('backup'), '--state-dir', at('state'), ...right);
  expect(back).toMatchObject({ code: 0, err: '' });
  expect((await ca('bundle', '--state-dir', at('state'))).out).toBe(lost.out);
});

test('a backup is not written over, and not put over another CA unless that is what is wanted', async () => {
  const again = await ca('backup', '--state-dir', at('state'), '-o', at('backup'));
  expect(again).toMatchObject({ code: 1 });
  const other = await ca('init', '--state-dir', at('other'));
  const refused = await ca('restore', at('backup'), '--state-dir', at('other'));
  expect(refused).toMatchObject({ code: 1 });
  expect(refused.err).toContain('--force');
  expect((await ca('bundle', '--state-dir', at('other'))).out).toBe(other.out);
  const forced = await ca('restore', at('backup'), '--state-dir', at('other'), '--force');
  expect(forced).toMatchObject({ code: 0 });
  writeFileSync(at('damaged'), 'nothing of the kind');
  const damaged = await ca('restore', at('damaged'), '--state-dir', at('other'));
  expect(damaged).toMatchObject({ code: 1 });
});

test('nothing that was printed holds a key or the passphrase', () => {
  expect(printed.join('')).not.toMatch(/PRIVATE KEY/);
  expect(printed.join('')).not.toContain(passphrase);
});
