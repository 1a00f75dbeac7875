/** What is put on a node and taken away again: whole, in an order that stops no pod, and after any death. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { putInPlace, takeAway, tidy, type NodeFolders } from './node-files.js';
import { readRuntime, type Runtime } from './runtime.js';
import { attachmentText, emptyNode, smallRuntime } from './test-kit.js';

const list = { cniVersion: '1.0.0', name: 'pods', plugins: [{ type: 'bridge' }] };

let node: NodeFolders;
let runtime: Runtime;

beforeEach(async () => {
  node = emptyNode();
  writeFileSync(join(node.configurations, '10-pods.conflist'), JSON.stringify(list));
  runtime = await readRuntime(smallRuntime('1'));
});

const runtimes = (): string => join(node.binaries, '.skerry-cni');
const launcher = (): string => join(node.binaries, 'skerry-cni');
const isChained = (): boolean =>
  readFileSync(join(node.configurations, '10-pods.conflist'), 'utf8').includes('skerry-cni');

function everything(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
}

const settle = (): Promise<void> => Promise.resolve();

describe('putting in place', () => {
  test('brings runtime, launcher and entry, and the next time nothing', async () => {
    const done = await putInPlace(node, runtime);
    expect(done).toEqual({ ok: true, value: ['runtime', 'launcher', 'configuration'] });
    const installed = join(runtimes(), runtime.digest);
    expect(readFileSync(join(installed, 'lib', 'libc.so.6'), 'utf8')).toBe('libc');
    expect(statSync(join(installed, 'node')).mode & 0o777).toBe(0o755);
    expect(readFileSync(launcher(), 'utf8')).toContain(`runtime='${installed}'`);
    expect(statSync(launcher()).mode & 0o777).toBe(0o755);
    expect(isChained()).toBe(true);
    expect(await putInPlace(node, runtime)).toEqual({ ok: true, value: [] });
  });

  test.each([
    [
      'a file is gone',
      (path: string) => {
        rmSync(join(path, 'ip'));
      },
      'runtime',
    ],
    [
      'a file is cut',
      (path: string) => {
        truncateSync(join(path, 'lib', 'libc.so.6'));
      },
      'runtime',
    ],
    [
      'a file may not be run',
      (path: string) => {
        chmodSync(join(path, 'node'), 0o644);
      },
      'runtime',
    ],
    [
      'all is gone',
      (path: string) => {
        rmSync(path, { recursive: true });
      },
      'runtime',
    ],
    [
      'the launcher is gone',
      () => {
        rmSync(launcher());
      },
      'launcher',
    ],
    [
      'the launcher is another',
      () => {
        writeFileSync(launcher(), '#!/bin/sh\n');
      },
      'launcher',
    ],
    [
      'the launcher may not be run',
      () => {
        chmodSync(launcher(), 0o644);
      },
      'launcher',
    ],
  ])('puts right that %s', async (_what, damage, repaired) => {
    await putInPlace(node, runtime);
    damage(join(runtimes(), runtime.digest));
    expect(await putInPlace(node, runtime)).toEqual({ ok: true, value: [repaired] });
    expect(await putInPlace(node, runtime)).toEqual({ ok: true, value: [] });
  });

  test('a new version comes beside the old one, which goes later', async () => {
    await putInPlace(node, runtime);
    const newer = await readRuntime(smallRuntime('2'));
    expect(await putInPlace(node, newer)).toEqual({ ok: true, value: ['runtime', 'launcher'] });
    expect(readdirSync(runtimes()).sort()).toEqual([runtime.digest, newer.digest].sort());
    expect(readFileSync(launcher(), 'utf8')).toContain(newer.digest);
    writeFileSync(join(node.binaries, '.skerry-cni.0123456789ab.new'), 'half');
    mkdirSync(join(runtimes(), '.skerry-cni.0123456789ab.new'));
    await tidy(node, newer);
    expect(readdirSync(runtimes())).toEqual([newer.digest]);
    expect(readdirSync(node.binaries).sort()).toEqual(['.skerry-cni', 'skerry-cni']);
  });

  test('no entry is made before the plugin can answer', async () => {
    // A file where the runtimes' folder should be: as a full disk, it fails for root too.
    writeFileSync(runtimes(), 'in the way');
    const done = await putInPlace(node, runtime);
    expect(done).toMatchObject({ ok: false });
    expect(isChained()).toBe(false);
    rmSync(runtimes());
    expect(await putInPlace(node, runtime)).toMatchObject({ ok: true });
  });

  test('no entry is made where the node has no shell to start the plugin by', async () => {
    const bare = { ...node, shells: node.results };
    const done = await putInPlace(bare, runtime);
    expect(done).toMatchObject({ ok: false, error: expect.stringContaining('no /bin/sh') });
    expect(isChained()).toBe(false);
    // A link, as shells are: what it leads to need not be seen from here.
    symlinkSync('/nonexistent/busybox', join(node.results, 'sh'));
    expect(await putInPlace(bare, runtime)).toMatchObject({ ok: true });
  });

  test('without a network configuration the plugin is there, and waits', async () => {
    rmSync(join(node.configurations, '10-pods.conflist'));
    expect(await putInPlace(node, runtime)).toMatchObject({ ok: false });
    expect(existsSync(launcher())).toBe(true);
  });

  test('an image that is not whole is refused', async () => {
    const source = smallRuntime('1');
    rmSync(join(source, 'nsenter'));
    await expect(readRuntime(source)).rejects.toThrow('expected nsenter in');
    symlinkSync('/nonexistent', join(source, 'nsenter'));
    await expect(readRuntime(source)).rejects.toThrow('ENOENT');
  });
});

describe('taking away', () => {
  test('leaves nothing, and no entry without its plugin at any moment', async () => {
    const before = [everything(node.binaries), everything(node.configurations)];
    writeFileSync(join(node.binaries, 'bridge'), 'of others');
    await putInPlace(node, runtime);
    let atSettling: readonly boolean[] = [];
    const problems = await takeAway(node, () => {
      atSettling = [isChained(), existsSync(launcher())];
      return Promise.resolve();
    });
    expect(problems).toEqual([]);
    expect(atSettling).toEqual([false, true]);
    rmSync(join(node.binaries, 'bridge'));
    expect([everything(node.binaries), everything(node.configurations)]).toEqual(before);
    const text = readFileSync(join(node.configurations, '10-pods.conflist'), 'utf8');
    expect(JSON.parse(text)).toEqual(list);
  });

  test('can be done again, and where nothing is', async () => {
    expect(await takeAway(node, settle)).toEqual([]);
    await putInPlace(node, runtime);
    await takeAway(node, settle);
    expect(await takeAway(node, settle)).toEqual([]);
  });

  test('leaves the launcher to CRI-O while pods are there that it was chained for', async () => {
    await putInPlace(node, runtime);
    writeFileSync(join(node.results, 'pods-1-eth0'), attachmentText({ wasChained: true }));
    writeFileSync(join(node.results, 'pods-2-eth0'), attachmentText({ wasChained: false }));
    writeFileSync(join(node.namespaces, '3f8b'), '');
    const problems = await takeAway(node, settle);
    expect(problems).toEqual([expect.stringContaining('CRI-O calls it when 1 pods end')]);
    expect(readdirSync(node.binaries)).toEqual(['skerry-cni']);
    expect(isChained()).toBe(false);
    rmSync(join(node.results, 'pods-1-eth0'));
    expect(await takeAway(node, settle)).toEqual([]);
    expect(readdirSync(node.binaries)).toEqual([]);
  });

  test('leaves no launcher to containerd, which removes pods by the configuration of today', async () => {
    await putInPlace(node, runtime);
    writeFileSync(join(node.results, 'pods-1-eth0'), attachmentText({ wasChained: true }));
    writeFileSync(join(node.namespaces, 'cni-3f8b'), '');
    expect(await takeAway(node, settle)).toEqual([]);
    expect(readdirSync(node.binaries)).toEqual([]);
  });
});
