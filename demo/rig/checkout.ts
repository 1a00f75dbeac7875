/** Where things lie in the checkout that the rig runs from. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute paths of what the rig uses. */
export interface Checkout {
  readonly root: string;
  /** The built CLI. */
  readonly skerry: string;
  /** The folder of the built apps. */
  readonly apps: string;
  /** The demo's manifests. */
  readonly mesh: string;
}

/** Finds the checkout above this file, from the source as from a bundle; throws where there is none. */
export function findCheckout(): Checkout {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('no package.json above the rig: is this a checkout');
    folder = parent;
  }
  return {
    root: folder,
    skerry: join(folder, 'dist', 'skerry.js'),
    apps: join(folder, 'dist', 'apps'),
    mesh: join(folder, 'demo', 'mesh'),
  };
}

/** What of the build is missing, as paths below the root; empty when all is there. */
export function missingBuild(checkout: Checkout): readonly string[] {
  return ['dist/skerry.js', 'dist/apps/agent.js'].filter(
    (path) => !existsSync(join(checkout.root, path)),
  );
}
