/** Golden cases: what a sidecar is given for a mesh of a few objects, as Envoy's own YAML. */
import { describe, expect, test } from '@jest/globals';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { typeUrls } from '../envoy/index.js';
import { findEnvoy } from './testing/find-envoy.js';
import { formatGolden, runGoldenCase } from './testing/golden-case.js';
import { validateStatically } from './testing/static-bootstrap.js';

const folder = join(import.meta.dirname, 'testdata');
const envoy = findEnvoy();
const isWriting = process.env['SKERRY_GOLDEN'] === 'write';

const names = readdirSync(folder)
  .filter((file) => file.endsWith('.in.yaml'))
  .map((file) => file.slice(0, -'.in.yaml'.length));

describe.each(names)('golden %s', (name) => {
  const input = readFileSync(join(folder, `${name}.in.yaml`), 'utf8');
  const run = runGoldenCase(input, `${name}.in.yaml`);

  test(run.header.claim, () => {
    const output = join(folder, `${name}.out.yaml`);
    const found = formatGolden(run);
    if (isWriting) writeFileSync(output, found);
    expect(existsSync(output) ? readFileSync(output, 'utf8') : '').toBe(found);
  });

  test('a stock Envoy takes it', () => {
    if (envoy === undefined) throw new Error('no Envoy: run npm run setup, or set SKERRY_ENVOY');
    expect(validateStatically(envoy, run.resources)).toBe('');
  });
});

test('Envoy is asked in a way that finds a route to an absent cluster', () => {
  if (envoy === undefined) throw new Error('no Envoy: run npm run setup, or set SKERRY_ENVOY');
  const input = readFileSync(join(folder, 'routes-canary.in.yaml'), 'utf8');
  const { resources } = runGoldenCase(input, 'routes-canary.in.yaml');
  const isBackend = ({ name, typeUrl }: (typeof resources)[number]): boolean =>
    name === 'http|10.96.0.7:8000' && typeUrl === typeUrls.cluster;
  const broken = resources.filter((resource) => !isBackend(resource));
  expect(broken).toHaveLength(resources.length - 1);
  expect(validateStatically(envoy, broken)).toContain(
    "unknown weighted cluster 'http|10.96.0.7:8000'",
  );
});

test('every golden output has its input', () => {
  const orphans = readdirSync(folder).filter(
    (file) => file.endsWith('.out.yaml') && !names.includes(file.slice(0, -'.out.yaml'.length)),
  );
  if (isWriting) for (const file of orphans) rmSync(join(folder, file));
  expect(isWriting ? [] : orphans).toEqual([]);
});
