/** Chains the plugin into the configuration that the node's container runtime reads, and takes it out. */
import { readFileSync } from 'node:fs';
import { lstat, readFile, rename, rm } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fail, ok, type Result } from '../lib/index.js';
import {
  chainList,
  chainWrapped,
  isOurs,
  parseList,
  unchainList,
  wrapConf,
  wrappedBy,
} from './conflist.js';
import { describeFailure, isAbsent, listFolder, syncFolder, writeWhole } from './files.js';

/** Endings of the files that containerd and CRI-O look at. */
const endings: readonly string[] = ['.conf', '.conflist', '.json'];

/** What a file that was wrapped is called meanwhile: an ending that no runtime looks at. */
const asideEnding = '.skerry-cni';

/** Runtimes read no more (containerd), and a network's configuration has a thousandth of it. */
const maxBytes = 2 * 1024 * 1024;

/** The file in force, and whether it had to be written. */
export interface Chained {
  readonly file: string;
  readonly hasChanged: boolean;
}

interface ConfFile {
  readonly path: string;
  readonly name: string;
  readonly text: string;
  readonly mode: number;
}

/**
 * Makes sure that pods pass our plugin: of the files in `folder` the runtimes take the first by name.
 * The error says why that cannot be had now; the next change of a file may mend it.
 */
export async function chainInto(folder: string): Promise<Result<Chained, string>> {
  // Another tool may write while we read: then what we have read is not what we may replace.
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const done = await chainOnce(folder);
    if (done !== undefined) return done;
  }
  return fail(`the files in ${folder} change faster than they can be read`);
}

async function chainOnce(folder: string): Promise<Result<Chained, string> | undefined> {
  const names = (await listFolder(folder)).filter((name) => endings.includes(extname(name)));
  const [name] = names;
  if (name === undefined) {
    return fail(`no network configuration in ${folder}: is a network plugin installed`);
  }
  const read = await readConf(folder, name);
  if (read === undefined) return undefined;
  if (!read.ok) return read;
  const file = read.value;
  if (!name.endsWith('.conflist')) return wrap(folder, file, names);
  const wrapped = wrappedBy(file.text);
  const aside = wrapped && (await readConf(folder, `${wrapped.fileName}${asideEnding}`));
  const made =
    wrapped !== undefined && aside?.ok === true
      ? chainWrapped(file.text, aside.value.text)
      : chainList(file.text);
  if (!made.ok) return fail(`${name}: ${made.error}`);
  if (made.value === file.text) return ok({ file: name, hasChanged: false });
  return (await replace(file, made.value)) ? ok({ file: name, hasChanged: true }) : undefined;
}

/** Undefined where it has just gone. */
async function readConf(
  folder: string,
  name: string,
): Promise<Result<ConfFile, string> | undefined> {
  const path = join(folder, name);
  try {
    const stat = await lstat(path);
    // What a link leads to may lie outside of what this process sees, and is not ours to replace.
    if (!stat.isFile()) return fail(`${name}: expected a plain file, found a link or a folder`);
    if (stat.size > maxBytes) return fail(`${name}: expected ${String(maxBytes)} bytes at most`);
    return ok({ path, name, text: await readFile(path, 'utf8'), mode: stat.mode & 0o777 });
  } catch (error) {
    if (isAbsent(error)) return undefined;
    return fail(describeFailure(path, error));
  }
}

/** False where somebody else has written in between. */
async function replace({ path, text, mode }: ConfFile, made: string): Promise<boolean> {
  return writeWhole(path, { text: made, mode }, () => {
    try {
      return readFileSync(path, 'utf8') === text;
    } catch (error) {
      if (isAbsent(error)) return false;
      throw error;
    }
  });
}

/**
 * A list beside the file, which comes after it by name and so is not in force before the file is set
 * aside: there is a network at every moment, and a tool that writes its file again is heard at once.
 */
async function wrap(
  folder: string,
  file: ConfFile,
  names: readonly string[],
): Promise<Result<Chained, string> | undefined> {
  const made = wrapConf(file.text, file.name);
  if (!made.ok) return fail(`${file.name}: ${made.error}`);
  const listName = `${file.name}.conflist`;
  const between = names.find((name) => name !== file.name && name < listName);
  if (between !== undefined) {
    return fail(`${file.name}: cannot be wrapped, since ${between} would take its place`);
  }
  const former = names.includes(listName) ? await readConf(folder, listName) : undefined;
  if (former !== undefined && (!former.ok || wrappedBy(former.value.text) === undefined)) {
    return fail(`${file.name}: cannot be wrapped, since there is a ${listName} of others`);
  }
  const isSame = former?.ok === true && former.value.text === made.value;
  if (!isSame) await writeWhole(join(folder, listName), { text: made.value, mode: file.mode });
  await rename(file.path, `${file.path}${asideEnding}`);
  await syncFolder(folder);
  return ok({ file: listName, hasChanged: true });
}

/** Takes our plugin out of every file; what is returned could not be done, one line each. */
export async function unchainFrom(folder: string): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const name of await listFolder(folder)) {
    if (!name.endsWith('.conflist')) continue;
    const problem = await unchainFile(folder, name).catch((error: unknown) =>
      describeFailure(name, error),
    );
    if (problem !== undefined) problems.push(problem);
  }
  return problems;
}

async function unchainFile(folder: string, name: string): Promise<string | undefined> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const read = await readConf(folder, name);
    if (read === undefined) return undefined;
    // What cannot be read as a list has no entry of ours that a runtime could read.
    const list = read.ok ? parseList(read.value.text) : read;
    if (!read.ok || !list.ok) return undefined;
    if (!list.value.plugins.some(isOurs)) return undefined;
    if (wrappedBy(read.value.text) !== undefined) return unwrap(folder, read.value);
    const made = unchainList(read.value.text);
    if (!made.ok) return `${name}: ${made.error}`;
    if (await replace(read.value, made.value)) return undefined;
  }
  return `${name}: changes faster than it can be read`;
}

/** The file that was set aside comes back before the list goes: it is in force as soon as it is there. */
async function unwrap(folder: string, list: ConfFile): Promise<undefined> {
  const wrapped = wrappedBy(list.text);
  if (wrapped === undefined) return undefined;
  const path = join(folder, wrapped.fileName);
  const aside = `${path}${asideEnding}`;
  const exists = async (file: string): Promise<boolean> => {
    try {
      return (await lstat(file)).isFile();
    } catch (error) {
      if (isAbsent(error)) return false;
      throw error;
    }
  };
  // Its tool may have written it anew, which is newer than what was set aside.
  if (await exists(path)) await rm(aside, { force: true });
  else if (await exists(aside)) await rename(aside, path);
  else await writeWhole(path, { text: wrapped.text, mode: list.mode });
  await syncFolder(folder);
  await rm(list.path, { force: true });
  await syncFolder(folder);
  return undefined;
}
