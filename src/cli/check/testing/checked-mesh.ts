/** Test support: a mesh whose control planes are real, as `skerry check` sees it: pods, a Deployment, and a way to ask them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  install,
  type Installed,
  type Replica,
} from '../../../app/kubernetes/testing/installed.js';
import { openKubernetesClient, type KubernetesClient } from '../../../sources/index.js';
import { askAdmin } from '../../admin-client.js';
import { at, listAt } from '../../cluster/objects.js';
import { readObject } from '../../cluster/read.js';
import { deploymentPath } from '../../install/paths.js';
import { pause } from '../../pause.js';
import { runCli } from '../../program.js';
import type { CheckReport } from '../check.js';

/** Resolves with what `look` finds, once it finds something; rejects after `deadlineMs`. */
export async function eventually<T>(
  look: () => Promise<T | undefined>,
  deadlineMs = 15_000,
): Promise<T> {
  const signal = AbortSignal.timeout(deadlineMs);
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (signal.aborted) throw new Error(`not so after ${String(deadlineMs)} ms`);
    await pause(10, signal);
  }
}

/** What came of a run of the command. */
export interface CheckRun {
  readonly code: number;
  readonly stdout: string;
  readonly reports: ReadonlyMap<string, CheckReport>;
  /** `Code: says` of all findings. */
  readonly found: readonly string[];
}

/** A mesh that can be checked. */
export interface CheckedMesh {
  readonly installed: Installed;
  readonly client: KubernetesClient;
  readonly replicas: readonly [Replica, Replica];
  check(...args: readonly string[]): Promise<CheckRun>;
  /** Whether there is an object. */
  has(path: string): Promise<boolean>;
  /** JSON merge patch. */
  patch(path: string, body: unknown): Promise<void>;
  /** Makes a pod of the control plane that Kubernetes holds for ready, or for not ready. */
  controllerPod(name: string, isReady: boolean): Promise<void>;
  /** Replaces a value of the Deployment, by its JSON pointer. */
  setInDeployment(path: string, value: string): Promise<void>;
  /** Runs `use` while the control plane has no right on a kind of object: nobody mends it. */
  withoutRight(resource: string, use: () => Promise<void>): Promise<void>;
  giveRightsBack(): Promise<void>;
  /** The certificate of an authority that is not the mesh's, PEM. */
  foreignCertificate(): Promise<string>;
  /** What the Deployment's controller would write. */
  deploymentStatus(ready: number): Promise<void>;
  stop(): Promise<void>;
}

/** Runs commands of containers where the containers are: in this process. */
function withExec(
  client: KubernetesClient,
  sockets: ReadonlyMap<string, string>,
): KubernetesClient {
  return {
    ...client,
    async exec({ pod, command }): ReturnType<KubernetesClient['exec']> {
      try {
        const answer = await askAdmin(sockets.get(pod) ?? '/nonexistent', command.at(-1) ?? '');
        return { exitCode: 0, stdout: JSON.stringify(answer), stderr: '' };
      } catch (error) {
        return {
          exitCode: 1,
          stdout: '',
          stderr: `skerry: ${error instanceof Error ? error.message : ''}`,
        };
      }
    },
  };
}

const pods = '/api/v1/namespaces/skerry-system/pods';

const rolePath = '/apis/rbac.authorization.k8s.io/v1/clusterroles/skerry-controller';
const account = 'system:serviceaccount:skerry-system:skerry-controller';

/** The API server takes a moment to know its own roles. */
async function untilDenied({ client }: Installed, resource: string): Promise<void> {
  const group = resource === 'configmaps' ? '' : 'admissionregistration.k8s.io';
  const name = resource === 'configmaps' ? 'skerry-root' : 'skerry-injector';
  const resourceAttributes = { verb: 'patch', group, resource, name, namespace: '' };
  const body = { spec: { user: account, resourceAttributes } };
  const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
  await eventually(async () => {
    const answer = await client.send({ method: 'POST', path, body });
    return at(answer, 'status', 'allowed') === true ? undefined : true;
  });
}

/** Starts it: two replicas and a node. */
export async function startCheckedMesh(): Promise<CheckedMesh> {
  const installed = await install();
  const { client } = installed;
  const replicas = [
    await installed.startReplica('one'),
    await installed.startReplica('two'),
  ] as const;
  const sockets = new Map(replicas.map(({ name, adminSocket }) => [name, adminSocket]));
  const patch = async (path: string, body: unknown): Promise<void> => {
    await client.send({
      ...{ method: 'PATCH', path, body, contentType: 'application/merge-patch+json' },
    });
  };
  const deploymentStatus = async (ready: number): Promise<void> => {
    const found = await client.send({ method: 'GET', path: deploymentPath });
    const counts = { readyReplicas: ready, availableReplicas: ready };
    const status = { replicas: 2, updatedReplicas: 2, ...counts };
    await patch(`${deploymentPath}/status`, {
      status: { ...status, observedGeneration: at(found, 'metadata', 'generation') },
    });
  };
  const controllerPod = async (name: string, isReady: boolean): Promise<void> => {
    const template = at(
      await client.send({ method: 'GET', path: deploymentPath }),
      ...['spec', 'template'],
    );
    const metadata = { name, labels: at(template, 'metadata', 'labels') };
    const body = { metadata, spec: at(template, 'spec') };
    await client.send({ method: 'POST', path: pods, body }).catch((error: unknown) => {
      if (!(error instanceof Error && 'status' in error && error.status === 409)) throw error;
    });
    const ready = { type: 'Ready', status: isReady ? 'True' : 'False', message: 'it hangs' };
    await patch(`${pods}/${name}/status`, { status: { phase: 'Running', conditions: [ready] } });
  };
  const setInDeployment = async (path: string, value: string): Promise<void> => {
    await client.send({
      ...{ method: 'PATCH', path: deploymentPath, body: [{ op: 'replace', path, value }] },
      contentType: 'application/json-patch+json',
    });
    await deploymentStatus(2);
  };
  const role = await client.send({ method: 'GET', path: rolePath });
  const giveRightsBack = (): Promise<void> => patch(rolePath, { rules: listAt(role, 'rules') });
  const withoutRight = async (resource: string, use: () => Promise<void>): Promise<void> => {
    const left = listAt(role, 'rules').filter(
      (rule) => !listAt(rule, 'resources').includes(resource),
    );
    await patch(rolePath, { rules: left });
    try {
      await untilDenied(installed, resource);
      await use();
    } finally {
      await giveRightsBack();
    }
  };
  const nodeInfo = { operatingSystem: 'linux', architecture: 'amd64', kubeletVersion: 'v1.34.4' };
  await client.send({
    ...{ method: 'POST', path: '/api/v1/nodes' },
    body: { metadata: { name: 'node-1' }, status: { nodeInfo } },
  });
  for (const { name } of replicas) await controllerPod(name, true);
  await deploymentStatus(2);
  return {
    ...{ installed, client, replicas, patch, controllerPod, deploymentStatus },
    has: async (path) => (await readObject(client, path)) !== undefined,
    ...{ setInDeployment, withoutRight, giveRightsBack },
    foreignCertificate: () => readFile(join(installed.server.directory, 'ca.crt'), 'utf8'),
    async check(...args): Promise<CheckRun> {
      let stdout = '';
      const argv = ['check', '--kubeconfig', installed.server.kubeconfig, '-o', 'json', ...args];
      const code = await runCli(argv, {
        stdout: { write: (text) => (stdout += text) },
        stderr: { write: (text) => (stdout += text) },
        env: {},
        startController: () => Promise.reject(new Error('not here')),
        openCluster: (options) => withExec(openKubernetesClient(options), sockets),
      });
      const parsed: unknown = stdout.startsWith('[') ? JSON.parse(stdout) : [];
      const reports = listAt({ parsed }, 'parsed') as readonly CheckReport[];
      const findings = reports.flatMap((one) => one.findings);
      return {
        ...{ code, stdout },
        reports: new Map(reports.map((one) => [one.name, one])),
        found: findings.map((one) => `${one.code}: ${one.says}`),
      };
    },
    stop: () => installed.stop(),
  };
}
