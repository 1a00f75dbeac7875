/** The documentation of the diagnostics is generated, and not stale. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { diagnosticCodes } from '../model/index.js';

const fromRoot = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

test('docs/diagnostics.md is what the generator writes', () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    [fromRoot('scripts/generate-docs.mjs'), '--check'],
    { encoding: 'utf8' },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test.each(Object.entries(diagnosticCodes))(
  '%s is documented with its remedy',
  (code, { remedy }) => {
    const text = readFileSync(fromRoot('docs/diagnostics.md'), 'utf8');
    expect(text).toContain(`| \`${code}\` |`);
    expect(text).toContain(remedy);
  },
);
