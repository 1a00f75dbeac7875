/** The audit log as an auditor looks at it. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAuditLog } from '../../ca/index.js';
import { systemClock } from '../../lib/index.js';
import { runCli } from '../program.js';

let home: string;
const at = (name: string): string => join(home, name);

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'skerry-audit-'));
  const directory = at('audit');
  const parts = { replica: 'cp-1', clock: systemClock, randomBytes, directory };
  const log = openAuditLog({ ...parts, emit: () => undefined, onLost: () => undefined });
  for (let count = 0; count < 3; count += 1) log.write({ kind: 'roots', active: 'a', issuers: [] });
  log.close();
});
afterAll(() => {
  rmSync(home, { recursive: true, force: true });
});

async function audit(
  ...args: readonly string[]
): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const code = await runCli(['ca', 'audit', ...args], {
    stdout: { write: (text) => (said.out += text) },
    stderr: { write: (text) => (said.err += text) },
    env: {},
    startController: () => Promise.reject(new Error('not here')),
  });
  return { code, ...said };
}

test('a log that is as it was written is told with its chains', async () => {
  const { code, out, err } = await audit('--state-dir', home);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(/^[0-9a-f]{16} +cp-1 +1 +4 +[0-9a-f]{64}$/m);
});

test('a changed entry is named, and an excerpt is taken for one when that is said', async () => {
  const [name = ''] = readdirSync(at('audit'));
  const text = readFileSync(join(at('audit'), name), 'utf8');
  writeFileSync(at('changed'), text.replace('"active":"a"', '"active":"b"'));
  const changed = await audit(at('changed'));
  expect(changed).toMatchObject({ code: 1 });
  expect(changed.err).toContain(`fault: ${at('changed')}:2: `);
  writeFileSync(at('excerpt'), text.slice(text.indexOf('\n') + 1));
  expect(await audit(at('excerpt'))).toMatchObject({ code: 1 });
  expect(await audit('--partial', at('excerpt'))).toMatchObject({ code: 0 });
});

test('used wrongly, it says in one line what is missing', async () => {
  writeFileSync(at('other'), 'nothing of the kind\n');
  for (const args of [[], [at('none')], ['--state-dir', at('none')], [at('other')]]) {
    const { code, err } = await audit(...args);
    expect(code).toBeGreaterThan(0);
    expect(err.trim().split('\n')).toHaveLength(1);
  }
});
