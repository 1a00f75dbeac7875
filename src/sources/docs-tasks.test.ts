/** What users copy from docs/tasks is accepted as it stands there. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parseManifests } from './index.js';

const folder = join(import.meta.dirname, '..', '..', 'docs', 'tasks');

const blocks = readdirSync(folder)
  .filter((name) => name.endsWith('.md'))
  .flatMap((page) =>
    [...readFileSync(join(folder, page), 'utf8').matchAll(/^```yaml (\S+)\n([^]*?)^```$/gm)].map(
      ([, file = '', text = '']) => [page, file, text] as const,
    ),
  );

test('the pages have blocks with file names', () => {
  expect(blocks.length).toBeGreaterThan(8);
});

test.each(blocks)('%s: %s has nothing to find fault with', (_page, file, text) => {
  const { diagnostics } = parseManifests(text, file);
  expect(diagnostics).toEqual([]);
});

test.each(blocks)('%s: %s is in its commands', (page, file) => {
  const text = readFileSync(join(folder, page), 'utf8');
  expect(page === 'strategies.md' || text.includes(`-f ${file}`)).toBe(true);
});
