// The allocator that the control plane runs with: which library it is, and where this machine has it.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The loader of glibc finds it by this name in its own folders. */
const allocatorLibrary = 'libjemalloc.so.2';
/** The Debian package that has it. */
export const allocatorPackage = 'libjemalloc2';

/** Its path on this machine, in the folders where loaders look; undefined where it is not installed. */
export function findAllocator() {
  const multiarch = ['/usr/lib', '/lib'].flatMap((folder) =>
    existsSync(folder)
      ? readdirSync(folder)
          .filter((name) => name.endsWith('-linux-gnu'))
          .map((name) => join(folder, name))
      : [],
  );
  return [...multiarch, '/usr/lib64', '/lib64', '/usr/lib', '/lib']
    .map((folder) => join(folder, allocatorLibrary))
    .find((path) => existsSync(path));
}
