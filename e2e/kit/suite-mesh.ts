/** Brings up the mesh of one suite: the demo's YAML, with files of the suite's own beside or instead of it. */
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findCheckout, startMesh, type Mesh, type MeshOptions } from '../../demo/rig/index.js';

/** How a suite's mesh differs from the demo's. */
export interface SuiteOptions extends Omit<MeshOptions, 'manifests' | 'envoy' | 'startWith'> {
  /** The suite's `import.meta.url`; its folder's `manifests/*.yaml` are added, same names replace. */
  readonly suite: string;
  /** `own`: the suite's manifests alone. Default `demo`. */
  readonly base?: 'demo' | 'own';
  /** The pods to start, `namespace/name`; default all. */
  readonly pods?: readonly string[];
}

/** Brings it up; rejects with everything taken down when it does not come up. */
export async function startSuiteMesh(options: SuiteOptions): Promise<Mesh> {
  const { suite, base = 'demo', pods, ...rest } = options;
  const envoy = process.env['SKERRY_ENVOY'];
  if (envoy === undefined) throw new Error('SKERRY_ENVOY does not name an Envoy: npm run setup');
  const manifests = await mkdtemp(join(tmpdir(), 'skerry-e2e-'));
  try {
    if (base === 'demo') await copyManifests(findCheckout().mesh, manifests);
    await copyManifests(join(dirname(fileURLToPath(suite)), 'manifests'), manifests);
    return await startMesh({
      accessLog: 'All',
      ...rest,
      envoy,
      manifests,
      startWith: ({ namespace, name }) => pods?.includes(`${namespace}/${name}`) ?? true,
    });
  } catch (error) {
    throw new Error(`the mesh did not come up; logs in ${await keptLogs()}`, { cause: error });
  } finally {
    await rm(manifests, { recursive: true });
  }
}

/** Marks what a failed start has left behind as not to be removed by the next run; returns the paths. */
async function keptLogs(): Promise<string> {
  const names = await readdir(tmpdir());
  const own = names.filter((name) => name.startsWith(`skerry-rig-${process.pid}-`));
  const paths = own.map((name) => join(tmpdir(), name));
  await Promise.all(paths.map((path) => writeFile(join(path, '.keep'), '')));
  return paths.join(', ');
}

/** Files that begin with an underscore are not part of the mesh from the start. */
async function copyManifests(from: string, to: string): Promise<void> {
  if (!existsSync(from)) return;
  const files = (await readdir(from)).filter((name) => /^[^_].*\.yaml$/.test(name));
  await Promise.all(files.map((name) => cp(join(from, name), join(to, name))));
}

/** The meshes that suites have up; a suite takes its own down in `afterAll`. */
export async function stopSuiteMesh(mesh: Mesh | undefined): Promise<void> {
  await mesh?.stop(process.env['SKERRY_E2E_KEEP'] === '1' ? 'keep' : 'remove');
}
