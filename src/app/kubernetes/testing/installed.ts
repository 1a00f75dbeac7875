/** Test support: an API server with an installation's objects, and control planes that run with its rights alone. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  applyAll,
  defaultInstall,
  imagesOf,
  installObjects,
  type ControllerOptions,
  type Manifest,
  type RunningController,
} from '../../../cli/index.js';
import { openKubernetesClient, type KubernetesClient } from '../../../sources/index.js';
import {
  startApiServer,
  type TestApiServer,
} from '../../../sources/kubernetes/testing/api-server.js';
import { startController } from '../../compose.js';
import { freePort } from '../../../lib/testing/free-port.js';

/** One request of a control plane, as the API server's audit log has it. */
export interface AuditedRequest {
  readonly verb: string;
  readonly group: string;
  /** `pods`, `trafficpolicies/status`, or the path of what is no resource. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly status: number;
  /** When it was answered, in milliseconds since the epoch. */
  readonly atMs: number;
}

/** A control plane of the installation. */
export interface Replica extends RunningController {
  readonly name: string;
  readonly adminSocket: string;
  readonly healthUrl: string;
}

/** A control plane in a process of its own, with the rights of the installation under a name of its own. */
export interface ReplicaProcess {
  readonly name: string;
  readonly address: string;
  readonly adminSocket: string;
  readonly healthUrl: string;
  /** Who it is to the API server. */
  readonly user: string;
  /** Its log so far, at level warn. */
  said(): string;
  /** SIGKILL, SIGSTOP, SIGCONT. */
  signal(signal: NodeJS.Signals): void;
}

/** The installation. */
export interface Installed {
  readonly server: TestApiServer;
  /** May do everything. */
  readonly client: KubernetesClient;
  /** Starts a control plane; it ends with the installation at the latest. */
  startReplica(name: string, more?: Partial<ControllerOptions>): Promise<Replica>;
  /** The same as another process, of which no more is known than that it serves. */
  startProcess(name: string): Promise<ReplicaProcess>;
  /** What control planes have asked so far, or the one that is `user`. */
  audited(user?: string): Promise<readonly AuditedRequest[]>;
  stop(): Promise<void>;
}

const account = 'system:serviceaccount:skerry-system:skerry-controller';
const groups = ['system:serviceaccounts', 'system:serviceaccounts:skerry-system'];

/** The webhook is called by URL here: nobody routes the addresses of Services. */
function withUrl(manifest: Manifest, url: string): Manifest {
  if (manifest.kind !== 'MutatingWebhookConfiguration') return manifest;
  const webhooks = manifest['webhooks'] as readonly Readonly<Record<string, unknown>>[];
  return {
    ...manifest,
    webhooks: webhooks.map((webhook) => ({ ...webhook, clientConfig: { url } })),
  };
}

interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly stageTimestamp: string;
  readonly user: { readonly username: string };
  readonly responseStatus?: { readonly code?: number };
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly apiGroup?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
}

function toRequest({ verb, requestURI, objectRef, ...event }: AuditEvent): AuditedRequest {
  const { resource, subresource } = objectRef ?? {};
  const path = requestURI.split('?')[0] ?? '';
  return {
    verb,
    group: objectRef?.apiGroup ?? '',
    resource: resource === undefined ? path : [resource, subresource].filter(Boolean).join('/'),
    namespace: objectRef?.namespace ?? '',
    name: objectRef?.name ?? '',
    status: event.responseStatus?.code ?? 0,
    atMs: Date.parse(event.stageTimestamp),
  };
}

async function readAudit(path: string, of: string): Promise<readonly AuditedRequest[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  return lines
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as AuditEvent];
      } catch {
        // The last one is still being written.
        return [];
      }
    })
    .filter(({ user }) => user.username === of)
    .map(toRequest);
}

/** Gives a user what the service account of the control plane has. */
async function bind(client: KubernetesClient, user: string): Promise<void> {
  const name = user.replaceAll(':', '-');
  const group = 'rbac.authorization.k8s.io';
  const subjects = [{ kind: 'User', name: user, apiGroup: group }];
  const roleRef = { apiGroup: group, name: 'skerry-controller' };
  const path = `/apis/${group}/v1`;
  await client.send({
    ...{ method: 'POST', path: `${path}/clusterrolebindings` },
    body: { metadata: { name }, subjects, roleRef: { ...roleRef, kind: 'ClusterRole' } },
  });
  await client.send({
    ...{ method: 'POST', path: `${path}/namespaces/skerry-system/rolebindings` },
    body: { metadata: { name }, subjects, roleRef: { ...roleRef, kind: 'Role' } },
  });
}

/** Runs the program that was built. */
async function startProcess(
  name: string,
  from: {
    readonly folder: string;
    readonly server: TestApiServer;
    readonly client: KubernetesClient;
    readonly processes: Set<ChildProcess>;
  },
): Promise<ReplicaProcess> {
  const user = `replica:${name}`;
  await bind(from.client, user);
  const kubeconfig = await from.server.kubeconfigFor(user);
  const address = `127.0.0.1:${String(await freePort())}`;
  const health = `127.0.0.1:${String(await freePort())}`;
  const adminSocket = join(from.folder, `${name}.sock`);
  const flags = {
    ...{ kubeconfig, replica: name, listen: address, 'log-level': 'warn' },
    'admin-socket': adminSocket,
    'health-listen': health,
    'server-name': 'skerry.skerry-system.svc',
  };
  const program = join(import.meta.dirname, '../../../../dist/skerry.js');
  const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  const child = spawn(process.execPath, [program, 'controller', '--kubernetes', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  from.processes.add(child);
  let said = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (bytes: Buffer) => {
      said += bytes.toString();
      if (said.includes('serving ADS on')) resolve();
    });
    child.once('exit', () => {
      reject(new Error(`the control plane ended: ${said}`));
    });
  });
  return {
    ...{ name, address, adminSocket, healthUrl: `http://${health}`, user, said: () => said },
    signal: (signal) => void child.kill(signal),
  };
}

/** An API server with everything that `skerry install` applies. */
export async function install(): Promise<Installed> {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-installed-'));
  const auditLog = join(folder, 'audit.log');
  const policy = join(folder, 'audit.yaml');
  const level = { level: 'Metadata', omitStages: ['RequestReceived'] };
  const rules = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [level] };
  await writeFile(policy, JSON.stringify(rules));
  await writeFile(auditLog, '');
  const server = await startApiServer({
    extraArgs: [`--audit-policy-file=${policy}`, `--audit-log-path=${auditLog}`],
  });
  const client = openKubernetesClient({ kubeconfig: server.kubeconfig });
  const webhookPort = await freePort();
  const url = `https://localhost:${String(webhookPort)}/inject`;
  const session = { client, signal: AbortSignal.timeout(60_000), say: (): void => undefined };
  const objects = installObjects(defaultInstall).map((one) => withUrl(one, url));
  await applyAll(session, objects);
  const kubeconfig = await server.kubeconfigFor(account, groups);
  const running = new Set<RunningController>();
  const processes = new Set<ChildProcess>();
  const images = imagesOf(defaultInstall);
  let hasWebhook = false;

  return {
    server,
    client,
    async startReplica(name, more = {}): Promise<Replica> {
      // One address of the webhook is known to the API server: the first replica serves it.
      const webhookListen = hasWebhook ? '127.0.0.1:0' : `127.0.0.1:${String(webhookPort)}`;
      hasWebhook = true;
      const adminSocket = join(folder, `${name}.sock`);
      const healthPort = await freePort();
      const controller = await startController({
        ...{
          platform: {
            kind: 'kubernetes',
            kubeconfig,
            replica: name,
            webhookListen,
            redirection: 'init',
            skerryImage: images.skerry,
            envoyImage: images.envoy,
          },
        },
        ...{ listen: `127.0.0.1:${String(await freePort())}`, adminSocket },
        healthListen: `127.0.0.1:${String(healthPort)}`,
        serverNames: ['skerry.skerry-system.svc', 'localhost'],
        ...{ trustDomain: 'cluster.local', rootNamespace: 'skerry-system', meshCidrs: [] },
        ...{ outbound: 'on-demand', accessLog: 'Errors', svidTtlSeconds: 3600 },
        ...{
          maxStreamAgeSeconds: 1800,
          logLevel: process.env['SKERRY_TEST_LOG'] === undefined ? 'silent' : 'info',
        },
        ...more,
      });
      running.add(controller);
      return {
        ...{ name, adminSocket, address: controller.address },
        healthUrl: `http://127.0.0.1:${String(healthPort)}`,
        async stop(): Promise<void> {
          running.delete(controller);
          await controller.stop();
        },
      };
    },
    startProcess: (name) => startProcess(name, { folder, server, client, processes }),
    audited: (user = account) => readAudit(auditLog, user),
    async stop(): Promise<void> {
      for (const child of processes) child.kill('SIGKILL');
      await Promise.all([...running].map((one) => one.stop()));
      client.close();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
