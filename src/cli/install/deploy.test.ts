/** What deploy/ holds is made from the same objects as the command line's, and not stale. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { spellManifests } from './flags.js';
import { installObjects } from './objects.js';
import { defaultInstall } from './options.js';

const root = new URL('../../../', import.meta.url);
const fromRoot = (path: string): string => fileURLToPath(new URL(path, root));

test('the Kustomize base, the Helm chart and the list of images are fresh', () => {
  const script = fromRoot('scripts/generate-deploy.mjs');
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
});

test('the list of images has every image that an installation names, and no other', () => {
  const text = spellManifests(installObjects(defaultInstall), 'yaml');
  const named = [...text.matchAll(/\S*registry\.local\/\S+/g)].map(([image]) => image);
  const listed = readFileSync(fromRoot('deploy/images.txt'), 'utf8').trimEnd().split('\n');
  expect([...listed].sort()).toEqual([...new Set(named)].sort());
});
