/** Test support: namespaces, pods with addresses, their tokens, and policies, in an installation. */
import type { KubernetesClient } from '../../../sources/index.js';
import { eventually, objectAt } from '../test-kit.js';
import type { Installed, Replica } from './installed.js';
import { connectSidecar, type SidecarClient, type SidecarOptions } from './sidecar-client.js';

type MoreOfSidecar = Pick<SidecarOptions, 'envoyVersion'>;

/** Makes objects in one namespace that has sidecars. */
export interface Workloads {
  readonly namespace: string;
  /** A pod of the app `app`, with an address. */
  pod(name: string, app: string): Promise<void>;
  removePod(name: string): Promise<void>;
  /** Connects the sidecar of a pod. */
  connect(
    name: string,
    replica: Pick<Replica, 'address'>,
    more?: MoreOfSidecar,
  ): Promise<SidecarClient>;
  /** Creates or replaces a policy; its generation. */
  policy(name: string, spec: unknown): Promise<number>;
  /** What the API server has of a policy. */
  read(name: string): Promise<PolicyView>;
  /** The status, once `isSo` holds of it; rejects with the last one after `deadlineMs`. */
  statusOf(
    name: string,
    isSo: (status: StatusView, policy: PolicyView) => boolean,
    deadlineMs?: number,
  ): Promise<StatusView>;
}

/** A condition. */
export interface ConditionView {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly observedGeneration: number;
}

/** A status. */
export interface StatusView {
  readonly observedGeneration?: number;
  readonly target?: string;
  readonly conditions?: readonly ConditionView[];
  readonly proxies?: Readonly<Record<string, unknown>>;
  readonly slowest?: string;
  readonly firstRejection?: { readonly proxy?: string; readonly message: string };
}

/** A policy. */
export interface PolicyView {
  readonly metadata: {
    readonly generation: number;
    readonly resourceVersion: string;
    readonly uid: string;
    readonly managedFields?: readonly Readonly<Record<string, unknown>>[];
  };
  readonly status?: StatusView;
}

const policies = (namespace: string): string =>
  `/apis/skerry.dev/v1alpha1/namespaces/${namespace}/trafficpolicies`;

/** A condition of a status, as `True Accepted`. */
export function conditionOf(status: StatusView, type: string): string {
  const found = status.conditions?.find((one) => one.type === type);
  return found === undefined ? '' : `${found.status} ${found.reason}`;
}

let addresses = 0;

/**
 * Makes the namespace, and waits for its trust bundle. `isInjected`: pods get their sidecars from the
 * webhook; else they are written with what marks one.
 */
export async function makeWorkloads(
  installed: Pick<Installed, 'client'>,
  namespace: string,
  { isInjected } = { isInjected: true },
): Promise<Workloads> {
  const { client } = installed;
  const send = (
    method: 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
  ): Promise<unknown> => client.send({ method, path, ...(body === undefined ? {} : { body }) });
  const space = `/api/v1/namespaces/${namespace}`;
  const labels = { 'skerry.dev/inject': isInjected ? 'enabled' : 'disabled' };
  const annotations: Record<string, string> = isInjected ? {} : { 'skerry.dev/sidecar': 'true' };
  await send('POST', '/api/v1/namespaces', { metadata: { name: namespace, labels } });
  await send('POST', `${space}/serviceaccounts`, { metadata: { name: 'app' } });
  const roots = await eventually(async () => {
    const from = isInjected ? space : '/api/v1/namespaces/skerry-system';
    const found = (await objectAt(client, `${from}/configmaps/skerry-root`)) as
      { readonly data?: { readonly 'root.pem'?: string } } | undefined;
    return found?.data?.['root.pem'];
  });
  const uids = new Map<string, string>();

  const read = async (name: string): Promise<PolicyView> =>
    (await client.send({
      method: 'GET',
      path: `${policies(namespace)}/${name}`,
    })) as PolicyView;
  return {
    namespace,
    read,
    async pod(name, app): Promise<void> {
      const spec = { serviceAccountName: 'app', containers: [{ name: 'app', image: 'app' }] };
      const body = { metadata: { name, labels: { app }, annotations }, spec };
      // Until the certificate by which it knows the webhook is published, the API server refuses.
      const made = await eventually(() =>
        send('POST', `${space}/pods`, body).catch((error: unknown) => {
          if (error instanceof Error && error.message.includes('failed calling webhook')) {
            return undefined;
          }
          throw error;
        }),
      );
      uids.set(name, (made as { readonly metadata: { readonly uid: string } }).metadata.uid);
      addresses += 1;
      const podIP = `10.9.${String(addresses >> 8)}.${String(addresses & 255)}`;
      await setStatus(client, `${space}/pods/${name}`, { podIP, podIPs: [{ ip: podIP }] });
    },
    removePod: async (name) => {
      const path = `${space}/pods/${name}`;
      await client.send({ method: 'DELETE', path, body: { gracePeriodSeconds: 0 } });
    },
    async connect(name, replica, more = {}): Promise<SidecarClient> {
      const answer = await send('POST', `${space}/serviceaccounts/app/token`, {
        ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' },
        spec: {
          audiences: ['skerry'],
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid: uids.get(name) },
        },
      });
      const { token } = (answer as { readonly status: { readonly token: string } }).status;
      const nodeId = `${namespace}/${name}`;
      return connectSidecar({ address: replica.address, roots, token, nodeId, ...more });
    },
    async policy(name, spec): Promise<number> {
      const made = (await client.send({
        ...{ method: 'PATCH', path: `${policies(namespace)}/${name}` },
        query: { fieldManager: 'user', force: 'true' },
        contentType: 'application/apply-patch+yaml',
        body: {
          ...{ apiVersion: 'skerry.dev/v1alpha1', kind: 'TrafficPolicy' },
          ...{ metadata: { name, namespace }, spec },
        },
      })) as PolicyView;
      return made.metadata.generation;
    },
    async statusOf(name, isSo, deadlineMs = 30_000): Promise<StatusView> {
      let last: PolicyView | undefined;
      try {
        return await eventually(async () => {
          last = await read(name);
          const { status } = last;
          return status !== undefined && isSo(status, last) ? status : undefined;
        }, deadlineMs);
      } catch (cause) {
        throw new Error(`not so: ${JSON.stringify(last?.status)}`, { cause });
      }
    },
  };
}

async function setStatus(client: KubernetesClient, path: string, status: object): Promise<void> {
  await client.send({
    ...{ method: 'PATCH', path: `${path}/status`, contentType: 'application/merge-patch+json' },
    body: { status: { phase: 'Running', ...status } },
  });
}
