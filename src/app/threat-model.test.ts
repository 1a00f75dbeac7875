/** SECURITY.md names tests for what it says that an attacker cannot do; each of them is there. */
import { describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const verdicts = ['can', 'bounded', 'cannot'];

interface Row {
  readonly verdict: string;
  readonly what: string;
  readonly shownBy: string;
}

/** A test as the document names it. */
interface Named {
  readonly file: string;
  readonly title: string;
}

function readRows(): readonly Row[] {
  const text = readFileSync(join(root, 'SECURITY.md'), 'utf8');
  const [, after = ''] = text.split(/^## Threat model$/m);
  const [section = ''] = after.split(/^## /m);
  return section.split('\n').flatMap((line) => {
    if (!line.startsWith('|')) return [];
    const [, verdict = '', what = '', , shownBy = ''] = line.split('|').map((cell) => cell.trim());
    return verdict === '' || verdict.startsWith('-') ? [] : [{ verdict, what, shownBy }];
  });
}

/** `file` “title”, “title”; `file` “title” */
function readNames(shownBy: string): readonly Named[] {
  let file = '';
  return [...shownBy.matchAll(/`([^`]+)`|“([^”]+)”/g)].flatMap(([, path, title]) => {
    if (path !== undefined) file = path;
    return title === undefined ? [] : [{ file, title }];
  });
}

/** The titles of the tests that a file has, as they are written in it; those that are skipped are none. */
function titlesIn(text: string): ReadonlySet<string> {
  const call =
    /(test|it|describe|\))(\.\w+)?\(\s*(['"`])((?:\\.|(?!\3).)*)\3,\s*(?:async )?(?:\(|\w+ =>)/g;
  return new Set(
    [...text.matchAll(call)].flatMap(([, , modifier, , title = '']) =>
      modifier === undefined ? [title] : [],
    ),
  );
}

const rows = readRows();
const named = rows.flatMap(({ shownBy }) => readNames(shownBy));
const files = [...new Set(named.map(({ file }) => file))];

describe('the threat model', () => {
  test('says of each row whether he can, and shows all that he cannot', () => {
    expect(rows.length).toBeGreaterThan(40);
    const odd = rows.filter(({ verdict, shownBy }) => {
      if (!verdicts.includes(verdict)) return true;
      return verdict !== 'can' && readNames(shownBy).length === 0;
    });
    expect(odd).toEqual([]);
  });

  test.each(files)('names tests that are there: %s', (file) => {
    const path = join(root, file);
    expect(existsSync(path)).toBe(true);
    const titles = titlesIn(readFileSync(path, 'utf8'));
    const wanted = named.filter((one) => one.file === file).map(({ title }) => title);
    expect(wanted.filter((title) => !titles.has(title))).toEqual([]);
  });
});

test('a title is one of a test that runs, and of nothing else', () => {
  const text = [
    `test('one', () => {`,
    `  test.each([1])('two %s', async (x) => {`,
    `])(`,
    `  "three",`,
    `  (a) => {`,
    `test.skip('four', () => {`,
    `test.todo('five');`,
    `claim('six', 'seven', count);`,
    `const text = 'eight';`,
    `// test('nine'`,
  ].join('\n');
  expect([...titlesIn(text)]).toEqual(['one', 'two %s', 'three']);
});
