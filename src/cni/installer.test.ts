/** The installer at work: it keeps the plugin in place against other tools, and survives being killed at any moment. Needs root. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createLogger } from '../lib/index.js';
import { createInstaller, type Installer } from './installer.js';
import type { NodeFolders } from './node-files.js';
import { readRuntime } from './runtime.js';
import {
  attachmentText,
  callPlugin,
  configuration,
  createNamespace,
  emptyNode,
  eventually,
  ours,
  runtimeFolder,
  smallRuntime,
  temporaryFolder,
} from './test-kit.js';

const list = { cniVersion: '1.0.0', name: 'pods', plugins: [{ type: 'bridge' }] };

let node: NodeFolders;
let installer: Installer;
let lines: string[];

beforeEach(() => {
  node = { ...emptyNode(), namespaces: '/run/netns' };
  lines = [];
  installer = create(smallRuntime('1'));
});

function create(source: string): Installer {
  const logger = createLogger({ level: 'info', write: (line) => lines.push(line) });
  return createInstaller({ folders: node, source, logger });
}

afterEach(async () => {
  await installer.stop();
  rmSync(dirname(node.binaries), { recursive: true });
});

const confPath = (): string => join(node.configurations, '10-pods.conflist');
const launcherPath = (): string => join(node.binaries, 'skerry-cni');
const writeConf = (value: unknown): void => {
  writeFileSync(confPath(), typeof value === 'string' ? value : JSON.stringify(value));
};
const isChained = (): boolean => readFileSync(confPath(), 'utf8').includes('"skerry-cni"');

test('what it installs redirects a pod', async () => {
  installer = create(runtimeFolder());
  writeConf(list);
  expect(installer.state().ready).toBe(false);
  await installer.start();
  expect(installer.state()).toEqual({ ready: true, reasons: [] });
  const pod = createNamespace('installed');
  try {
    const env = { CNI_COMMAND: 'ADD', CNI_NETNS: pod.path };
    const stdin = JSON.stringify(configuration(ours));
    expect(callPlugin(launcherPath(), { env, stdin })).toMatchObject({ status: 0, stderr: '' });
    expect(pod.run('iptables-nft-save', '-t', 'nat')).toContain('SKERRY_OUTBOUND');
  } finally {
    pod.remove();
  }
});

test('it chains itself again when another tool writes the configuration, or brings one', async () => {
  await installer.start();
  expect(installer.state().reasons).toEqual([expect.stringContaining('is a network plugin')]);
  writeConf(list);
  await eventually(() => isChained() && installer.state().ready);
  writeConf({ ...list, name: 'newer' });
  // The file is there a moment before the installer knows that all of them are.
  await eventually(() => isChained() && installer.counts().repairs === 1);
  expect(readFileSync(confPath(), 'utf8')).toContain('newer');
  expect(installer.counts()).toEqual({ repairs: 1, mendedPods: 0 });
  rmSync(launcherPath());
  await eventually(() => existsSync(launcherPath()));
  await eventually(() => installer.counts().repairs === 2);
});

test('it says what it cannot chain, leaves it alone, and chains it when it is mended', async () => {
  writeConf(list);
  await installer.start();
  writeConf('{"cniVersion":"1.0.0","plugins":[');
  await eventually(() => !installer.state().ready);
  expect(installer.state().reasons).toEqual([
    expect.stringContaining('10-pods.conflist: expected JSON'),
  ]);
  writeConf(list);
  await eventually(() => installer.state().ready);
  expect(isChained()).toBe(true);
});

test('it redirects pods that were there before it', async () => {
  const pod = createNamespace('before');
  try {
    writeFileSync(join(node.results, 'pods-1-eth0'), attachmentText({ sandbox: pod.path }));
    writeConf(list);
    installer = create(runtimeFolder());
    await installer.start();
    expect(installer.counts().mendedPods).toBe(1);
    expect(pod.run('iptables-nft-save', '-t', 'nat')).toContain('SKERRY_OUTBOUND');
  } finally {
    pod.remove();
  }
});

test('stopping it leaves the node as it is', async () => {
  writeConf(list);
  await installer.start();
  await installer.stop();
  expect(isChained()).toBe(true);
  expect(existsSync(launcherPath())).toBe(true);
  writeConf(list);
  expect(isChained()).toBe(false);
});

test('killed at any moment, it leaves a node whose pods start, and goes on from there', async () => {
  const program = join(temporaryFolder(), 'install.cjs');
  const source = runtimeFolder();
  const options = `{ folders: ${JSON.stringify(node)}, source: ${JSON.stringify(source)}, logger }`;
  await build({
    stdin: {
      contents: `import { createInstaller } from './installer.js';
        const logger = { info() {}, warn() {}, error() {} };
        createInstaller(${options}).start().then(() => process.exit());`,
      ...{ resolveDir: import.meta.dirname, loader: 'ts' },
    },
    ...{ bundle: true, platform: 'node', format: 'cjs', outfile: program, logLevel: 'error' },
  });
  const { digest } = await readRuntime(source);
  const installed = join(node.binaries, '.skerry-cni', digest);
  const originals = [list, { ...list, name: 'other' }];
  let kills = 0;
  for (let round = 0; round < 14; round += 1) {
    // Each time something else is missing.
    writeConf(originals[round % 2]);
    if (round % 3 === 0) rmSync(launcherPath(), { force: true });
    if (round % 4 === 0) rmSync(installed, { recursive: true, force: true });
    const child = spawn(process.execPath, [program], { stdio: 'inherit' });
    const ended = once(child, 'exit');
    const timer = setTimeout(() => child.kill('SIGKILL'), 60 + 60 * round);
    const [status] = (await ended) as [number | null];
    clearTimeout(timer);
    if (status === null) kills += 1;
    else expect(status).toBe(0);
    const conf = JSON.parse(readFileSync(confPath(), 'utf8')) as typeof list;
    expect(conf.plugins[0]).toEqual({ type: 'bridge' });
    if (!isChained()) continue;
    const env = { CNI_COMMAND: 'VERSION' };
    expect(callPlugin(launcherPath(), { env, stdin: '' }).status).toBe(0);
    expect(existsSync(join(installed, 'skerry-cni.cjs'))).toBe(true);
  }
  expect(kills).toBeGreaterThan(2);
  installer = create(source);
  await installer.start();
  expect(installer.state().ready).toBe(true);
}, 60_000);
