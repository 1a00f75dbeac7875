/** Test support: an API server with an installation's objects, and control planes that run with its rights alone. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  applyAll,
  defaultInstall,
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

/** One request of a control plane, as the API server's audit log has it. */
export interface AuditedRequest {
  readonly verb: string;
  readonly group: string;
  /** `pods`, `trafficpolicies/status`, or the path of what is no resource. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly status: number;
}

/** A control plane of the installation. */
export interface Replica extends RunningController {
  readonly name: string;
  readonly adminSocket: string;
  readonly healthUrl: string;
}

/** The installation. */
export interface Installed {
  readonly server: TestApiServer;
  /** May do everything. */
  readonly client: KubernetesClient;
  /** Starts a control plane; it ends with the installation at the latest. */
  startReplica(name: string, more?: Partial<ControllerOptions>): Promise<Replica>;
  /** What control planes have asked so far. */
  audited(): Promise<readonly AuditedRequest[]>;
  stop(): Promise<void>;
}

const account = 'system:serviceaccount:skerry-system:skerry-controller';
const groups = ['system:serviceaccounts', 'system:serviceaccounts:skerry-system'];

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

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

function toRequest({ verb, requestURI, objectRef, responseStatus }: AuditEvent): AuditedRequest {
  const { resource, subresource } = objectRef ?? {};
  const path = requestURI.split('?')[0] ?? '';
  return {
    verb,
    group: objectRef?.apiGroup ?? '',
    resource: resource === undefined ? path : [resource, subresource].filter(Boolean).join('/'),
    namespace: objectRef?.namespace ?? '',
    name: objectRef?.name ?? '',
    status: responseStatus?.code ?? 0,
  };
}

async function readAudit(path: string): Promise<readonly AuditedRequest[]> {
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
    .filter(({ user }) => user.username === account)
    .map(toRequest);
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
    audited: () => readAudit(auditLog),
    async stop(): Promise<void> {
      await Promise.all([...running].map((one) => one.stop()));
      client.close();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
