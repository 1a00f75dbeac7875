/** The directory that a bench's mesh runs from, and its way up and down. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMesh, type Mesh, type MeshOptions } from '../demo/rig/index.js';
import { writeBulk, type BulkOptions } from './manifests.js';

/** Where a bench tells what it does. */
export type Say = (text: string) => void;

/** What every bench is given. */
export interface BenchRun {
  readonly say: Say;
  readonly interrupted: AbortSignal;
}

/** What a bench is run with. */
export interface BenchEnvironment extends BenchRun {
  readonly envoy: string;
}

/** What mesh a bench wants. */
export interface BenchMeshOptions extends Pick<
  MeshOptions,
  'envoy' | 'outbound' | 'startWith' | 'onStep'
> {
  /** Files at the top of the directory, which the rig reads too. */
  readonly files: Readonly<Record<string, string>>;
  /** Services below it from the start, which only the control plane reads. */
  readonly bulk?: BulkOptions;
}

/** Brings the mesh up, hands it to `work`, and takes it down whatever happens. */
export async function withMesh<T>(
  { files, bulk, ...options }: BenchMeshOptions,
  work: (mesh: Mesh) => Promise<T>,
): Promise<T> {
  const manifests = await mkdtemp(join(tmpdir(), `skerry-bench-${process.pid}-`));
  let mesh: Mesh;
  try {
    if (bulk !== undefined) await writeBulk(manifests, bulk);
    for (const [file, text] of Object.entries(files)) await writeFile(join(manifests, file), text);
    mesh = await startMesh({ ...options, manifests });
  } finally {
    await rm(manifests, { recursive: true });
  }
  try {
    return await work(mesh);
  } finally {
    await mesh.stop('remove');
  }
}

/** Waits; rejects with the reason when interrupted. */
export async function pause(ms: number, interrupted: AbortSignal): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  interrupted.throwIfAborted();
}
