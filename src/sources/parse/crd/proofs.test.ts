/** Every field of TrafficPolicy has a test with traffic, or says that it has none; docs/fields.md lists them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { trafficPolicyDefinition } from './definition.js';
import { proofOf, proofs, withoutTraffic, type Proof } from './testing/proofs.js';

const fromRoot = (path: string): string =>
  fileURLToPath(new URL(`../../../../${path}`, import.meta.url));
const page = fromRoot('docs/fields.md');
const { fields } = trafficPolicyDefinition();
/** A section that holds refused fields alone is not proven itself. */
const spec = fields.filter(({ path }) => path.startsWith('spec.') && path !== 'spec.telemetry');
const paths = spec.map(({ path }) => path);

function row({ path, isNotYet }: (typeof spec)[number]): string {
  const proof = proofOf(path);
  if (isNotYet) return `| \`${path}\` | | not yet |`;
  if (proof === undefined || proof === 'without traffic') return `| \`${path}\` | | none yet |`;
  const { file, test: title } = proof;
  return `| \`${path}\` | [${file.split('/')[1] ?? file}](../e2e/${file}) | ${title} |`;
}

/** The page as it should be. */
function rendered(): string {
  return `<!-- Written by SKERRY_GOLDEN=write node scripts/jest.mjs src/sources/parse/crd/proofs; do not edit. -->

# Fields, and the tests that prove them with traffic

A line for each field of [TrafficPolicy](reference/trafficpolicy.md): the suite, and the beginning of the test's name. _None yet_: goldens and unit tests only. _Not yet_: refused by the parser. The table behind this page is \`src/sources/parse/crd/testing/proofs.ts\`.

| Field | Suite | Test |
| --- | --- | --- |
${spec.map(row).join('\n')}
`;
}

test('docs/fields.md is what the table says', () => {
  if (process.env['SKERRY_GOLDEN'] === 'write') writeFileSync(page, rendered());
  expect(readFileSync(page, 'utf8')).toBe(rendered());
});

test('every field that the parser takes has a test with traffic, or says that it has none', () => {
  const open = spec.filter(({ path, isNotYet }) => !isNotYet && proofOf(path) === undefined);
  expect(open.map(({ path }) => path)).toEqual([]);
});

test('no entry is about a field that does not exist, or is refused', () => {
  const known = new Set(spec.filter(({ isNotYet }) => !isNotYet).map(({ path }) => path));
  const named = [...Object.keys(proofs), ...withoutTraffic];
  expect(named.filter((path) => !known.has(path))).toEqual([]);
  expect(new Set(paths).size).toBe(paths.length);
});

test.each(Object.entries(proofs))(
  'the test behind %s exists',
  (_path, { file, test: title }: Proof) => {
    const text = readFileSync(fromRoot(`e2e/${file}`), 'utf8');
    expect(text).toContain(`'${title}`);
  },
);
