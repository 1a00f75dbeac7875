/** A Deployment's pods in YAML, started, and ended as the API server, the kubelet and the EndpointSlice controller do it together. */
import { createHash } from 'node:crypto';
import type { Mesh } from '../../demo/rig/index.js';
import { readinessPort } from '../../src/sidecar/index.js';
import { endpointSlice, manifest, type EndpointEntry } from './manifest.js';

/** What the pods are. */
export interface DeploymentOptions {
  /** `namespace/name`, of the Service and of the service account too. */
  readonly key: string;
  /** The first three parts of the pods' addresses. */
  readonly network: string;
  /** A built app. */
  readonly app: string;
  readonly port: { readonly name: string; readonly port: number };
}

/** When the parties act, in milliseconds after the deletion. */
export interface Termination {
  /** The kubelet begins: the hook, and then SIGTERM to the app. */
  readonly kubeletMs: number;
  /** The path of a preStop hook on the sidecar's readiness port. */
  readonly preStop?: string;
  /** The EndpointSlice says that the pod is terminating. */
  readonly sliceMs: number;
  /** SIGTERM to the sidecar after the app has ended. */
  readonly sidecarMs: number;
  /** SIGKILL to whatever is left. */
  readonly graceMs: number;
}

/** The pods. State: which there are, and how they are. */
export interface Deployment {
  /** Starts the next pod; resolves when it is ready and an endpoint. Resolves with its name. */
  add(): Promise<string>;
  /** The oldest pod, `namespace/name`. */
  oldest(): string;
  /** Ends the oldest pod; resolves when it is gone. */
  remove(termination: Termination): Promise<Ended>;
}

/** How a pod ended. */
export interface Ended {
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly deletedAtMs: number;
  /** What its apps have printed. */
  readonly log: string;
  /** Something of it had to be killed. */
  readonly wasKilled: boolean;
}

interface Replica {
  readonly name: string;
  readonly ip: string;
  endpoint: 'none' | 'ready' | 'terminating';
  isDeleted: boolean;
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A Deployment without pods. */
export function createDeployment(mesh: Mesh, options: DeploymentOptions): Deployment {
  const { key, network } = options;
  const [namespace = '', name = ''] = key.split('/');
  const replicas: Replica[] = [];
  let started = 0;

  const writePods = (): Promise<void> =>
    mesh.writeManifest(`70-${name}-pods.yaml`, manifest(...replicas.map(podOf)));
  const writeSlice = (): Promise<void> =>
    mesh.writeManifest(
      `71-${name}-slice.yaml`,
      manifest(
        endpointSlice({ service: key, port: options.port, endpoints: replicas.flatMap(entryOf) }),
      ),
    );

  const podOf = ({ name: own, ip, isDeleted }: Replica): object => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: own,
      namespace,
      uid: uidOf(own),
      labels: { app: name },
      annotations: { 'skerry.dev/sidecar': 'true' },
      ...(isDeleted ? { deletionTimestamp: '2025-01-01T00:00:30Z' } : {}),
    },
    spec: {
      serviceAccountName: name,
      containers: [
        {
          name: 'app',
          image: `skerry.dev/e2e/${options.app}`,
          env: Object.entries({ SERVICE: name, VERSION: own, PORT: `${options.port.port}` }).map(
            ([variable, value]) => ({ name: variable, value }),
          ),
        },
      ],
    },
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
  });

  const oldest = (): Replica => {
    const replica = replicas.find(({ isDeleted }) => !isDeleted);
    if (replica === undefined) throw new Error(`${key} has no pod left`);
    return replica;
  };

  /** From the router, as the kubelet calls from its node; what a hook answers is nothing to it. */
  const callHook = async (ip: string, path: string): Promise<void> => {
    await mesh.prober.http({ url: `http://${ip}:${readinessPort}${path}`, timeoutMs: 30_000 });
  };

  return {
    async add() {
      started += 1;
      const own = `${name}-${started}`;
      const ip = `${network}.${started}`;
      const replica: Replica = { name: own, ip, endpoint: 'none', isDeleted: false };
      replicas.push(replica);
      await writePods();
      await mesh.startPod(`${namespace}/${own}`);
      await mesh.untilReady([`${namespace}/${own}`]);
      replica.endpoint = 'ready';
      await writeSlice();
      return own;
    },
    oldest: () => `${namespace}/${oldest().name}`,
    async remove(termination) {
      const replica = oldest();
      const pod = mesh.pod(`${namespace}/${replica.name}`);
      replica.isDeleted = true;
      const deletedAtMs = Date.now();
      const deleted = writePods();
      const tellEndpoints = wait(termination.sliceMs).then(() => {
        replica.endpoint = 'terminating';
        return writeSlice();
      });
      await wait(termination.kubeletMs);
      if (termination.preStop !== undefined) await callHook(replica.ip, termination.preStop);
      const leftMs = (): number => Math.max(0, termination.graceMs - (Date.now() - deletedAtMs));
      const ends = await Promise.all(pod.apps.map((app) => app.stop(leftMs())));
      await Promise.all([deleted, tellEndpoints]);
      await wait(termination.sidecarMs);
      const sidecarEnd = await pod.sidecar?.process().stop(leftMs());
      const log = await pod.appLog();
      replicas.splice(replicas.indexOf(replica), 1);
      await Promise.all([writePods(), writeSlice()]);
      await mesh.stopPod(`${namespace}/${replica.name}`);
      const wasKilled = [...ends, sidecarEnd].some((end) => end?.signal === 'SIGKILL');
      return { name: replica.name, deletedAtMs, log, wasKilled };
    },
  };
}

function entryOf({ ip, endpoint }: Replica): readonly EndpointEntry[] {
  switch (endpoint) {
    case 'none':
      return [];
    case 'ready':
      return [{ ip, conditions: { ready: true, serving: true, terminating: false } }];
    case 'terminating':
      return [{ ip, conditions: { ready: false, serving: true, terminating: true } }];
  }
}

function uidOf(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return [8, 12, 16, 20, 32]
    .map((end, index, ends) => hex.slice(ends[index - 1] ?? 0, end))
    .join('-');
}
