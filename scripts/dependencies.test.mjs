// What we depend on: each rule finds what breaks it, and our own lock file breaks none.
import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { findFaults, isAllowed, readAudit } from './dependencies.mjs';

const read = (name) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'));

/** A project with one package, changed as a case wants it. */
function faultsWith(change, asked = '1.2.3') {
  const entry = {
    version: '1.2.3',
    integrity: `sha512-${'A'.repeat(86)}==`,
    license: 'MIT',
    ...change,
  };
  const dependencies = { thing: asked };
  const packages = { '': { dependencies }, 'node_modules/thing': entry };
  return findFaults({ dependencies }, { lockfileVersion: 3, packages });
}

test('our own packages are as we want them', () => {
  const lock = read('package-lock.json');
  expect(Object.keys(lock.packages).length).toBeGreaterThan(100);
  expect(findFaults(read('package.json'), lock)).toEqual([]);
});

test('a package that is in order is let through', () => {
  expect(faultsWith({})).toEqual([]);
});

test.each([
  ['without a hash', { integrity: undefined }, 'no sha512'],
  ['with a weak hash', { integrity: 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=' }, 'no sha512'],
  [
    'from git',
    { resolved: 'git+ssh://git@example.com/a/thing.git#0a1b2c3' },
    'expected a registry',
  ],
  ['over plain HTTP', { resolved: 'http://example.com/thing-1.2.3.tgz' }, 'expected a registry'],
  ['from a folder', { link: true, resolved: '../thing' }, 'is a link'],
  ['that runs a program', { hasInstallScript: true }, 'runs a program'],
  ['of a licence that binds', { license: 'GPL-3.0-only' }, 'GPL-3.0-only'],
  ['without a licence', { license: undefined }, '(none)'],
  ['of a licence for tools alone', { license: 'CC-BY-4.0' }, 'CC-BY-4.0'],
])('a package %s is named', (_name, change, fault) => {
  expect(faultsWith(change).join('\n')).toContain(`node_modules/thing: `);
  expect(faultsWith(change).join('\n')).toContain(fault);
});

test.each(['^1.2.3', 'latest', 'github:a/thing', 'file:../thing', 'https://example.com/a.tgz'])(
  'a dependency asked for as %s is no exact version',
  (asked) => {
    expect(faultsWith({}, asked).join('\n')).toContain('expected one exact version');
  },
);

test('what the lock file has in another version than is asked for is named', () => {
  const packages = { '': { dependencies: { thing: '1.2.2' } } };
  const lock = { lockfileVersion: 3, packages };
  expect(findFaults({ dependencies: { thing: '1.2.3' } }, lock)).toEqual([
    'package-lock.json: thing is not locked as package.json asks for it',
  ]);
});

test.each([
  ['MIT', false, true],
  ['(MIT OR GPL-2.0)', false, true],
  ['MIT AND GPL-2.0', false, false],
  ['CC0-1.0', false, false],
  ['CC0-1.0', true, true],
  ['MIT OR ISC AND GPL-2.0', true, false],
])('the licence %s (of a tool: %s) is allowed: %s', (licence, isTool, expected) => {
  expect(isAllowed(licence, isTool)).toBe(expected);
});

test('a registry that knows no advisories is told from one that knows none of ours', () => {
  const refused = { message: '405 Method Not Allowed - POST https://example.com/x', error: {} };
  expect(readAudit(JSON.stringify(refused))).toEqual({
    kind: 'unreachable',
    why: '405 Method Not Allowed - POST the registry',
  });
  expect(readAudit('')).toMatchObject({ kind: 'unreachable' });
  expect(readAudit('{"auditReportVersion":2,"vulnerabilities":{}}')).toEqual({
    kind: 'answered',
    severe: [],
  });
});

test('severe advisories are named, and lesser ones are not', () => {
  const vulnerabilities = {
    a: { name: 'a', severity: 'moderate' },
    b: { name: 'b', severity: 'high' },
    c: { name: 'c', severity: 'critical' },
  };
  expect(readAudit(JSON.stringify({ vulnerabilities }))).toEqual({
    kind: 'answered',
    severe: ['b (high)', 'c (critical)'],
  });
});
