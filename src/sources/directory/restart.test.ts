/** Last good forms across a restart. */
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createLastGoodStore } from '../last-good.js';
import { createDirectoryRig, policyText, serviceText, type DirectoryRig } from './directory-rig.js';

let rig: DirectoryRig;

beforeEach(async () => {
  rig = await createDirectoryRig();
});
afterEach(async () => {
  await rig.end();
});

const names = (): readonly string[] => [...rig.rows.keys()].sort();

async function restart(change: () => Promise<unknown>): Promise<void> {
  await rig.stop();
  await change();
  await rig.start();
}

test('an object that became invalid while nobody watched has its last good form', async () => {
  await rig.write('a.yaml', serviceText('a'));
  await rig.write('p.yaml', policyText('p'));
  await rig.start();
  await restart(async () => {
    await rig.write('a.yaml', serviceText('a', 'eighty'));
    await rig.write('p.yaml', policyText('p', '  mode: Enfroce\n'));
  });
  expect(rig.rows.get('services shop/a')).toMatchObject({ ports: [{ port: 80 }] });
  expect(rig.rows.get('policies shop/p')).toMatchObject({ kind: 'TrafficPolicy' });
  expect(rig.found()).toEqual([
    'Invalid a.yaml:8 spec.ports[0].port',
    'Invalid p.yaml:9 spec.mode',
  ]);
});

test('it has it after a second restart too', async () => {
  await rig.write('a.yaml', serviceText('a'));
  await rig.start();
  await restart(() => rig.write('a.yaml', serviceText('a', 'eighty')));
  await restart(() => Promise.resolve());
  expect(rig.rows.get('services shop/a')).toMatchObject({ ports: [{ port: 80 }] });
});

test('a file that became unreadable while nobody watched has its last good objects', async () => {
  await rig.write('a.yaml', `${serviceText('a')}---\n${policyText('p')}`);
  await rig.start();
  await restart(() => rig.write('a.yaml', `${serviceText('new')}---\n{`));
  expect(names()).toEqual(['policies shop/p', 'services shop/a', 'services shop/new']);
});

test('what was deleted while nobody watched does not come back', async () => {
  await rig.write('a.yaml', serviceText('a'));
  await rig.start();
  await restart(() => rig.remove('a.yaml'));
  expect(names()).toEqual([]);
  await restart(() => rig.write('a.yaml', serviceText('a', 'eighty')));
  expect(names()).toEqual([]);
});

test('what was deleted while watched does not come back', async () => {
  await rig.write('a.yaml', serviceText('a'));
  await rig.start();
  await rig.remove('a.yaml');
  await rig.until(() => rig.rows.size === 0);
  await restart(() => rig.write('a.yaml', '{'));
  expect(names()).toEqual([]);
});

test('the files are for the owner only, and nothing half-written is left', async () => {
  await rig.write('a.yaml', serviceText('a'));
  await rig.start();
  await rig.stop();
  const directory = join(rig.stateDirectory, 'last-good');
  const files = await readdir(directory);
  expect(files).toEqual([expect.stringMatching(/^[0-9a-f]{2}\.json$/)]);
  const { mode } = await stat(join(directory, files[0] ?? ''));
  expect(mode & 0o777).toBe(0o600);
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
});

test('a damaged file of the store is passed over', async () => {
  await rig.write('a.yaml', serviceText('a'));
  await rig.start();
  await rig.stop();
  const directory = join(rig.stateDirectory, 'last-good');
  for (const file of await readdir(directory)) await writeFile(join(directory, file), '{"half');
  await rig.write('a.yaml', serviceText('a', 'eighty'));
  await rig.start();
  expect(names()).toEqual([]);
});

test('the store gives back what was recorded and not what was forgotten', async () => {
  const directory = join(rig.stateDirectory, 'other');
  const store = createLastGoodStore({ directory });
  await store.load();
  const keys = Array.from({ length: 600 }, (_, index) => `skerry.dev/TrafficPolicy/shop/p${index}`);
  await Promise.all(keys.map((key, index) => store.record(key, `h${index}`, { index })));
  await Promise.all(keys.slice(0, 300).map((key) => store.forget(key)));
  await store.record(keys[300] ?? '', 'again', [1]);
  const loaded = await createLastGoodStore({ directory }).load();
  expect([...loaded.keys()].sort()).toEqual(keys.slice(300).sort());
  expect(loaded.get(keys[300] ?? '')).toEqual({ hash: 'again', manifest: [1] });
  expect(loaded.get(keys[301] ?? '')).toEqual({ hash: 'h301', manifest: { index: 301 } });
});

test('a form whose hash is known is not written again', async () => {
  const directory = join(rig.stateDirectory, 'other');
  const store = createLastGoodStore({ directory });
  await store.record('k', 'h', 1);
  await store.record('k', 'h', 2);
  const [file] = await readdir(directory);
  expect(JSON.parse(await readFile(join(directory, file ?? ''), 'utf8'))).toEqual({
    k: { hash: 'h', manifest: 1 },
  });
});

test('a store that cannot write says so', async () => {
  const directory = join(rig.stateDirectory, '..', 'file');
  await writeFile(directory, '');
  await expect(createLastGoodStore({ directory }).record('k', 'h', 1)).rejects.toMatchObject({
    code: expect.stringMatching(/^E/),
  });
});
