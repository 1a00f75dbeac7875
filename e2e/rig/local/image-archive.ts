/** Writes an image archive of one layer, for the one image that a node cannot do without. */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { arch, tmpdir } from 'node:os';
import { runCommand } from '../../../demo/rig/index.js';

/** The shared libraries of a program, and its loader, as `ldd` lists them. */
async function librariesOf(program: string): Promise<readonly string[]> {
  const { stdout } = await runCommand(['ldd', program]);
  return [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => path ?? '');
}

/**
 * Writes an image whose only process sleeps: what holds the namespaces of a pod. This machine's own
 * `sleep` is enough: containerd ends it by SIGKILL.
 */
export async function writePauseArchive(archive: string, name: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-image-'));
  try {
    const sleep = '/bin/sleep';
    for (const file of [sleep, ...(await librariesOf(sleep))]) {
      const copy = join(folder, 'rootfs', file);
      await mkdir(dirname(copy), { recursive: true });
      await copyFile(file, copy);
    }
    const layer = join(folder, 'layer.tar');
    await runCommand(['tar', '-C', join(folder, 'rootfs'), '-cf', layer, '.']);
    const digest = createHash('sha256')
      .update(await readFile(layer))
      .digest('hex');
    const config = {
      architecture: arch() === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: { Entrypoint: [sleep, 'infinity'] },
      rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
      history: [{}],
    };
    const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }];
    await writeFile(join(folder, 'config.json'), JSON.stringify(config));
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
    const files = ['manifest.json', 'config.json', 'layer.tar'];
    await runCommand(['tar', '-C', folder, '-cf', archive, ...files]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
