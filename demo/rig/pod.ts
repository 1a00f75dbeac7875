/** One pod of the rig: its namespace, its sidecar and its apps. */
import { chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { join } from 'node:path';
import { envoyArgv, type EnvoySettings } from './commands.js';
import { containerArgv, inNamespace, users, type ContainerImage } from './container.js';
import type { PodManifest } from './manifests.js';
import type { Network, NetworkNamespace } from './network.js';
import { prepareSidecar, redirectTraffic } from './preparation.js';
import { runCommand, startProcess, type RunningProcess } from './process.js';
import { startAgent, type Agent } from './agent.js';

/** What a pod needs of the mesh around it. */
export interface PodEnvironment {
  readonly network: Network;
  readonly image: ContainerImage;
  /** A folder for this pod alone. */
  readonly directory: string;
  /** The text of its /etc/hosts. */
  readonly hosts: string;
  /** Its sidecar's credentials and settings; absent: the pod runs without a sidecar. */
  readonly sidecar?: {
    readonly token: string;
    /** A file that all pods read. */
    readonly rootBundle: string;
    readonly adsVariant: 'delta' | 'sotw';
    readonly envoy: EnvoySettings;
  };
  /** Rules for `iptables-restore`, for pods without a sidecar. */
  readonly forwarding: string;
}

/** A pod that runs. */
export interface Pod {
  readonly manifest: PodManifest;
  /** `namespace/name` */
  readonly key: string;
  readonly netns: NetworkNamespace;
  readonly directory: string;
  /** Absent when it has none. */
  readonly sidecar?: Sidecar;
  readonly apps: readonly RunningProcess[];
  /** What the apps have printed. */
  appLog(): Promise<string>;
  /** Starts another caller program beside the pod's apps, as the apps' user. */
  startAgent(): Promise<Agent>;
  /** Where programs of the pod find Envoy. */
  readonly envoy: string;
  /** The argument list that runs a program in the pod as the apps' user. */
  argv(program: readonly string[]): readonly string[];
  /** Rewrites its /etc/hosts. */
  setHosts(text: string): Promise<void>;
  /** Ends its processes and removes its namespace. */
  stop(): Promise<void>;
}

/** A sidecar's process. */
export interface Sidecar {
  /** The process; a new one after `restart`. */
  process(): RunningProcess;
  /** Key, bootstrap and admin socket. */
  readonly directory: string;
  /** Envoy's log with its access log. */
  log(): Promise<string>;
  /** Kills Envoy with SIGKILL and starts a new one with the same key. */
  restart(): Promise<void>;
  /** The body of `GET path` on Envoy's admin socket, e.g. `/config_dump`. */
  admin(path: string): Promise<string>;
  /** Resident memory in bytes. */
  residentBytes(): Promise<number>;
}

/** Starts a pod: namespace, sidecar, then apps. Does not wait for readiness. Throws CommandError. */
export async function startPod(manifest: PodManifest, environment: PodEnvironment): Promise<Pod> {
  const { network, image, directory } = environment;
  const netns = await network.addNamespace(`${manifest.namespace}-${manifest.name}`, manifest.ip);
  await mkdir(directory, { recursive: true });
  const hosts = join(directory, 'hosts');
  await writeFile(hosts, environment.hosts);
  const container = (uid: number, argv: readonly string[]): readonly string[] =>
    containerArgv({
      netns: netns.path,
      mounts: [...image.mounts, { source: hosts, target: '/etc/hosts' }],
      uid,
      argv,
    });
  const sidecar = await startSidecar(manifest, environment, { container, netns });
  const apps = await startApps(manifest, environment, container).catch(async (error: unknown) => {
    await sidecar?.process().stop();
    throw error;
  });
  let agents = 0;
  return {
    manifest,
    key: `${manifest.namespace}/${manifest.name}`,
    netns,
    directory,
    ...(sidecar === undefined ? {} : { sidecar }),
    envoy: image.envoy,
    apps,
    appLog: async () =>
      (await Promise.all(apps.map(({ logFile }) => readFile(logFile, 'utf8')))).join(''),
    startAgent: async () => {
      agents += 1;
      return await startAgent({
        name: `agent ${agents} in ${manifest.namespace}/${manifest.name}`,
        argv: container(users.app, [image.node, join(image.apps, 'agent.js')]),
        logFile: join(directory, `agent-${agents}.log`),
      });
    },
    argv: (program) => container(users.app, program),
    // In place: the file is bind-mounted, a renamed one would not be seen.
    setHosts: (text) => writeFile(hosts, text),
    stop: async () => {
      await Promise.all(apps.map((app) => app.stop()));
      await sidecar?.process().stop();
      await network.removeNamespace(netns);
    },
  };
}

interface PodContext {
  readonly container: (uid: number, argv: readonly string[]) => readonly string[];
  readonly netns: NetworkNamespace;
}

async function startSidecar(
  manifest: PodManifest,
  { image, directory, sidecar, forwarding }: PodEnvironment,
  { container, netns }: PodContext,
): Promise<Sidecar | undefined> {
  if (sidecar === undefined) {
    await runCommand(inNamespace(netns.path, ['iptables-restore']), forwarding);
    return undefined;
  }
  const home = join(directory, 'sidecar');
  const token = join(directory, 'token', 'token');
  // A pod that starts again is a new one: no key of its former life.
  await rm(home, { recursive: true, force: true });
  await mkdir(join(directory, 'token'), { recursive: true });
  await writeFile(token, sidecar.token, { mode: 0o600 });
  await chown(token, users.sidecar, users.sidecar);
  const files = { token, rootBundle: sidecar.rootBundle, directory: home };
  const bootstrap = await prepareSidecar(manifest, files, sidecar.adsVariant);
  await redirectTraffic(netns);
  const logFile = join(directory, 'envoy.log');
  const start = (): Promise<RunningProcess> =>
    startProcess({
      name: `sidecar of ${manifest.namespace}/${manifest.name}`,
      argv: container(users.sidecar, envoyArgv(image.envoy, bootstrap, sidecar.envoy)),
      logFile,
    });
  let envoy = await start();
  return {
    process: () => envoy,
    directory: home,
    log: () => readFile(logFile, 'utf8'),
    restart: async () => {
      envoy.signal('SIGKILL');
      await envoy.ended;
      envoy = await start();
    },
    admin: (path) => getFromSocket(join(home, 'run', 'admin.sock'), path),
    residentBytes: () => residentBytes(envoy.pid),
  };
}

function getFromSocket(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ socketPath, path, timeout: 10_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        resolve(Buffer.concat(chunks).toString('utf8'));
      });
    });
    request.on('timeout', () => request.destroy(new Error(`no answer from ${socketPath}`)));
    request.on('error', reject);
  });
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}

async function startApps(
  manifest: PodManifest,
  { image, directory }: PodEnvironment,
  container: PodContext['container'],
): Promise<readonly RunningProcess[]> {
  return await Promise.all(
    manifest.containers.map(({ name, app, env }) =>
      startProcess({
        name: `${name} of ${manifest.namespace}/${manifest.name}`,
        argv: container(users.app, [image.node, join(image.apps, `${app}.js`)]),
        env,
        logFile: join(directory, `${name}.log`),
      }),
    ),
  );
}
