/** Pods that came before the plugin: which are redirected, where they are found, and what is tried again. */
import { beforeEach, expect, test } from '@jest/globals';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger } from '../lib/index.js';
import { parseAttachment } from './attachments.js';
import { createMender, type Mender } from './mend.js';
import type { NodeFolders } from './node-files.js';
import { attachmentText, createNamespace, emptyNode, runtimeFolder } from './test-kit.js';
import { createRedirector, useModulesOf } from './redirector.js';

let node: NodeFolders;
let lines: string[];

beforeEach(() => {
  node = { ...emptyNode(), namespaces: '/run/netns' };
  lines = [];
});

function createReal(): Mender {
  useModulesOf(runtimeFolder());
  const logger = createLogger({ level: 'info', write: (line) => lines.push(line) });
  return createMender({ folders: node, logger, redirector: createRedirector(runtimeFolder()) });
}

function write(name: string, text: string): void {
  writeFileSync(join(node.results, name), text);
}

test('what libcni writes is read: of containerd 1.x, of 2.x, and of a network that says little', () => {
  const found = parseAttachment(attachmentText({ sandbox: '/var/run/netns/cni-1' }));
  expect(found).toEqual({
    pod: 'shop/cart',
    wasChained: false,
    redirection: '{"families":["v4","v6"],"excludeInboundPorts":[9000]}',
    netns: 'cni-1',
    addresses: ['10.79.0.7'],
  });
  expect(parseAttachment(attachmentText({ netns: '/run/netns/cni-2' }))?.netns).toBe('cni-2');
  expect(parseAttachment(attachmentText({}))?.netns).toBeUndefined();
  expect(parseAttachment(attachmentText({ wasChained: true }))?.wasChained).toBe(true);
  for (const text of ['', '{', '[]', '{"kind":"cniCacheV1"}', '{"kind":"other","config":""}']) {
    expect(parseAttachment(text)).toBeUndefined();
  }
  const bare = parseAttachment('{"kind":"cniCacheV1","config":"e30=","result":7,"cniArgs":[7]}');
  expect(bare).toMatchObject({ pod: '', wasChained: false, redirection: undefined, addresses: [] });
});

test.each([
  ['by its path', (path: string) => ({ sandbox: path })],
  ['by its address', () => ({})],
])('a pod that came too early is found %s and redirected, once', async (_what, where) => {
  const pod = createNamespace('mend');
  try {
    const mender = createReal();
    write('pods-1-eth0', attachmentText(where(pod.path)));
    expect(await mender.mend()).toBe(1);
    expect(pod.run('iptables-nft-save', '-t', 'nat')).toContain('--dport 9000 -j RETURN');
    expect(lines.join('')).toContain('"pod":"shop/cart"');
    // Once: what others do to the namespace afterwards is not undone again and again.
    pod.run('iptables-nft', '-t', 'nat', '-F');
    expect(await mender.mend()).toBe(0);
    expect(pod.run('iptables-nft-save', '-t', 'nat')).not.toContain('9000');
  } finally {
    pod.remove();
  }
});

test('what containerd writes of the loopback, which nobody chains, means nothing', async () => {
  const text = attachmentText({ sandbox: '/run/netns/skerry-nowhere' });
  write('cni-loopback-1-lo', text.replace('"ifName":"eth0"', '"ifName":"lo"'));
  expect(await createReal().mend()).toBe(0);
  expect(lines).toEqual([]);
});

test('a second network of a pod that was chained by its first changes nothing', async () => {
  const pod = createNamespace('second');
  try {
    write('pods-1-eth0', attachmentText({ sandbox: pod.path }));
    expect(await createReal().mend()).toBe(1);
    write('storage-1-net1', attachmentText({ sandbox: pod.path }));
    expect(await createReal().mend()).toBe(0);
    expect(lines).toHaveLength(1);
  } finally {
    pod.remove();
  }
});

test('pods that were chained, and pods of others, are left alone', async () => {
  const pod = createNamespace('leave');
  try {
    const mender = createReal();
    write('pods-1-eth0', attachmentText({ sandbox: pod.path, wasChained: true }));
    write('pods-2-eth0', attachmentText({ sandbox: pod.path, annotations: { app: 'cart' } }));
    expect(await mender.mend()).toBe(0);
    expect(pod.run('iptables-nft-save', '-t', 'nat')).not.toContain('SKERRY');
    expect(lines).toEqual([]);
  } finally {
    pod.remove();
  }
});

test('what fails is said once, tried again, and forgotten with its pod', async () => {
  const mender = createReal();
  write('pods-1-eth0', attachmentText({ sandbox: '/run/netns/skerry-cni-late' }));
  expect([await mender.mend(), await mender.mend()]).toEqual([0, 0]);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('cannot redirect a pod');
  const pod = createNamespace('late');
  try {
    write('pods-1-eth0', attachmentText({ sandbox: pod.path }));
    expect(await mender.mend()).toBe(1);
  } finally {
    pod.remove();
  }
  rmSync(join(node.results, 'pods-1-eth0'));
  expect(await mender.mend()).toBe(0);
});

test('a file that is half written is read when it is whole; a bad one holds nobody back', async () => {
  const pod = createNamespace('half');
  try {
    const mender = createReal();
    const whole = attachmentText({ sandbox: pod.path });
    write(
      'pods-0-eth0',
      attachmentText({ annotations: { 'skerry.dev/redirection': '-j ACCEPT' } }),
    );
    write('pods-1-eth0', whole.slice(0, 100));
    expect(await mender.mend()).toBe(0);
    write('pods-1-eth0', whole);
    expect(await mender.mend()).toBe(1);
  } finally {
    pod.remove();
  }
});

test('a node without such a folder has nothing to mend', async () => {
  rmSync(node.results, { recursive: true });
  expect(await createReal().mend()).toBe(0);
});
