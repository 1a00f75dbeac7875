/** A directory that changes while it is watched. */
import { mkdir, open, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createDirectoryRig, policyText, serviceText, type DirectoryRig } from './directory-rig.js';

let rig: DirectoryRig;

beforeEach(async () => {
  rig = await createDirectoryRig();
});
afterEach(async () => {
  await rig.end();
});

const names = (): readonly string[] => [...rig.rows.keys()].sort();
const portOf = (name: string): unknown =>
  (rig.rows.get(`services shop/${name}`) as { ports: { port: number }[] } | undefined)?.ports[0]
    ?.port;

test('the first batch is everything, even when that is nothing', async () => {
  await rig.start();
  expect(rig.batches).toEqual([{ changes: [], diagnostics: [] }]);
});

test('files of all three endings are read below the directory, others and hidden ones are not', async () => {
  await rig.write('a.yaml', serviceText('a'));
  await rig.write('deep/er/b.yml', serviceText('b'));
  await rig.write(
    'c.json',
    JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'c' } }),
  );
  await rig.write('d.txt', serviceText('d'));
  await rig.write('.e.yaml', serviceText('e'));
  await rig.write('.git/f.yaml', serviceText('f'));
  await rig.start();
  expect(names()).toEqual(['namespaces c', 'services shop/a', 'services shop/b']);
});

test('what others refer to comes first in a batch', async () => {
  const namespace = 'apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n';
  await rig.write('a.yaml', `${policyText('p')}---\n${serviceText('s')}---\n${namespace}`);
  await rig.start();
  expect(rig.batches[0]?.changes.map(({ collection }) => collection)).toEqual([
    'namespaces',
    'services',
    'policies',
  ]);
});

test('a change carries the object’s name and the object as it was written', async () => {
  await rig.write('a.yaml', serviceText('a'));
  await rig.start();
  expect(rig.batches[0]?.changes[0]).toMatchObject({
    collection: 'services',
    key: 'shop/a',
    ref: { group: '', kind: 'Service', namespace: 'shop', name: 'a' },
    manifest: { apiVersion: 'v1', spec: { ports: [{ port: 80 }] } },
  });
});

test('an edit hands out the object that changed and no other', async () => {
  await rig.write('a.yaml', `${serviceText('a')}---\n${serviceText('b')}`);
  await rig.start();
  await rig.write('a.yaml', `# moved down\n\n${serviceText('a')}---\n${serviceText('b', 81)}`);
  await rig.until(() => portOf('b') === 81);
  expect(rig.batches.slice(1).flatMap(({ changes }) => changes.map(({ key }) => key))).toEqual([
    'shop/b',
  ]);
});

test('a comment changes nothing', async () => {
  await rig.write('a.yaml', serviceText('a'));
  await rig.start();
  await rig.write('a.yaml', `# a comment\n${serviceText('a')}`);
  await rig.write('b.yaml', serviceText('b'));
  await rig.until(() => rig.rows.has('services shop/b'));
  expect(rig.batches.slice(1).flatMap(({ changes }) => changes.map(({ key }) => key))).toEqual([
    'shop/b',
  ]);
});

test('a document that is taken out takes its object with it', async () => {
  await rig.write('a.yaml', `${serviceText('a')}---\n${serviceText('b')}`);
  await rig.start();
  await rig.write('a.yaml', serviceText('a'));
  await rig.until(() => !rig.rows.has('services shop/b'));
  expect(names()).toEqual(['services shop/a']);
});

test('a file that is deleted takes its objects with it, and a directory its files', async () => {
  await rig.write('a.yaml', serviceText('a'));
  await rig.write('sub/b.yaml', serviceText('b'));
  await rig.write('sub/c.yaml', serviceText('c'));
  await rig.start();
  await rig.remove('a.yaml');
  await rig.until(() => !rig.rows.has('services shop/a'));
  await rig.remove('sub');
  await rig.until(() => rig.rows.size === 0);
  expect(names()).toEqual([]);
});

test('a directory made while watching is watched too', async () => {
  await rig.start();
  await rig.write('new/er/a.yaml', serviceText('a'));
  await rig.until(() => rig.rows.has('services shop/a'));
  await rig.write('new/er/a.yaml', serviceText('a', 90));
  await rig.until(() => portOf('a') === 90);
  expect(names()).toEqual(['services shop/a']);
});

test('a directory that is made anew is watched again', async () => {
  await rig.write('sub/sub/a.yaml', serviceText('a'));
  await rig.start();
  for (let port = 81; port < 86; port += 1) {
    await rig.remove('sub');
    await rig.write('sub/sub/a.yaml', serviceText('a'));
    await rig.write('sub/sub/a.yaml', serviceText('a', port));
    await rig.until(() => portOf('a') === port);
  }
  expect(names()).toEqual(['services shop/a']);
});

test('a directory may be called like a manifest', async () => {
  await rig.start();
  await rig.write('d.yaml/a.yaml', serviceText('a'));
  await rig.until(() => rig.rows.has('services shop/a'));
  expect(rig.diagnostics()).toEqual([]);
});

test('an editor that writes beside and renames over changes the object and never removes it', async () => {
  await rig.write('a.yaml', serviceText('a'));
  await rig.start();
  for (let port = 81; port < 90; port += 1) {
    await rig.write('.a.yaml.swp', serviceText('a', port));
    await rig.move('a.yaml', 'a.yaml~');
    await rig.move('.a.yaml.swp', 'a.yaml');
    await rig.until(() => portOf('a') === port);
  }
  const removals = rig.batches
    .flatMap(({ changes }) => changes)
    .filter(({ value }) => value === undefined);
  expect(removals).toEqual([]);
});

test('a file that is renamed keeps its objects', async () => {
  await rig.write('b.yaml', serviceText('b'));
  await rig.start();
  await rig.move('b.yaml', 'a.yaml');
  await rig.write('c.yaml', serviceText('c'));
  await rig.until(() => rig.rows.has('services shop/c') && rig.diagnostics().length === 0);
  const removals = rig.batches
    .flatMap(({ changes }) => changes)
    .filter(({ value }) => value === undefined);
  expect([names(), removals]).toEqual([['services shop/b', 'services shop/c'], []]);
});

test('a file written in steps never loses what it says in the end', async () => {
  const text = [1, 2, 3, 4, 5].map((each) => serviceText(`s${each}`)).join('---\n');
  await rig.write('a.yaml', text);
  await rig.start();
  const file = await open(join(rig.directory, 'a.yaml'), 'w');
  for (let at = 0; at < text.length; at += 40) {
    await file.write(text.slice(at, at + 40));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await file.write(`---\n${serviceText('last')}`);
  await file.close();
  await rig.until(() => rig.rows.has('services shop/last'));
  const removals = rig.batches
    .flatMap(({ changes }) => changes)
    .filter(({ value }) => value === undefined);
  expect([rig.rows.size, removals]).toEqual([6, []]);
});

test('a file whose syntax is broken keeps all its last good objects', async () => {
  await rig.write('a.yaml', `${serviceText('a')}---\n${serviceText('b')}`);
  await rig.start();
  await rig.write('a.yaml', `${serviceText('a', 81)}---\nkind: [Service\n`);
  await rig.until(() => rig.diagnostics().length > 0);
  expect([names(), portOf('a')]).toEqual([['services shop/a', 'services shop/b'], 80]);
  expect(rig.found()[0]).toMatch(/^YamlSyntax a\.yaml:1\d$/);
  await rig.write('a.yaml', serviceText('a', 82));
  await rig.until(() => portOf('a') === 82 && rig.rows.size === 1);
  expect(rig.diagnostics()).toEqual([]);
});

test('an object that becomes invalid keeps its last good form', async () => {
  await rig.write('a.yaml', serviceText('a'));
  await rig.write('p.yaml', policyText('p'));
  await rig.start();
  await rig.write('a.yaml', serviceText('a', 'eighty'));
  await rig.write('p.yaml', policyText('p', '  mode: Enfroce\n'));
  await rig.until(() => rig.diagnostics().length === 2);
  expect(rig.found()).toEqual([
    'Invalid a.yaml:8 spec.ports[0].port',
    'Invalid p.yaml:9 spec.mode',
  ]);
  expect(rig.batches.slice(1).flatMap(({ changes }) => changes)).toEqual([]);
});

test('a policy that is refused and was never good fails closed, a Service is absent', async () => {
  await rig.write('a.yaml', serviceText('a', 'eighty'));
  await rig.write('p.yaml', policyText('p', '  mode: Enfroce\n'));
  await rig.start();
  expect(names()).toEqual(['policies shop/p']);
  expect(rig.rows.get('policies shop/p')).toMatchObject({
    kind: 'RefusedPolicy',
    spokeOfAuthorization: true,
    targets: [{ kind: 'Namespace' }],
  });
  expect(rig.found()).toEqual([
    'Invalid a.yaml:8 spec.ports[0].port',
    'FailedClosed p.yaml:1',
    'Invalid p.yaml:9 spec.mode',
  ]);
  await rig.write('p.yaml', policyText('p'));
  await rig.until(() => rig.diagnostics().length === 1);
  expect(rig.rows.get('policies shop/p')).toMatchObject({ kind: 'TrafficPolicy' });
});

test('of two definitions the first by file name is in force, and the other after it is gone', async () => {
  await rig.write('b.yaml', serviceText('s', 82));
  await rig.write('a.yaml', `${serviceText('s', 80)}---\n${serviceText('s', 81)}`);
  await rig.start();
  expect([portOf('s'), rig.found()]).toEqual([
    80,
    ['DuplicateObject a.yaml:10', 'DuplicateObject b.yaml:1'],
  ]);
  await rig.remove('a.yaml');
  await rig.until(() => portOf('s') === 82);
  expect(rig.diagnostics()).toEqual([]);
});

test('a link inside the directory is followed, one that leaves it is not', async () => {
  const outside = join(rig.stateDirectory, '..', 'outside');
  await mkdir(outside);
  await writeFile(join(outside, 'x.yaml'), serviceText('outside'));
  await rig.write('.data/a.yaml', serviceText('inside'));
  await symlink(join('.data', 'a.yaml'), join(rig.directory, 'a.yaml'));
  await symlink(join(outside, 'x.yaml'), join(rig.directory, 'x.yaml'));
  await symlink(outside, join(rig.directory, 'linked'));
  await symlink('.', join(rig.directory, 'loop'));
  await rig.start();
  expect(names()).toEqual(['services shop/inside']);
});

test('a mounted ConfigMap that swaps its data directory is read again', async () => {
  await rig.write('..one/a.yaml', serviceText('a', 80));
  await rig.write('..two/a.yaml', serviceText('a', 81));
  await symlink('..one', join(rig.directory, '..data'));
  await symlink(join('..data', 'a.yaml'), join(rig.directory, 'a.yaml'));
  await rig.start();
  expect(portOf('a')).toBe(80);
  await symlink('..two', join(rig.directory, '..tmp'));
  await rig.move('..tmp', '..data');
  await rig.until(() => portOf('a') === 81);
  expect(names()).toEqual(['services shop/a']);
});

test('a directory that does not exist is a finding, not a failure', async () => {
  await rig.remove('.');
  await rig.start();
  expect(rig.found()).toEqual(['FileUnreadable .:1']);
});
