/** Brings up a whole mesh on this machine from a directory of YAML, and takes it down again. */
import { chmod, cp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startAgent, type Agent } from './agent.js';
import { findCheckout } from './checkout.js';
import { readinessPort } from '../../src/sidecar/index.js';
import { controlPlaneIp, type ControllerSettings, type EnvoySettings } from './commands.js';
import { containerArgv, prepareImage, users, type ContainerImage } from './container.js';
import { startControlPlane, type ControlPlane } from './control-plane.js';
import { keepRunDirectory, makeRunDirectory, removeLeftoverDirectories } from './leftovers.js';
import { readManifests, type Manifests, type PodManifest } from './manifests.js';
import { createNetwork, podCidr, serviceCidr, type Network } from './network.js';
import { startPod, type Pod } from './pod.js';
import { startProcess, type RunningProcess } from './process.js';
import { forwardingRules, hostsFile } from './resolution.js';
import { waitFor } from './wait.js';

/** What mesh to bring up. */
export interface MeshOptions {
  /** Directory of manifests; the mesh runs from a copy of it, so that it can be edited. */
  readonly manifests: string;
  /** Path of the Envoy binary. */
  readonly envoy: string;
  readonly outbound?: ControllerSettings['outbound'];
  readonly accessLog?: ControllerSettings['accessLog'];
  readonly controllerArgs?: readonly string[];
  readonly controllerEnv?: Readonly<Record<string, string>>;
  /** Runs before the control plane's first start, on its empty state directory. */
  readonly prepareState?: (stateDirectory: string) => Promise<void>;
  readonly adsVariant?: 'delta' | 'sotw';
  readonly envoyLogLevel?: EnvoySettings['logLevel'];
  /** Seconds after which connections of a replaced listener are closed; default 2. */
  readonly drainSeconds?: number;
  /** `none`: no control plane, and every pod without a sidecar: to try the rig itself. */
  readonly sidecars?: 'skerry' | 'none';
  /** Which Pods to start at once; default all. Others can be started by `startPod`. */
  readonly startWith?: (pod: PodManifest) => boolean;
  /** Pods that are being started at the same time; default 4. */
  readonly parallel?: number;
  /** Told what happens next, for a progress line. */
  readonly onStep?: (step: string) => void;
}

/** A mesh that runs. */
export interface Mesh {
  /** Everything of this run: logs, keys, state. */
  readonly runDirectory: string;
  /** The copy of the manifests that the control plane watches. */
  readonly directory: string;
  readonly network: Network;
  /** Calls from the router, as a node would. */
  readonly prober: Agent;
  /** Throws when there is none (`sidecars: 'none'`). */
  controlPlane(): ControlPlane;
  pods(): readonly Pod[];
  /** The pod `namespace/name`; throws when it does not run. */
  pod(key: string): Pod;
  /** A caller program in the pod `namespace/name`, started at first use. */
  agent(key: string): Promise<Agent>;
  /** Starts a Pod that is in the manifests, without waiting until it is ready. */
  startPod(key: string): Promise<Pod>;
  stopPod(key: string): Promise<void>;
  /** Resolves when the pods' apps listen and their sidecars' readiness ports answer 200. Throws WaitTimeout. */
  untilReady(keys: readonly string[], timeoutMs?: number): Promise<void>;
  /** Replaces one file of `directory` atomically; `undefined` removes it. Pods' names are resolved anew. */
  writeManifest(file: string, text: string | undefined): Promise<void>;
  /** Writes the pods' hosts files anew from the manifests; broken manifests leave them as they are. */
  resolveNames(): Promise<void>;
  /** Runs the demo's HTTP server behind the router at an address outside the mesh. */
  startExternalServer(ip: string, port: number): Promise<void>;
  /** Ends all processes and removes the network; the run directory too, unless it is kept. */
  stop(runDirectory: 'remove' | 'keep'): Promise<void>;
}

/** Brings up a mesh; when that fails, everything begun is taken down again and the error thrown. */
export async function startMesh(options: MeshOptions): Promise<Mesh> {
  const undo: (() => Promise<void>)[] = [];
  try {
    return await bringUp(options, undo);
  } catch (error) {
    for (const step of undo.toReversed()) await step().catch(() => undefined);
    throw error;
  }
}

interface Ground {
  readonly runDirectory: string;
  readonly directory: string;
  readonly image: ContainerImage;
  readonly network: Network;
  readonly prober: Agent;
  readonly controlPlane: ControlPlane | undefined;
  readonly rootBundle: string;
}

async function bringUp(options: MeshOptions, undo: (() => Promise<void>)[]): Promise<Mesh> {
  const ground = await layGround(options, undo);
  const pods = new PodSet(options, ground);
  undo.push(() => pods.stopAll());
  const { controlPlane, directory, runDirectory, network, prober } = ground;
  const wanted = (await readManifests(directory)).pods.filter(options.startWith ?? (() => true));
  options.onStep?.(`starting ${wanted.length} pods`);
  await inParallel(options.parallel ?? 4, wanted, (pod) =>
    pods.start(`${pod.namespace}/${pod.name}`),
  );
  const externalServers: RunningProcess[] = [];
  const mesh: Mesh = {
    runDirectory,
    directory,
    network,
    prober,
    controlPlane: () => {
      if (controlPlane === undefined) throw new Error('this mesh has no control plane');
      return controlPlane;
    },
    pods: () => pods.all(),
    pod: (key) => pods.get(key),
    agent: (key) => pods.agent(key),
    startPod: (key) => pods.start(key),
    stopPod: (key) => pods.stop(key),
    untilReady: (keys, timeoutMs = 60_000) =>
      untilReady(
        prober,
        keys.map((key) => pods.get(key)),
        timeoutMs,
      ),
    writeManifest: async (file, text) => {
      await replaceFile(directory, file, text);
      await pods.resolveNames();
    },
    resolveNames: () => pods.resolveNames(),
    startExternalServer: async (ip, port) => {
      await network.addExternalAddress(ip);
      externalServers.push(await startExternalServer(ground, port));
    },
    stop: async (fate) => {
      await pods.stopAll();
      await Promise.all(externalServers.map((server) => server.stop()));
      await controlPlane?.stop();
      await prober.stop();
      await network.remove();
      if (fate === 'remove') await rm(runDirectory, { recursive: true, force: true });
      else await keepRunDirectory(runDirectory);
    },
  };
  options.onStep?.('waiting for sidecars and apps');
  await mesh.untilReady(pods.all().map(({ key }) => key));
  return mesh;
}

async function layGround(options: MeshOptions, undo: (() => Promise<void>)[]): Promise<Ground> {
  const checkout = findCheckout();
  await removeLeftoverDirectories();
  const runDirectory = await makeRunDirectory();
  await chmod(runDirectory, 0o755);
  const directory = join(runDirectory, 'mesh');
  await cp(options.manifests, directory, { recursive: true });
  const image = await prepareImage({ runDirectory, checkout, envoy: options.envoy });
  options.onStep?.('building the network');
  const network = await createNetwork();
  undo.push(() => network.remove());
  const prober = await startAgent({
    name: 'prober',
    argv: routerArgv(network, image, 'agent.js'),
    logFile: join(runDirectory, 'prober.log'),
  });
  undo.push(() => prober.stop());
  const rootBundle = join(runDirectory, 'trust', 'root.pem');
  const ground = { runDirectory, directory, image, network, prober, rootBundle };
  if (options.sidecars === 'none') return { ...ground, controlPlane: undefined };
  options.onStep?.('starting the control plane');
  const controlPlane = await startControlPlane({
    netns: await network.addNamespace('control-plane', controlPlaneIp),
    runDirectory,
    skerry: checkout.skerry,
    settings: {
      ...{ directory, rootFile: rootBundle },
      meshCidrs: [podCidr, serviceCidr],
      outbound: options.outbound ?? 'on-demand',
      accessLog: options.accessLog ?? 'Errors',
      extraArgs: options.controllerArgs ?? [],
    },
    ...(options.controllerEnv === undefined ? {} : { env: options.controllerEnv }),
    ...(options.prepareState === undefined ? {} : { prepareState: options.prepareState }),
    prober,
  });
  undo.push(() => controlPlane.stop());
  return { ...ground, controlPlane };
}

async function startExternalServer(
  { runDirectory, image, network }: Ground,
  port: number,
): Promise<RunningProcess> {
  const server = await startProcess({
    name: `external server on port ${port}`,
    argv: routerArgv(network, image, 'http-server.js'),
    env: { SERVICE: 'external', PORT: `${port}` },
    logFile: join(runDirectory, `external-${port}.log`),
  });
  await waitFor({ what: server.name, timeoutMs: 10_000 }, async () =>
    (await readFile(server.logFile, 'utf8')).includes('listening') ? true : undefined,
  );
  return server;
}

/** The argument list that runs one of the apps in the router's namespace. */
function routerArgv(network: Network, image: ContainerImage, app: string): readonly string[] {
  return containerArgv({
    netns: network.router.path,
    mounts: image.mounts,
    uid: users.app,
    argv: [image.node, join(image.apps, app)],
  });
}

/** The pods of one mesh and their caller programs. */
class PodSet {
  readonly #options: MeshOptions;
  readonly #ground: Ground;
  readonly #pods = new Map<string, Pod>();
  readonly #agents = new Map<string, Promise<Agent>>();

  constructor(options: MeshOptions, ground: Ground) {
    this.#options = options;
    this.#ground = ground;
  }

  all(): readonly Pod[] {
    return [...this.#pods.values()];
  }

  get(key: string): Pod {
    const pod = this.#pods.get(key);
    if (pod === undefined) throw new Error(`no pod ${key} runs`);
    return pod;
  }

  agent(key: string): Promise<Agent> {
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const agent = this.get(key).startAgent();
    this.#agents.set(key, agent);
    return agent;
  }

  async start(key: string): Promise<Pod> {
    const { directory, runDirectory, network, image, controlPlane, rootBundle } = this.#ground;
    const manifests = await readManifests(directory);
    const manifest = manifests.pods.find((pod) => `${pod.namespace}/${pod.name}` === key);
    if (manifest === undefined) throw new Error(`no manifest of a pod ${key}`);
    const sidecar =
      controlPlane === undefined || !manifest.hasSidecar
        ? {}
        : {
            sidecar: {
              token: await controlPlane.joinToken(manifest),
              rootBundle,
              adsVariant: this.#options.adsVariant ?? 'delta',
              envoy: {
                logLevel: this.#options.envoyLogLevel ?? 'warning',
                concurrency: 1,
                drainSeconds: this.#options.drainSeconds ?? 2,
              },
            },
          };
    const pod = await startPod(manifest, {
      network,
      image,
      directory: join(runDirectory, 'pods', key.replace('/', '-')),
      hosts: hostsFile(manifests.services, manifest.namespace),
      forwarding: forwardingRules(manifests.services),
      ...sidecar,
    });
    this.#pods.set(key, pod);
    return pod;
  }

  async stop(key: string): Promise<void> {
    const pod = this.get(key);
    const agent = await this.#agents.get(key);
    this.#agents.delete(key);
    this.#pods.delete(key);
    await agent?.stop();
    await pod.stop();
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#pods.keys()].map((key) => this.stop(key)));
  }

  async resolveNames(): Promise<void> {
    const manifests = await readManifestsOrNone(this.#ground.directory);
    if (manifests === undefined) return;
    await Promise.all(
      this.all().map((pod) => pod.setHosts(hostsFile(manifests.services, pod.manifest.namespace))),
    );
  }
}

/** A file that is broken on purpose is the control plane's to judge: names stay as they are. */
async function readManifestsOrNone(directory: string): Promise<Manifests | undefined> {
  try {
    return await readManifests(directory);
  } catch {
    return undefined;
  }
}

async function replaceFile(
  directory: string,
  file: string,
  text: string | undefined,
): Promise<void> {
  const path = join(directory, file);
  if (text === undefined) {
    await rm(path, { force: true });
    return;
  }
  const draft = join(directory, `.${file}.draft`);
  await writeFile(draft, text);
  await rename(draft, path);
}

async function untilReady(prober: Agent, pods: readonly Pod[], timeoutMs: number): Promise<void> {
  const meshed = pods.filter(({ sidecar }) => sidecar !== undefined);
  await Promise.all([
    ...pods.map((pod) =>
      waitFor({ what: `the apps of ${pod.key}`, timeoutMs }, async () => {
        const ended = pod.apps.find((app) => !app.isRunning());
        if (ended !== undefined) throw new Error(`${ended.name} has ended: ${await pod.appLog()}`);
        return (await pod.appLog()).includes('"event":"listening"') ? true : undefined;
      }),
    ),
    ...meshed.map((pod) =>
      waitFor({ what: `readiness of ${pod.key}`, timeoutMs, intervalMs: 100 }, async () => {
        const url = `http://${pod.manifest.ip}:${readinessPort}/ready`;
        const { status, error } = await prober.http({ url, timeoutMs: 2_000 });
        if (status === 200) return true;
        throw new Error(error ?? `status ${status ?? 'none'}`);
      }),
    ),
  ]);
}

async function inParallel<T>(
  limit: number,
  items: readonly T[],
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: limit }, worker));
}
