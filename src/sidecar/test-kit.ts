/** What the tests of this room share: network namespaces of their own, talkers and listeners in them, and Envoy. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandResult, RunCommand } from './apply-redirect.js';

/** A new empty directory. */
export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'skerry-sidecar-'));
}

/** The stock Envoy that `npm run setup` provides; throws with what to do when there is none. */
export function envoyPath(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const path = process.env['SKERRY_ENVOY'] ?? join(cache, 'skerry', 'envoy', '1.40.0', 'envoy');
  if (!existsSync(path)) {
    throw new Error(`expected an Envoy at ${path}: run npm run setup, or name one by SKERRY_ENVOY`);
  }
  return path;
}

/** Runs a program to its end. */
export function run(file: string, args: readonly string[], input = ''): CommandResult {
  const { status, stdout, stderr, error } = spawnSync(file, args, { input, encoding: 'utf8' });
  if (error !== undefined) throw new Error(`cannot run ${file}: ${error.message}`);
  return { status: status ?? 1, stdout, stderr };
}

function must(file: string, ...args: readonly string[]): void {
  const result = run(file, args);
  if (result.status !== 0) throw new Error(`${file} ${args.join(' ')}: ${result.stderr}`);
}

// Accepts on every port named and tells each caller where it arrived, where it was going, and as whom.
const listenerProgram = `
import socket, sys, json, threading
V6 = sys.argv[1] == 'v6'
def original(c):
    try:
        if V6:
            raw = c.getsockopt(41, 80, 28)
            return '%s:%d' % (socket.inet_ntop(socket.AF_INET6, raw[8:24]), int.from_bytes(raw[2:4], 'big'))
        raw = c.getsockopt(0, 80, 16)
        return '%s:%d' % (socket.inet_ntoa(raw[4:8]), int.from_bytes(raw[2:4], 'big'))
    except OSError:
        return ''
def serve(port):
    s = socket.socket(socket.AF_INET6 if V6 else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if V6: s.setsockopt(41, 26, 1)
    s.bind(('::' if V6 else '0.0.0.0', port)); s.listen(64)
    def loop():
        while True:
            c, peer = s.accept()
            c.sendall(json.dumps({'port': port, 'original': original(c), 'peer': peer[0]}).encode())
            c.close()
    threading.Thread(target=loop).start()
for port in sys.argv[2:]: serve(int(port))
print('ready', flush=True)
`;

// Gives up root by itself: the interpreter may lie where only root can read it.
const callerProgram = `
import os, socket, sys
host, port, source, uid, gid = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
os.setgroups([]); os.setgid(gid); os.setuid(uid)
s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET); s.settimeout(5)
if source: s.bind((source, 0))
s.connect((host, port))
data = b''
while True:
    part = s.recv(4096)
    if not part: break
    data += part
print(data.decode())
`;

/** Where a connection arrived. */
export interface Arrival {
  /** The port of the listener that took it. */
  readonly port: number;
  /** SO_ORIGINAL_DST: where the caller meant to go; empty when the kernel knows no such thing. */
  readonly original: string;
  /** The caller's address as the listener saw it. */
  readonly peer: string;
}

/** Who calls. */
export interface Caller {
  readonly uid: number;
  readonly gid: number;
  /** Source address, if bound. */
  readonly source?: string;
}

/** A pod's network namespace joined to one for the outside: 10.77.0.2 and fd77::2, outside .1. */
export interface TestPod {
  readonly pod: string;
  readonly outside: string;
  /** Runs programs inside the pod. */
  readonly run: RunCommand;
  /** Listens on ports in a namespace until the pod is removed. */
  listen(namespace: string, family: 'v4' | 'v6', ports: readonly number[]): Promise<void>;
  /** Calls from a namespace; throws when nobody answers. */
  call(namespace: string, caller: Caller, host: string, port: number): Arrival;
  remove(): Promise<void>;
}

function isArrival(value: unknown): value is Arrival {
  return typeof value === 'object' && value !== null && 'original' in value && 'peer' in value;
}

function startListener(
  namespace: string,
  family: string,
  ports: readonly number[],
): Promise<ChildProcess> {
  const args = ['netns', 'exec', namespace, 'python3', '-c', listenerProgram, family];
  const child = spawn('ip', [...args, ...ports.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    child.stdout.once('data', () => {
      resolve(child);
    });
    child.once('exit', () => {
      reject(new Error(`the listeners in ${namespace} ended`));
    });
  });
}

function callFrom(namespace: string, caller: Caller, host: string, port: number): Arrival {
  const result = run('ip', [
    ...['netns', 'exec', namespace, 'python3', '-c', callerProgram],
    ...[host, String(port), caller.source ?? '', String(caller.uid), String(caller.gid)],
  ]);
  if (result.status !== 0) throw new Error(`${host}:${port} did not answer: ${result.stderr}`);
  const arrival: unknown = JSON.parse(result.stdout);
  if (!isArrival(arrival)) throw new Error(`expected an arrival, found ${result.stdout}`);
  return arrival;
}

function joinNamespaces(pod: string, outside: string, id: string): void {
  for (const name of [pod, outside]) {
    must('ip', 'netns', 'add', name);
    must('ip', '-n', name, 'link', 'set', 'lo', 'up');
  }
  const [near, far] = [`skp${id}`, `sko${id}`];
  must(
    'ip',
    'link',
    'add',
    near,
    'netns',
    pod,
    'type',
    'veth',
    'peer',
    'name',
    far,
    'netns',
    outside,
  );
  for (const [name, device, host] of [
    [pod, near, '2'],
    [outside, far, '1'],
  ] as const) {
    must('ip', '-n', name, 'addr', 'add', `10.77.0.${host}/24`, 'dev', device);
    must('ip', '-n', name, '-6', 'addr', 'add', `fd77::${host}/64`, 'dev', device, 'nodad');
    must('ip', '-n', name, 'link', 'set', device, 'up');
  }
  must('ip', '-n', outside, 'addr', 'add', '10.88.0.1/32', 'dev', 'lo');
  must('ip', '-n', outside, '-6', 'addr', 'add', 'fd88::1/128', 'dev', 'lo');
  must('ip', '-n', pod, 'route', 'add', 'default', 'via', '10.77.0.1');
  must('ip', '-n', pod, '-6', 'route', 'add', 'default', 'via', 'fd77::1');
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await gone;
}

/** Makes a pod named after `label` and this process; needs root, iproute2, util-linux and python3. */
export function createTestPod(label: string): TestPod {
  if (process.geteuid?.() !== 0) {
    throw new Error('this test makes network namespaces: run it as root');
  }
  const id = `${label}${process.pid}`;
  const [pod, outside] = [`skerry-pod-${id}`, `skerry-out-${id}`];
  const children: ChildProcess[] = [];
  joinNamespaces(pod, outside, id);
  return {
    pod,
    outside,
    run: (file, args, input) =>
      Promise.resolve(run('ip', ['netns', 'exec', pod, file, ...args], input)),
    listen: async (namespace, family, ports) => {
      children.push(await startListener(namespace, family, ports));
    },
    call: callFrom,
    remove: async () => {
      for (const child of children) await stop(child);
      for (const name of [pod, outside]) run('ip', ['netns', 'delete', name]);
    },
  };
}
