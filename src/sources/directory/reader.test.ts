/** When what a file no longer says is believed to be gone. */
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { policyText, serviceText } from './directory-rig.js';
import { noMemory } from './memory.js';
import { createDirectoryReader, type DirectoryReader } from './reader.js';

const file = 'a.yaml';
let root: string;
let nowMs: number;
let reader: DirectoryReader;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'skerry-reader-')));
  nowMs = 0;
  const clock = { now: () => nowMs, after: () => () => undefined };
  reader = createDirectoryReader({ root, rootNamespace: 'root', clock, memory: noMemory });
  await write(policyText('p'), serviceText('s'), serviceText('t'));
  await reader.read({ files: new Set(), isAll: true });
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

async function write(...documents: readonly string[]): Promise<void> {
  await writeFile(join(root, file), documents.join('---\n'));
}

/** Keys of what changed when the file is read at that time. */
async function changedAt(ms: number): Promise<readonly string[]> {
  nowMs = ms;
  const { changes } = await reader.read({ files: new Set([file]), isAll: false });
  return changes.map(({ key }) => key);
}

test('a file that was emptied keeps what it said for two seconds: its writer may be slow', async () => {
  await write('');
  expect(await changedAt(10)).toEqual([]);
  expect(await changedAt(2_009)).toEqual([]);
  expect(await changedAt(2_010)).toEqual(['shop/s', 'shop/t', 'shop/p']);
});

test('a file that was emptied and filled again has lost nothing', async () => {
  await write('');
  expect(await changedAt(10)).toEqual([]);
  await write(policyText('p'), serviceText('s'), serviceText('t', 81));
  expect(await changedAt(1_000)).toEqual(['shop/t']);
});

test('a file that still grows is not believed until it rests', async () => {
  await write(serviceText('s'));
  expect(await changedAt(10)).toEqual([]);
  await write(serviceText('s'), serviceText('t'));
  expect(await changedAt(70)).toEqual([]);
  expect(await changedAt(119)).toEqual([]);
  expect(await changedAt(120)).toEqual(['shop/p']);
});

test('a file that is removed is gone after a moment', async () => {
  await rm(join(root, file));
  expect(await changedAt(10)).toEqual([]);
  expect(await changedAt(60)).toHaveLength(3);
});
