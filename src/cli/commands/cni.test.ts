/** `skerry cni` as the DaemonSet runs it: on folders of a node, until it is told to end, for good or not. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubernetesApiError, type KubernetesClient } from '../../sources/index.js';
import type { Io } from '../io.js';
import { runCli } from '../program.js';
import { freePort } from '../../lib/testing/free-port.js';

let node: string;
let said: string;

beforeEach(() => {
  node = mkdtempSync(join(tmpdir(), 'skerry-node-'));
  said = '';
  for (const folder of ['bin', 'net.d', 'cache', 'netns', 'runtime']) mkdirSync(join(node, folder));
  for (const name of ['ld.so', 'node', 'nsenter', 'ip', 'xtables-nft-multi']) {
    writeFileSync(join(node, 'runtime', name), name, { mode: 0o755 });
  }
  writeFileSync(
    join(node, 'net.d', '10-pods.conflist'),
    '{"cniVersion":"1.0.0","name":"pods","plugins":[{"type":"bridge"}]}',
  );
});

afterEach(() => {
  rmSync(node, { recursive: true });
});

/** An API server that answers every question in this way. */
function ioFor(answer: () => unknown): Io {
  const sink = { write: (text: string): unknown => (said += text) };
  const client: Pick<KubernetesClient, 'send' | 'close'> = {
    send: () => Promise.resolve().then(answer),
    close: () => undefined,
  };
  return {
    ...{ stdout: sink, stderr: sink, env: {} },
    startController: () => Promise.reject(new Error('not here')),
    openCluster: () => client as KubernetesClient,
  };
}

const stays = ioFor(() => ({ metadata: {} }));
const folders = (): readonly string[] => [
  ...['--cni-bin-dir', join(node, 'bin'), '--cni-conf-dir', join(node, 'net.d')],
  ...['--cni-cache-dir', join(node, 'cache'), '--netns-dir', join(node, 'netns')],
];
const isChained = (): boolean =>
  readFileSync(join(node, 'net.d', '10-pods.conflist'), 'utf8').includes('"skerry-cni"');

/** Runs it until it is ready, then ends it as kubelet does. */
async function runOnce(io: Io): Promise<number> {
  const listen = `127.0.0.1:${String(await freePort())}`;
  const ended = runCli(
    [
      ...['cni', 'install', ...folders(), '--runtime', join(node, 'runtime')],
      ...['--health-listen', listen, '--daemonset', 'skerry-cni/skerry-cni'],
    ],
    io,
  );
  const deadline = Date.now() + 10_000;
  const isReady = (): Promise<boolean> =>
    fetch(`http://${listen}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await isReady())) {
    if (Date.now() > deadline) throw new Error('it is not ready');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(isChained()).toBe(true);
  const metrics = await fetch(`http://${listen}/metrics`);
  expect(await metrics.text()).toContain('skerry_cni_repairs_total 0');
  process.emit('SIGTERM');
  return ended;
}

test('ended while its DaemonSet stays, it leaves the plugin in place', async () => {
  expect(await runOnce(stays)).toBe(0);
  expect(isChained()).toBe(true);
  expect(readdirSync(join(node, 'bin')).sort()).toEqual(['.skerry-cni', 'skerry-cni']);
});

test('ended while nobody can tell, it leaves the plugin in place', async () => {
  const away = ioFor(() => {
    throw new Error('connect ECONNREFUSED');
  });
  expect(await runOnce(away)).toBe(0);
  expect(isChained()).toBe(true);
});

test('ended with its DaemonSet, it takes the plugin away', async () => {
  const gone = ioFor(() => {
    throw new KubernetesApiError('not found', { status: 404, reason: 'NotFound' });
  });
  expect(await runOnce(gone)).toBe(0);
  expect(isChained()).toBe(false);
  expect(readdirSync(join(node, 'bin'))).toEqual([]);
  expect(said).toContain('the plugin is removed from this node');
});

test('by hand it is taken away too, and where nothing is', async () => {
  await runOnce(stays);
  expect(await runCli(['cni', 'remove', ...folders()], stays)).toBe(0);
  expect(said).toContain('the plugin is removed from this node');
  expect(existsSync(join(node, 'bin', 'skerry-cni'))).toBe(false);
  expect(await runCli(['cni', 'remove', ...folders()], stays)).toBe(0);
});

test('an image that is not whole ends it, with what is missing', async () => {
  rmSync(join(node, 'runtime', 'nsenter'));
  const listen = ['--health-listen', `127.0.0.1:${String(await freePort())}`];
  const argv = ['cni', 'install', ...folders(), '--runtime', join(node, 'runtime'), ...listen];
  expect(await runCli(argv, stays)).toBe(1);
  expect(said).toContain('expected nsenter in');
  expect(isChained()).toBe(false);
});

test.each([
  ['--cni-bin-dir', 'opt/cni/bin'],
  ['--cni-conf-dir', "/etc/cni/$(id)'"],
  ['--health-listen', 'localhost'],
  ['--daemonset', 'skerry-cni'],
])('%s %s is refused', async (flag, value) => {
  expect(await runCli(['cni', 'install', flag, value], stays)).toBe(2);
  expect(said).toContain(value);
});
