/** Reads manifests once, without watching: for the command line, validation and tests. */
import { systemClock } from '../../lib/index.js';
import type { SourceBatch } from '../change.js';
import { createCatalogue } from './catalogue.js';
import { noMemory } from './memory.js';
import { readManifests } from './read-manifests.js';
import { createDirectoryReader } from './reader.js';
import { listFiles } from './list-files.js';
import { defaultRootNamespace } from './root-namespace.js';

/** What reading depends on. */
export interface ReadOnceOptions {
  /** The namespace whose policies may speak for the whole mesh; `skerry-system` by default. */
  readonly rootNamespace?: string;
}

/** Everything below a directory; what cannot be read is in the diagnostics. */
export async function readDirectory(
  directory: string,
  options: ReadOnceOptions = {},
): Promise<SourceBatch> {
  const { root } = await listFiles(directory);
  const rootNamespace = options.rootNamespace ?? defaultRootNamespace;
  const reader = createDirectoryReader({
    root,
    rootNamespace,
    clock: systemClock,
    memory: noMemory,
  });
  const { changes, diagnostics } = await reader.read({ files: new Set(), isAll: true });
  return { changes, diagnostics };
}

/** Everything in one text, as if it were the only file of a directory. */
export function parseManifests(
  text: string,
  fileName: string,
  options: ReadOnceOptions = {},
): SourceBatch {
  const rootNamespace = options.rootNamespace ?? defaultRootNamespace;
  const steps = readManifests(text, fileName, { rootNamespace });
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  const catalogue = createCatalogue(noMemory);
  catalogue.apply(fileName, step.value.reading);
  const { changes } = catalogue.settle();
  return { changes, diagnostics: catalogue.diagnostics() };
}
