/** Finds the programs that a local cluster is made of. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * The path of a program: from KUBEBUILDER_ASSETS or SKERRY_KUBERNETES_BIN (which
 * `scripts/kubernetes.mjs` fills), else from PATH and root's folders. Throws where it is nowhere.
 */
export function findProgram(name: string): string {
  const { KUBEBUILDER_ASSETS: assets, SKERRY_KUBERNETES_BIN: built, PATH: path } = process.env;
  const folders = [
    ...[assets, built].filter((folder) => folder !== undefined && folder !== ''),
    ...(path ?? '').split(delimiter),
    ...['/usr/local/sbin', '/usr/sbin', '/sbin'],
  ];
  const found = folders.map((folder) => join(folder ?? '', name)).find(isExecutable);
  if (found === undefined) throw new Error(`no program ${name}: use npm run e2e`);
  return found;
}
