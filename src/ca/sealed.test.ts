/** Files closed by a passphrase: open to whoever has it, refused when cut or changed anywhere. */
import { expect, test } from '@jest/globals';
import { seal, unseal } from './sealed.js';

const cost = 10;
const secret = 'a secret, ünd more of it';

test('what was sealed comes back', async () => {
  const text = await seal('CA BACKUP', secret, 'correct horse', cost);
  expect(text).not.toContain('secret');
  expect(await unseal('CA BACKUP', text, 'correct horse')).toEqual({ ok: true, value: secret });
});

test('the cost that is meant for use works', async () => {
  const text = await seal('ROOT KEY', secret, 'correct horse');
  expect(await unseal('ROOT KEY', text, 'correct horse')).toEqual({ ok: true, value: secret });
});

test('a wrong passphrase, or a file of the other kind, opens nothing', async () => {
  const text = await seal('CA BACKUP', secret, 'correct horse', cost);
  expect(await unseal('CA BACKUP', text, 'correct hors')).toMatchObject({ ok: false });
  expect(await unseal('ROOT KEY', text, 'correct horse')).toMatchObject({ ok: false });
  const renamed = text.replaceAll('CA BACKUP', 'ROOT KEY');
  expect(await unseal('ROOT KEY', renamed, 'correct horse')).toMatchObject({ ok: false });
});

test('cut at any byte, or changed at any byte, it is refused', async () => {
  const text = await seal('CA BACKUP', secret, 'correct horse', cost);
  for (let at = 0; at < text.length; at += 1) {
    const cut = text.slice(0, at);
    expect(await unseal('CA BACKUP', cut, 'correct horse')).toMatchObject({ ok: false });
    for (const other of ['A', 'B', ' ', '\n']) {
      if (text[at] === other) continue;
      const changed = `${text.slice(0, at)}${other}${text.slice(at + 1)}`;
      expect(await unseal('CA BACKUP', changed, 'correct horse')).toMatchObject({ ok: false });
    }
  }
});
