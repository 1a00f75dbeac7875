/** The bytes of a file to its reading. */
import { isUtf8 } from 'node:buffer';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { PolicyOptions } from '../parse/traffic-policy.js';
import { errorCode } from './list-files.js';
import {
  brokenFile,
  fileLimits,
  readManifests,
  type CachedFile,
  type DocumentCache,
} from './read-manifests.js';

/** How to read. */
export interface ReadFileOptions extends PolicyOptions {
  readonly directory: string;
  readonly former?: DocumentCache;
  /** Awaited between documents, so that a large file does not block the loop. */
  readonly pause: () => Promise<void>;
}

/** The reading of a file, or undefined when there is no such file. */
export async function readManifestFile(
  file: string,
  options: ReadFileOptions,
): Promise<CachedFile | undefined> {
  const cache: DocumentCache = options.former ?? new Map();
  let bytes: Buffer | 'too large' | undefined;
  try {
    bytes = await readBytes(join(options.directory, file));
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    return { reading: brokenFile(file, 'FileUnreadable', `cannot read the file: ${code}`), cache };
  }
  if (bytes === undefined) return undefined;
  if (bytes === 'too large') {
    const message = `expected at most ${fileLimits.maxBytes} bytes`;
    return { reading: brokenFile(file, 'FileTooLarge', message), cache };
  }
  if (!isUtf8(bytes)) {
    const message = 'expected text in UTF-8';
    return { reading: brokenFile(file, 'YamlSyntax', message, lineNotUtf8(bytes)), cache };
  }
  const steps = readManifests(bytes.toString('utf8'), file, options);
  let step = steps.next();
  while (step.done !== true) {
    await options.pause();
    step = steps.next();
  }
  return step.value;
}

async function readBytes(path: string): Promise<Buffer | 'too large' | undefined> {
  // Without O_NONBLOCK the opening of a named pipe would wait for a writer.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = await handle.stat();
    if (!found.isFile()) return undefined;
    if (found.size > fileLimits.maxBytes) return 'too large';
    const bytes = await handle.readFile();
    return bytes.length > fileLimits.maxBytes ? 'too large' : bytes;
  } finally {
    await handle.close();
  }
}

function lineNotUtf8(bytes: Buffer): number {
  let line = 1;
  for (let at = 0; at < bytes.length; line += 1) {
    const next = bytes.indexOf(0x0a, at);
    const end = next < 0 ? bytes.length : next + 1;
    if (!isUtf8(bytes.subarray(at, end))) return line;
    at = end;
  }
  return line;
}
