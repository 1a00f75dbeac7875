/** Keeps a file with the trust bundle, by which sidecars on this machine know the control plane. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** The file. */
export interface RootFile {
  /** Writes it, if it is not right already. By a rename: whoever watches its directory takes note. */
  write(): Promise<void>;
  isRight(): Promise<boolean>;
}

/** The file at `path`, readable by all, with what `bundle` says. */
export function createRootFile(path: string, bundle: () => string): RootFile {
  const isRight = async (): Promise<boolean> => {
    try {
      return (await readFile(path, 'utf8')) === bundle();
    } catch {
      return false;
    }
  };
  return {
    isRight,
    async write(): Promise<void> {
      if (await isRight()) return;
      await mkdir(dirname(path), { recursive: true });
      const draft = join(dirname(path), `.${basename(path)}.${String(process.pid)}`);
      try {
        await writeFile(draft, bundle(), { mode: 0o644 });
        await rename(draft, path);
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      }
    },
  };
}
