// Writes the Kustomize base, the Helm chart and the list of images from src/cli/install, which the command line installs from; `--check` only compares.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildSync } from 'esbuild';
import { helmFiles } from './deploy/helm.mjs';
import { kustomizeFiles } from './deploy/kustomize.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The functions that make the objects; bundled, since Node cannot read the sources. */
async function load() {
  // Below the checkout, so that the bundle finds the packages.
  mkdirSync(join(root, 'dist'), { recursive: true });
  const folder = mkdtempSync(join(root, 'dist', 'deploy-'));
  try {
    const outfile = join(folder, 'install.mjs');
    buildSync({
      stdin: {
        contents: `export { installObjects } from './objects.js';
          export * from './options.js';
          export { pathOf, titleOf } from './paths.js';`,
        resolveDir: join(root, 'src', 'cli', 'install'),
        loader: 'ts',
      },
      ...{ bundle: true, format: 'esm', platform: 'node', packages: 'external', outfile },
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const install = await load();
const definitions = readdirSync(join(root, 'deploy', 'crds')).filter((name) =>
  name.endsWith('.skerry.dev.yaml'),
);
const images = Object.values(install.imagesOf(install.defaultInstall));
const outputs = {
  ...kustomizeFiles(install, definitions),
  ...helmFiles(install),
  'deploy/images.txt': `${images.join('\n')}\n`,
};

/** Every file below a folder; none where there is no folder. */
function filesBelow(folder) {
  const path = join(root, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

function readOrNothing(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

const isCheck = process.argv.includes('--check');
const complain = (name) => {
  console.error(`${name} is stale: run node scripts/generate-deploy.mjs`);
  process.exitCode = 1;
};
// What a former version has made and this one does not.
for (const name of ['deploy/kustomize', 'deploy/helm'].flatMap(filesBelow)) {
  if (Object.hasOwn(outputs, name)) continue;
  if (isCheck) complain(name);
  else rmSync(join(root, name));
}
for (const [name, text] of Object.entries(outputs)) {
  const path = join(root, name);
  if (!isCheck) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  } else if (readOrNothing(path) !== text) {
    complain(name);
  }
}
