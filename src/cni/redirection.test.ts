/** The plugin as a container runtime meets it: the launcher, its runtime, and rules in a real network namespace. Needs root. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { redirectionAnnotation } from '../sidecar/index.js';
import { createRedirector, useModulesOf } from './redirector.js';
import {
  bridgeResult,
  callPlugin,
  configuration,
  createNamespace,
  ours,
  runtimeFolder,
  temporaryFolder,
  writeLauncher,
  type PluginRun,
  type TestNamespace,
} from './test-kit.js';

let runtime: string;
let launcher: string;
let pod: TestNamespace;

beforeAll(() => {
  // As on a node: a copy without links.
  runtime = join(temporaryFolder(), 'runtime');
  cpSync(runtimeFolder(), runtime, { recursive: true, dereference: true });
  launcher = writeLauncher(runtime);
  useModulesOf(runtime);
  pod = createNamespace('plugin');
});

afterAll(() => {
  pod.remove();
  rmSync(runtime, { recursive: true });
});

function call(command: string, config: unknown, netns = pod.path): PluginRun {
  // What else a runtime hands over must not reach our Node.js.
  const env = { CNI_COMMAND: command, CNI_NETNS: netns, NODE_OPTIONS: '--nonsense' };
  return callPlugin(launcher, { env, stdin: JSON.stringify(config) });
}

function rules(program = 'iptables-nft-save'): string {
  return pod.run(program, '-t', 'nat');
}

// Calls an address where nobody is, and is answered by whoever redirection leads it to.
const callThrough = `
import socket, threading
server = socket.socket(); server.bind(('127.0.0.1', 15001)); server.listen()
def serve():
    c, _ = server.accept()
    raw = c.getsockopt(0, 80, 16)
    c.sendall(('%s:%d' % (socket.inet_ntoa(raw[4:8]), int.from_bytes(raw[2:4], 'big'))).encode()); c.close()
threading.Thread(target=serve, daemon=True).start()
c = socket.create_connection(('192.0.2.1', 8080), 5)
print(c.recv(100).decode())
`;

test('CHECK fails before ADD, and ADD redirects', () => {
  expect(rules()).not.toContain('SKERRY');
  const before = call('CHECK', configuration(ours));
  expect(before.status).toBe(1);
  expect(before.stdout).toContain('the pod is not redirected');

  const { status, stdout, stderr } = call('ADD', configuration(ours));
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual(bridgeResult);
  expect(call('CHECK', configuration(ours)).status).toBe(0);
  expect(rules()).toContain('--dport 9000 -j RETURN');
  expect(rules('ip6tables-nft-save')).toContain('-j REDIRECT --to-ports 15001');
  expect(pod.run('python3', '-c', callThrough).trim()).toBe('192.0.2.1:8080');
});

test('ADD twice is ADD once', () => {
  const withoutTimes = (): string => rules().replace(/^#.*$/gm, '');
  const before = withoutTimes();
  expect(call('ADD', configuration(ours)).status).toBe(0);
  expect(withoutTimes()).toBe(before);
});

test('a pod of others keeps its network as it is', () => {
  const other = createNamespace('other');
  try {
    expect(call('ADD', configuration({}), other.path).status).toBe(0);
    // The long way, to the same end.
    const named = configuration({ note: redirectionAnnotation });
    const { status, stdout } = call('ADD', named, other.path);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual(bridgeResult);
    expect(other.run('iptables-nft-save', '-t', 'nat')).not.toContain('SKERRY');
  } finally {
    other.remove();
  }
});

test('a namespace without IPv6 is redirected for IPv4', () => {
  const other = createNamespace('v4');
  try {
    other.run('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1');
    expect(call('ADD', configuration(ours), other.path)).toMatchObject({ status: 0, stderr: '' });
    expect(other.run('iptables-nft-save', '-t', 'nat')).toContain('SKERRY_OUTBOUND');
    expect(other.run('ip6tables-nft-save', '-t', 'nat')).not.toContain('SKERRY');
  } finally {
    other.remove();
  }
});

test('a namespace that is not there is an error, not a pod without a sidecar', () => {
  const { status, stdout } = call('ADD', configuration(ours), '/run/netns/skerry-nowhere');
  expect(status).toBe(1);
  expect(stdout).toContain('/run/netns/skerry-nowhere');
  expect(JSON.parse(stdout)).toMatchObject({ code: 100 });
});

test('of a node it needs sh, and no library, program or file besides', () => {
  const root = temporaryFolder();
  for (const file of ['/bin/sh', ...librariesOf('/bin/sh')]) {
    cpSync(realpathSync(file), join(root, file), { recursive: true });
  }
  cpSync(runtime, join(root, runtime), { recursive: true });
  cpSync(launcher, join(root, 'skerry-cni'));
  for (const folder of ['run', 'proc']) mkdirSync(join(root, folder));
  const mounts = `mount --rbind /run ${root}/run && mount --bind /proc ${root}/proc`;
  const argv = ['unshare', '--mount', 'sh', '-c', `${mounts} && exec chroot ${root} /skerry-cni`];
  const bare = createNamespace('bare');
  try {
    const env = { CNI_COMMAND: 'ADD', CNI_NETNS: bare.path };
    const { status, stdout, stderr } = callPlugin(launcher, {
      ...{ shell: argv, env, stdin: JSON.stringify(configuration(ours)) },
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual(bridgeResult);
    expect(bare.run('iptables-nft-save', '-t', 'nat')).toContain('--uid-owner 1774');
  } finally {
    bare.remove();
    rmSync(root, { recursive: true });
  }
});

function librariesOf(...programs: readonly string[]): readonly string[] {
  const text = execFileSync('ldd', programs, { encoding: 'utf8' });
  return [...text.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path = '']) => path);
}

test('addresses of a namespace are told', async () => {
  const addresses = await createRedirector(runtime).addresses(pod.path);
  expect(addresses).toEqual(expect.arrayContaining(['127.0.0.1', '10.79.0.7', '::6']));
  const nowhere = createRedirector(runtime).addresses('/run/netns/skerry-nowhere');
  await expect(nowhere).rejects.toThrow('skerry-nowhere');
});
