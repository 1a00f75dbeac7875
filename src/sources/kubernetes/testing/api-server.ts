/** A real etcd and kube-apiserver on loopback, for tests; no controller runs beside them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openKubernetesClient } from '../client.js';
import { issueCertificate, makeAuthority, makeTokenKey, writeKubeconfig } from './certificates.js';
import { freePort } from '../../../lib/testing/free-port.js';

/** A running API server. */
export interface TestApiServer {
  /** Path of a kubeconfig of a cluster administrator. */
  readonly kubeconfig: string;
  readonly url: string;
  /** Where its files are; removed by `stop`. */
  readonly directory: string;
  /** Path of a kubeconfig of another user, by client certificate. */
  kubeconfigFor(user: string, groups?: readonly string[]): Promise<string>;
  /** Ends kube-apiserver at once, as a crash would; etcd stays. */
  kill(): Promise<void>;
  /** Starts kube-apiserver again on the same port and data; resolves when it is ready. */
  start(): Promise<void>;
  /** Makes etcd forget all former versions, so that watches of old ones get 410. */
  compact(): Promise<void>;
  /** Ends everything. */
  stop(): Promise<void>;
}

/** Flags for kube-apiserver beyond the usual. */
export interface ApiServerOptions {
  readonly extraArgs?: readonly string[];
}

const readyTimeoutMs = 90_000;
/** Between finding a free port and taking it somebody else may have taken it. */
const portAttempts = 3;

class ProgramEnded extends Error {
  readonly code = 'PROGRAM_ENDED';
}

/** Its folder's name tells the process that owns it; those of dead ones are removed. */
async function makeDirectory(): Promise<string> {
  for (const name of await readdir(tmpdir())) {
    const pid = /^skerry-api-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
  return mkdtemp(join(tmpdir(), `skerry-api-${String(process.pid)}-`));
}

/** etcd may come from the system, kube-apiserver never does. */
function program(name: 'etcd' | 'kube-apiserver'): string {
  const { KUBEBUILDER_ASSETS: assets, SKERRY_KUBERNETES_BIN: built } = process.env;
  const found = [assets, built]
    .flatMap((folder) => (folder === undefined || folder === '' ? [] : [join(folder, name)]))
    .find((path) => existsSync(path));
  if (found !== undefined) return found;
  if (name === 'etcd') return name;
  throw new Error(
    `no ${name} in SKERRY_KUBERNETES_BIN or KUBEBUILDER_ASSETS: use npm run test:api`,
  );
}

/** The kernel kills it when this process dies, so that not even `kill -9` leaves one behind. */
function launch(log: string, argv: readonly string[]): ChildProcess {
  const shell = ['/bin/sh', '-c', 'log=$1; shift; exec "$@" >>"$log" 2>&1', 'sh', log];
  return spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...shell, ...argv], { stdio: 'ignore' });
}

async function kill(child: ChildProcess | undefined): Promise<void> {
  if (child?.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

async function untilReady(
  kubeconfig: string,
  { server, log }: { readonly server: ChildProcess; readonly log: string },
): Promise<void> {
  const client = openKubernetesClient({ kubeconfig });
  const deadline = performance.now() + readyTimeoutMs;
  try {
    for (;;) {
      // `/readyz` answers "ok", which is not JSON: the namespaces that the server makes itself do.
      const request = { method: 'GET', path: '/api/v1/namespaces/default' } as const;
      const isReady = await client.send({ ...request, timeoutMs: 2_000 }).then(
        () => true,
        () => false,
      );
      if (server.exitCode !== null) throw new ProgramEnded(`kube-apiserver ended; its log: ${log}`);
      if (isReady) return;
      if (performance.now() > deadline) throw new Error(`kube-apiserver is not ready; see ${log}`);
      await sleep(100);
    }
  } finally {
    client.close();
  }
}

interface Addresses {
  readonly port: number;
  readonly etcdUrl: string;
  readonly peerUrl: string;
}

async function freeAddresses(): Promise<Addresses> {
  const [client, peer, port] = [await freePort(), await freePort(), await freePort()];
  const at = (number: number): string => `http://127.0.0.1:${String(number)}`;
  return { port, etcdUrl: at(client), peerUrl: at(peer) };
}

/** Without fsync: nothing here outlives the test. */
function etcdArgs(directory: string, { etcdUrl, peerUrl }: Addresses): readonly string[] {
  return [
    ...['--data-dir', join(directory, 'etcd'), '--unsafe-no-fsync', '--log-level', 'error'],
    ...['--listen-client-urls', etcdUrl, '--advertise-client-urls', etcdUrl],
    ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
    ...['--initial-cluster', `default=${peerUrl}`],
  ];
}

function apiServerArgs(directory: string, { port, etcdUrl }: Addresses): readonly string[] {
  const at = (file: string): string => join(directory, file);
  return [
    `--etcd-servers=${etcdUrl}`,
    ...['--bind-address=127.0.0.1', `--secure-port=${String(port)}`, `--cert-dir=${at('run')}`],
    ...['--service-cluster-ip-range=10.96.0.0/16', '--authorization-mode=RBAC'],
    `--tls-cert-file=${at('apiserver.crt')}`,
    `--tls-private-key-file=${at('apiserver.key')}`,
    `--client-ca-file=${at('ca.crt')}`,
    `--service-account-key-file=${at('sa.pub')}`,
    `--service-account-signing-key-file=${at('sa.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    // Nobody makes service accounts here, and the pods of tests need none.
    '--disable-admission-plugins=ServiceAccount',
  ];
}

/** Asks etcd by its JSON gateway (https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/). */
async function askEtcd(etcdUrl: string, path: string, body: object): Promise<unknown> {
  const response = await fetch(`${etcdUrl}/v3/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`etcd: ${path}: ${await response.text()}`);
  return response.json();
}

async function compact(etcdUrl: string): Promise<void> {
  // Reading any key tells the revision.
  const read = (await askEtcd(etcdUrl, 'kv/range', { key: 'AA==' })) as {
    readonly header: { readonly revision: string };
  };
  await askEtcd(etcdUrl, 'kv/compaction', { revision: read.header.revision, physical: true });
}

/** Starts etcd and kube-apiserver with RBAC, on free ports of loopback. */
export async function startApiServer(options: ApiServerOptions = {}): Promise<TestApiServer> {
  const directory = await makeDirectory();
  await Promise.all([makeAuthority(directory), makeTokenKey(directory)]);
  const san = 'IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc';
  await Promise.all([
    issueCertificate(directory, { name: 'apiserver', subject: '/CN=kube-apiserver', san }),
    issueCertificate(directory, { name: 'admin', subject: '/O=system:masters/CN=admin' }),
  ]);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startIn(directory, options);
    } catch (error) {
      if (!(error instanceof ProgramEnded) || attempt === portAttempts) throw error;
      await rm(join(directory, 'etcd'), { recursive: true, force: true });
    }
  }
}

async function startIn(directory: string, options: ApiServerOptions): Promise<TestApiServer> {
  const addresses = await freeAddresses();
  const url = `https://127.0.0.1:${String(addresses.port)}`;
  const kubeconfigOf = async (name: string): Promise<string> => {
    const path = join(directory, `${name}.kubeconfig`);
    await writeKubeconfig(path, { folder: directory, name, url });
    return path;
  };
  const kubeconfig = await kubeconfigOf('admin');
  const etcdArgv = [program('etcd'), ...etcdArgs(directory, addresses)];
  const etcd = launch(join(directory, 'etcd.log'), etcdArgv);
  const log = join(directory, 'kube-apiserver.log');
  let server: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const args = [...apiServerArgs(directory, addresses), ...(options.extraArgs ?? [])];
    server = launch(log, [program('kube-apiserver'), ...args]);
    await untilReady(kubeconfig, { server, log });
  };
  try {
    await start();
  } catch (error) {
    await kill(server);
    await kill(etcd);
    throw error;
  }
  return {
    ...{ kubeconfig, url, directory, start },
    kill: () => kill(server),
    compact: () => compact(addresses.etcdUrl),
    kubeconfigFor: async (user, groups = []) => {
      const name = user.replaceAll(':', '-');
      const subject = `${groups.map((group) => `/O=${group}`).join('')}/CN=${user}`;
      await issueCertificate(directory, { name, subject });
      return kubeconfigOf(name);
    },
    stop: async () => {
      await kill(server);
      await kill(etcd);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The API server that all files of one `npm run test:api` share, or a fresh one where there is none. */
export async function sharedApiServer(): Promise<{
  readonly kubeconfig: string;
  release(): Promise<void>;
}> {
  const shared = process.env['SKERRY_TEST_KUBECONFIG'];
  if (shared !== undefined) return { kubeconfig: shared, release: () => Promise.resolve() };
  const server = await startApiServer();
  return { kubeconfig: server.kubeconfig, release: () => server.stop() };
}
