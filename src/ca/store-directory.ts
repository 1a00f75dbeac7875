/**
 * CA material in a directory that only its owner may read: atomic writes, one winner among several
 * creators. A slot is a folder; which folder is which slot says the newest `slots-<number>.json`, so
 * that all slots move at once, by the creation of one file. Before the first one, a slot's folder has
 * its name.
 */
import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../lib/index.js';
import { CaError } from './ca-error.js';
import {
  abandonedAfterMs,
  checkPrivate,
  codeOf,
  createFile,
  guarded,
  readPrivate,
  removeAbandoned,
  removeIfThere,
  replaceFile,
  syncDirectory,
  temporaryName,
  temporaryPrefix,
  writeNew,
} from './private-files.js';
import {
  slotNames,
  type Arrangement,
  type CaStore,
  type SlotFiles,
  type SlotName,
  type StoredAuthority,
} from './store.js';

const arrangementPattern = /^slots-(\d{6,})\.json$/;
const folderPattern = /^(active|next|retired|slot-[0-9a-f]+)$/;
/** A reader that meets so many rearrangements in a row has met something else. */
const maxReadings = 10;

/** Which folder is which slot, and the records that moved with them. */
interface Layout {
  /** 0: no slot was ever moved. */
  readonly number: number;
  readonly folders: ReadonlyMap<SlotName, string>;
  readonly records: ReadonlyMap<string, string>;
}

const firstLayout: Layout = {
  number: 0,
  folders: new Map(slotNames.map((slot) => [slot, slot])),
  records: new Map(),
};

function arrangementFile(number: number): string {
  return `slots-${String(number).padStart(6, '0')}.json`;
}

function spellLayout({ folders, records }: Omit<Layout, 'number'>): string {
  const text = { slots: Object.fromEntries(folders), records: Object.fromEntries(records) };
  return `${JSON.stringify(text, null, 2)}\n`;
}

function entriesOf(value: unknown): readonly (readonly [string, string])[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
}

function parseLayout(number: number, path: string, text: string): Layout {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CaError('CaCorrupt', `cannot use ${path}: it does not parse`, error);
  }
  const parts = typeof value === 'object' && value !== null && 'slots' in value ? value : {};
  const folders = new Map<SlotName, string>();
  for (const [name, folder] of entriesOf('slots' in parts ? parts.slots : {})) {
    const slot = slotNames.find((one) => one === name);
    if (slot !== undefined && folderPattern.test(folder)) folders.set(slot, folder);
  }
  if (!folders.has('active')) {
    throw new CaError('CaCorrupt', `cannot use ${path}: expected the folder of the active slot`);
  }
  return {
    number,
    folders,
    records: new Map(entriesOf('records' in parts ? parts.records : {})),
  };
}

async function newestNumber(directory: string): Promise<number> {
  const numbers = (await readdir(directory)).map((name) =>
    Number(arrangementPattern.exec(name)?.[1] ?? 0),
  );
  return Math.max(0, ...numbers);
}

async function readLayout(directory: string): Promise<Layout> {
  for (let reading = 0; reading < maxReadings; reading += 1) {
    const number = await newestNumber(directory);
    if (number === 0) return firstLayout;
    const path = join(directory, arrangementFile(number));
    const text = await readPrivate(path);
    // Gone: there is a newer one by now.
    if (text !== undefined) return parseLayout(number, path, text);
  }
  throw new CaError('CaStore', `cannot read ${directory}: its slots move all the time`);
}

async function readFolder(path: string): Promise<SlotFiles | undefined> {
  try {
    await checkPrivate(path, 'directory');
    const files = new Map<string, string>();
    for (const name of (await readdir(path)).sort()) {
      if (name.startsWith(temporaryPrefix)) continue;
      const text = await readPrivate(join(path, name));
      if (text !== undefined) files.set(name, text);
    }
    return files;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function readSlots(
  directory: string,
  layout: Layout,
): Promise<ReadonlyMap<SlotName, SlotFiles>> {
  const slots = new Map<SlotName, SlotFiles>();
  for (const [slot, folder] of layout.folders) {
    const files = await readFolder(join(directory, folder));
    if (files !== undefined) slots.set(slot, files);
  }
  return slots;
}

async function readRecords(
  directory: string,
  layout: Layout,
): Promise<ReadonlyMap<string, string>> {
  const records = new Map<string, string>();
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const { name } = entry;
    if (name.startsWith(temporaryPrefix) || arrangementPattern.test(name)) continue;
    const text = entry.isFile() ? await readPrivate(join(directory, name)) : undefined;
    if (text !== undefined) records.set(name, text);
  }
  return new Map([...records, ...layout.records]);
}

async function readAll(directory: string): Promise<StoredAuthority> {
  for (let reading = 0; reading < maxReadings; reading += 1) {
    const layout = await readLayout(directory);
    const slots = await readSlots(directory, layout);
    const records = await readRecords(directory, layout);
    if ((await newestNumber(directory)) === layout.number) {
      return { slots, records, revision: String(layout.number) };
    }
  }
  throw new CaError('CaStore', `cannot read ${directory}: its slots move all the time`);
}

/** A folder renamed over one that is not empty fails, so exactly one creator wins. */
async function createFolder(directory: string, folder: string, files: SlotFiles): Promise<boolean> {
  const temporary = join(directory, temporaryName());
  try {
    await mkdir(temporary, { mode: 0o700 });
    for (const [name, text] of files) await writeNew(join(temporary, name), text, 'synced');
    await syncDirectory(temporary);
    await rename(temporary, join(directory, folder));
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    if (codeOf(error) === 'ENOTEMPTY' || codeOf(error) === 'EEXIST') return false;
    throw error;
  }
  await syncDirectory(directory);
  return true;
}

async function removeFolders(directory: string, folders: Iterable<string>): Promise<void> {
  for (const folder of folders) {
    await rm(join(directory, folder), { recursive: true, force: true });
  }
}

/** Folders that no slot is in any more, and arrangements that are no longer the newest. */
async function removeLeftovers(directory: string, nowMs: number): Promise<void> {
  const layout = await readLayout(directory);
  if (layout.number === 0) return;
  const used = new Set(layout.folders.values());
  for (const name of await readdir(directory)) {
    const number = Number(arrangementPattern.exec(name)?.[1] ?? layout.number);
    if (number < layout.number - 1) await removeIfThere(join(directory, name));
    if (!folderPattern.test(name) || used.has(name)) continue;
    const stat = await lstat(join(directory, name)).catch(() => undefined);
    // A young one may be about to be taken into use.
    const isOld = stat !== undefined && nowMs - stat.mtimeMs > abandonedAfterMs;
    if (isOld) await removeFolders(directory, [name]);
  }
}

async function rearrange(
  directory: string,
  revision: string,
  arrangement: Arrangement,
  records: ReadonlyMap<string, string>,
): Promise<boolean> {
  const before = await readLayout(directory);
  if (String(before.number) !== revision) return false;
  const folders = new Map<SlotName, string>();
  const made: string[] = [];
  for (const slot of slotNames) {
    const source = arrangement[slot];
    if (source === undefined) continue;
    if (typeof source === 'string') {
      const folder = before.folders.get(source);
      if (folder !== undefined) folders.set(slot, folder);
      continue;
    }
    const folder = `slot-${temporaryName().slice(temporaryPrefix.length)}`;
    await createFolder(directory, folder, source);
    folders.set(slot, folder);
    made.push(folder);
  }
  const next = { folders, records: new Map([...before.records, ...records]) };
  const number = before.number + 1;
  const isFirst = await createFile(directory, arrangementFile(number), spellLayout(next));
  // Whoever slept meanwhile finds that others have gone further.
  if (!isFirst || (await newestNumber(directory)) !== number) {
    await removeFolders(directory, made);
    return false;
  }
  const used = new Set(folders.values());
  await removeFolders(
    directory,
    [...before.folders.values()].filter((folder) => !used.has(folder)),
  );
  await removeIfThere(join(directory, arrangementFile(number - 2)));
  return true;
}

async function createSlot(directory: string, slot: SlotName, files: SlotFiles): Promise<boolean> {
  const layout = await readLayout(directory);
  if (layout.number === 0) return createFolder(directory, slot, files);
  if (layout.folders.has(slot)) return false;
  const others = Object.fromEntries([...layout.folders.keys()].map((name) => [name, name]));
  return rearrange(directory, String(layout.number), { ...others, [slot]: files }, new Map());
}

async function writeSlotFile(
  directory: string,
  rootPem: string,
  name: string,
  text: string,
): Promise<boolean> {
  for (const folder of (await readLayout(directory)).folders.values()) {
    // A folder holds one root for all its life, whichever slot it is.
    const path = join(directory, folder);
    if ((await readPrivate(join(path, 'root.pem'))) !== rootPem) continue;
    await replaceFile(path, name, text, 'synced');
    return true;
  }
  return false;
}

async function listIssued(issued: string): Promise<readonly string[]> {
  const names = await readdir(issued);
  return names
    .filter((name) => /^[0-9a-f]{64}\.json$/.test(name))
    .map((name) => name.slice(0, -'.json'.length));
}

/**
 * Opens `directory` as a store, making it (0700) when absent. Rejects with `CaPermissions` when it,
 * or later any file in it, is open to others or belongs to another user; the message says how to mend.
 */
export async function openDirectoryStore(directory: string): Promise<CaStore> {
  const issued = join(directory, 'issued');
  await guarded('open', directory, async () => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await checkPrivate(directory, 'directory');
    await mkdir(issued, { recursive: true, mode: 0o700 });
    await checkPrivate(issued, 'directory');
    const nowMs = systemClock.now();
    await removeAbandoned(directory, nowMs);
    await removeAbandoned(issued, nowMs);
    await removeLeftovers(directory, nowMs);
  });
  const at = (name: string): string => join(directory, name);
  const issuedAt = (key: string): string => join(issued, `${key}.json`);
  return {
    read: () => guarded('read', directory, () => readAll(directory)),
    rearrange: (revision, arrangement, records) =>
      guarded('write', directory, () => rearrange(directory, revision, arrangement, records)),
    readSlot: (slot) =>
      guarded('read', at(slot), async () => (await readAll(directory)).slots.get(slot)),
    createSlot: (slot, files) =>
      guarded('create', at(slot), () => createSlot(directory, slot, files)),
    writeSlotFile: (rootPem, name, text) =>
      guarded('write', at(name), () => writeSlotFile(directory, rootPem, name, text)),
    readRecord: (name) =>
      guarded(
        'read',
        at(name),
        async () => (await readLayout(directory)).records.get(name) ?? readPrivate(at(name)),
      ),
    createRecord: (name, text) =>
      guarded('create', at(name), () => createFile(directory, name, text)),
    removeRecord: (name) => guarded('remove', at(name), () => removeIfThere(at(name))),
    listIssued: () => guarded('list', issued, () => listIssued(issued)),
    readIssued: (key) => guarded('read', issuedAt(key), () => readPrivate(issuedAt(key))),
    writeIssued: (key, text) =>
      guarded('write', issuedAt(key), () => replaceFile(issued, `${key}.json`, text, 'unsynced')),
    removeIssued: (key) => guarded('remove', issuedAt(key), () => removeIfThere(issuedAt(key))),
  };
}
