/** The CNI plugin's objects on a real API server: what it takes, what the account may, and what it learns of its end. */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import {
  KubernetesApiError,
  openKubernetesClient,
  type KubernetesClient,
} from '../../sources/index.js';
import { startApiServer, type TestApiServer } from '../../sources/kubernetes/testing/api-server.js';
import { ownerState, type OwnerState } from '../cluster/owner.js';
import { applyAll, type Session } from './apply.js';
import { cniObjects } from './cni.js';
import { defaultInstall } from './options.js';

// A server of its own: it is killed, and a namespace of that name is one for each cluster.
let server: TestApiServer;
let admin: KubernetesClient;
let plugin: KubernetesClient;
const owner = { namespace: 'skerry-cni', name: 'skerry-cni' };
const daemonSet = '/apis/apps/v1/namespaces/skerry-cni/daemonsets/skerry-cni';
const binding = '/apis/rbac.authorization.k8s.io/v1/namespaces/skerry-cni/rolebindings/skerry-cni';

beforeAll(async () => {
  server = await startApiServer();
  admin = openKubernetesClient({ kubeconfig: server.kubeconfig });
  const user = 'system:serviceaccount:skerry-cni:skerry-cni';
  const groups = ['system:serviceaccounts', 'system:serviceaccounts:skerry-cni'];
  plugin = openKubernetesClient({ kubeconfig: await server.kubeconfigFor(user, groups) });
}, 180_000);

afterAll(async () => {
  admin.close();
  plugin.close();
  await server.stop();
});

beforeEach(async () => {
  const signal = AbortSignal.timeout(60_000);
  const session: Session = { client: admin, signal, say: () => undefined };
  await applyAll(session, cniObjects({ ...defaultInstall, redirection: 'cni' }));
}, 60_000);

function ask(): Promise<OwnerState> {
  return ownerState(plugin, owner, AbortSignal.timeout(5_000));
}

async function remove(path: string, propagationPolicy = 'Background'): Promise<void> {
  await admin.send({ method: 'DELETE', path, query: { propagationPolicy } });
}

async function statusOf(path: string): Promise<number> {
  try {
    await plugin.send({ method: 'GET', path });
    return 200;
  } catch (error) {
    if (error instanceof KubernetesApiError) return error.status;
    throw error;
  }
}

test('a DaemonSet that is there stays', async () => {
  expect(await ask()).toBe('stays');
});

test.each([
  [daemonSet, 200],
  ['/api/v1/namespaces/skerry-cni', 200],
  ['/apis/apps/v1/namespaces/skerry-cni/daemonsets', 403],
  ['/apis/apps/v1/namespaces/kube-system/daemonsets/skerry-cni', 403],
  ['/api/v1/namespaces/default', 403],
  ['/api/v1/namespaces', 403],
  ['/api/v1/pods', 403],
  ['/api/v1/namespaces/skerry-cni/pods', 403],
  ['/api/v1/nodes', 403],
  ['/api/v1/namespaces/skerry-cni/secrets', 403],
])('its account that reads %s gets %i', async (path, status) => {
  expect(await statusOf(path)).toBe(status);
});

test('one that is removed goes, whether its pods end before it or after', async () => {
  // No controller runs here that would take the finalizer away.
  await remove(daemonSet, 'Foreground');
  expect(await ask()).toBe('goes');
  await admin.send({
    ...{ method: 'PATCH', path: daemonSet, contentType: 'application/merge-patch+json' },
    body: { metadata: { finalizers: null } },
  });
  expect(await ask()).toBe('goes');
});

test('one whose account has lost its rights goes: they are removed together', async () => {
  await remove(binding);
  // The authorizer follows the API with a delay.
  const deadline = Date.now() + 10_000;
  while ((await ask()) === 'stays' && Date.now() < deadline);
  expect(await ask()).toBe('goes');
});

test('where the API server is away nobody knows', async () => {
  await server.kill();
  try {
    expect(await ask()).toBe('unknown');
  } finally {
    await server.start();
  }
}, 120_000);

// Last: no controller runs here that would empty the namespace, so it never ends.
test('one whose namespace is being removed goes with it', async () => {
  await remove('/api/v1/namespaces/skerry-cni');
  expect(await statusOf(daemonSet)).toBe(200);
  expect(await ask()).toBe('goes');
});
