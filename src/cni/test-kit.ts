/** What the tests of this room share: a runtime of this machine's programs, configurations as runtimes send them, network namespaces. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { redirectionAnnotation } from '../sidecar/index.js';
import { launcherText } from './launcher.js';
import type { NodeFolders } from './node-files.js';

/** A new empty folder. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'skerry-cni-'));
}

let runtime: string | undefined;

/** A runtime as the image has it, from the programs of this machine. */
export function runtimeFolder(): string {
  if (runtime === undefined) {
    runtime = join(temporaryFolder(), 'runtime');
    const script = join(import.meta.dirname, '../../scripts/cni-runtime.mjs');
    execFileSync(process.execPath, [script, runtime], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  return runtime;
}

/** The form of a runtime, whose programs do nothing: quickly copied. */
export function smallRuntime(version: string): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'lib'));
  for (const name of ['ld.so', 'node', 'nsenter', 'ip', 'xtables-nft-multi']) {
    writeFileSync(join(folder, name), `${name} ${version}`, { mode: 0o755 });
  }
  const library = join(temporaryFolder(), 'libc.so.6');
  writeFileSync(library, 'libc');
  symlinkSync(library, join(folder, 'lib', 'libc.so.6'));
  return folder;
}

/** The folders of a node that has nothing yet. */
export function emptyNode(): NodeFolders {
  const root = temporaryFolder();
  const at = (name: string): string => {
    mkdirSync(join(root, name));
    return join(root, name);
  };
  return {
    binaries: at('bin'),
    configurations: at('net.d'),
    results: at('results'),
    namespaces: at('netns'),
    shells: '/bin',
  };
}

/** Result of the plugins before ours, as containerd sent it for a pod on a bridge. */
export const bridgeResult = {
  cniVersion: '1.0.0',
  dns: {},
  interfaces: [
    { mac: '2a:46:9a:32:f2:21', name: 'cni0' },
    { mac: '36:c4:43:14:3e:b8', name: 'eth0', sandbox: '/var/run/netns/cni-3f' },
  ],
  ips: [{ address: '10.244.0.7/24', gateway: '10.244.0.1', interface: 2 }],
  routes: [{ dst: '0.0.0.0/0' }],
};

/** A configuration as libcni sends it: members in the order of their names. */
export function configuration(
  annotations: Readonly<Record<string, string>>,
  prevResult: unknown = bridgeResult,
): Readonly<Record<string, unknown>> {
  const capability = 'io.kubernetes.cri.pod-annotations';
  return {
    capabilities: { [capability]: true },
    cniVersion: '1.0.0',
    name: 'pods',
    prevResult,
    runtimeConfig: { [capability]: annotations },
    type: 'skerry-cni',
  };
}

/** Annotations of a pod of ours. */
export const ours = {
  [redirectionAnnotation]: '{"families":["v4","v6"],"excludeInboundPorts":[9000]}',
} as const;

/** What a plugin did. */
export interface PluginRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Writes the launcher for a runtime; returns its path. */
export function writeLauncher(runtimePath: string): string {
  const path = join(temporaryFolder(), 'skerry-cni');
  writeFileSync(path, launcherText(runtimePath));
  chmodSync(path, 0o755);
  return path;
}

/** Runs a launcher, by a shell or, as a container runtime does, by its first line. */
export function callPlugin(
  launcher: string,
  call: {
    readonly shell?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
    readonly stdin: string;
  },
): PluginRun {
  const [file, ...args] = [...(call.shell ?? []), launcher];
  const env = { PATH: process.env['PATH'], ...call.env };
  const { status, stdout, stderr, error } = spawnSync(file, args, {
    ...{ env, input: call.stdin, encoding: 'utf8' },
  });
  if (error !== undefined && (error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
  return { status, stdout, stderr };
}

/** A network namespace that runtimes know by its path. */
export interface TestNamespace {
  readonly name: string;
  readonly path: string;
  run(...argv: readonly string[]): string;
  remove(): void;
}

/** Makes one with its loopback up, an address and a way out; needs root. */
export function createNamespace(label: string): TestNamespace {
  const name = `skerry-cni-${label}-${String(process.pid)}`;
  const must = (...argv: readonly string[]): string =>
    execFileSync('ip', argv, { encoding: 'utf8' });
  must('netns', 'add', name);
  must('-n', name, 'link', 'set', 'lo', 'up');
  // Both ends inside: whatever goes out is led to nobody.
  must('-n', name, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'nobody');
  must('-n', name, 'addr', 'add', '10.79.0.7/24', 'dev', 'eth0');
  must('-n', name, 'link', 'set', 'eth0', 'up');
  must('-n', name, 'link', 'set', 'nobody', 'up');
  must('-n', name, 'route', 'add', 'default', 'dev', 'eth0');
  return {
    name,
    path: `/run/netns/${name}`,
    run: (...argv) => must('netns', 'exec', name, ...argv),
    remove: () => {
      must('netns', 'delete', name);
    },
  };
}

/** A file of libcni's cache, as of containerd 1.x; `netns` is what 2.x adds. */
export function attachmentText(pod: {
  readonly wasChained?: boolean;
  readonly sandbox?: string;
  readonly netns?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}): string {
  const plugins = [
    { type: 'bridge' },
    ...(pod.wasChained === true ? [{ type: 'skerry-cni' }] : []),
  ];
  const config = JSON.stringify({ cniVersion: '1.0.0', name: 'pods', plugins });
  const eth0 = { name: 'eth0', ...(pod.sandbox === undefined ? {} : { sandbox: pod.sandbox }) };
  return JSON.stringify({
    kind: 'cniCacheV1',
    containerId: '5d1c',
    config: Buffer.from(config).toString('base64'),
    ifName: 'eth0',
    networkName: 'pods',
    ...(pod.netns === undefined ? {} : { netns: pod.netns }),
    cniArgs: [
      ['K8S_POD_NAMESPACE', 'shop'],
      ['K8S_POD_NAME', 'cart'],
    ],
    capabilityArgs: { 'io.kubernetes.cri.pod-annotations': pod.annotations ?? ours },
    result: {
      cniVersion: '1.0.0',
      interfaces: [{ name: 'cni0' }, eth0],
      ips: [{ address: '10.79.0.7/24', interface: 1 }],
    },
  });
}

/** Resolves as soon as `look` says yes; rejects when it has not after ten seconds. */
export async function eventually(look: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!look()) {
    if (Date.now() > deadline) throw new Error(`it did not come to this: ${look.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
