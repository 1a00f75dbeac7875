/** An installation against a real API server: what it takes, what the rights allow, and what removal leaves. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  KubernetesApiError,
  openKubernetesClient,
  type KubernetesClient,
} from '../../sources/index.js';
import { startApiServer, type TestApiServer } from '../../sources/kubernetes/testing/api-server.js';
import { at, listAt, textAt } from '../cluster/objects.js';
import { applyAll, read, type Session } from './apply.js';
import { installedOptions } from './installed.js';
import { installObjects } from './objects.js';
import { defaultInstall, type InstallOptions } from './options.js';
import { deploymentPath, pathOf, titleOf, webhookPath } from './paths.js';
import { removeAll } from './remove.js';
import { checkUpgrade, readInstalled } from './upgrade.js';

// A server of its own: an installation is one for each cluster.
let server: TestApiServer;
let admin: KubernetesClient;
let controller: KubernetesClient;
let session: Session;
let said: string[];
const manifests = installObjects(defaultInstall);

beforeAll(async () => {
  server = await startApiServer();
  admin = openKubernetesClient({ kubeconfig: server.kubeconfig });
  const user = 'system:serviceaccount:skerry-system:skerry-controller';
  const groups = ['system:serviceaccounts', 'system:serviceaccounts:skerry-system'];
  controller = openKubernetesClient({ kubeconfig: await server.kubeconfigFor(user, groups) });
  said = [];
  session = {
    client: admin,
    signal: AbortSignal.timeout(150_000),
    say: (line) => said.push(line),
  };
  await applyAll(session, manifests);
}, 180_000);

afterAll(async () => {
  admin.close();
  controller.close();
  await server.stop();
});

async function statusOf(answer: Promise<unknown>): Promise<number> {
  try {
    await answer;
    return 200;
  } catch (error) {
    if (error instanceof KubernetesApiError) return error.status;
    throw error;
  }
}

function applyConfigMap(namespace: string, name: string): Promise<unknown> {
  return controller.send({
    ...{ method: 'PATCH', path: `/api/v1/namespaces/${namespace}/configmaps/${name}` },
    query: { fieldManager: 'skerry-controller', force: 'true' },
    contentType: 'application/apply-patch+yaml',
    body: {
      ...{ apiVersion: 'v1', kind: 'ConfigMap', data: { 'root.pem': 'x' } },
      metadata: { name, namespace, labels: { 'app.kubernetes.io/managed-by': 'skerry' } },
    },
  });
}

test('the API server takes every object as it is, and applying again changes none', async () => {
  const applied = said.filter((line) => !line.startsWith('waiting: '));
  expect(applied).toEqual(manifests.map((manifest) => `applied ${titleOf(manifest)}`));
  const versions = async (): Promise<readonly unknown[]> =>
    Promise.all(
      manifests.map(async (one) =>
        textAt(await read(session, pathOf(one)), 'metadata', 'resourceVersion'),
      ),
    );
  // Whoever conditions the definition is done when it is established, and apply has waited for that.
  const before = await versions();
  await applyAll(session, manifests);
  expect(await versions()).toEqual(before);
});

test('the certificate that the control plane writes survives another apply', async () => {
  // The API server wants a real certificate.
  const value = (await readFile(join(server.directory, 'ca.crt'))).toString('base64');
  await controller.send({
    ...{ method: 'PATCH', path: webhookPath, contentType: 'application/json-patch+json' },
    body: [{ op: 'add', path: '/webhooks/0/clientConfig/caBundle', value }],
  });
  await applyAll(session, manifests);
  const [hook] = listAt(await read(session, webhookPath), 'webhooks');
  expect(textAt(hook, 'clientConfig', 'caBundle')).toBe(value);
});

describe('the rights of the control plane', () => {
  test.each([
    ['/api/v1/services'],
    ['/api/v1/pods'],
    ['/api/v1/namespaces'],
    ['/api/v1/nodes'],
    ['/api/v1/serviceaccounts'],
    ['/apis/discovery.k8s.io/v1/endpointslices'],
    ['/apis/skerry.dev/v1alpha1/trafficpolicies'],
    ['/.well-known/openid-configuration'],
    ['/openid/v1/jwks'],
  ])('it reads %s', async (path) => {
    const accept = path === '/openid/v1/jwks' ? 'application/jwk-set+json' : 'application/json';
    expect(await statusOf(controller.send({ method: 'GET', path, accept }))).toBe(200);
  });

  test('it follows the configuration of its own webhook, and no other', async () => {
    const collection = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
    const list = (name: string): Promise<number> =>
      statusOf(
        controller.send({
          ...{ method: 'GET', path: collection },
          query: { fieldSelector: `metadata.name=${name}` },
        }),
      );
    expect([await list('skerry-injector'), await list('other')]).toEqual([200, 403]);
  });

  test('it keeps the trust bundle in any namespace, and no other ConfigMap', async () => {
    expect(await statusOf(applyConfigMap('default', 'skerry-root'))).toBe(200);
    expect(await statusOf(applyConfigMap('default', 'other'))).toBe(403);
    const path = '/api/v1/configmaps';
    const query = { fieldSelector: 'metadata.name=skerry-root' };
    expect(await statusOf(controller.send({ method: 'GET', path, query }))).toBe(200);
    expect(await statusOf(controller.send({ method: 'GET', path }))).toBe(403);
  });

  test.each([
    ['/api/v1/secrets'],
    ['/api/v1/namespaces/skerry-system/secrets'],
    ['/api/v1/namespaces/default/secrets/skerry-ca'],
    ['/api/v1/namespaces/default/configmaps/other'],
    ['/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'],
    ['/apis/apps/v1/deployments'],
  ])('it does not read %s', async (path) => {
    expect(await statusOf(controller.send({ method: 'GET', path }))).toBe(403);
  });

  test('it reads and writes its own Secret and Lease, and none else', async () => {
    const system = '/api/v1/namespaces/skerry-system/secrets';
    const body = (name: string): unknown => ({
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'skerry-system' } },
    });
    const post = { method: 'POST', path: system } as const;
    expect(await statusOf(controller.send({ ...post, body: body('skerry-ca') }))).toBe(200);
    expect(await statusOf(admin.send({ ...post, body: body('other') }))).toBe(200);
    const get = async (name: string): Promise<number> =>
      statusOf(controller.send({ method: 'GET', path: `${system}/${name}` }));
    expect([await get('skerry-ca'), await get('other')]).toEqual([200, 403]);
    const leases = '/apis/coordination.k8s.io/v1/namespaces/skerry-system/leases';
    const lease = (name: string): Promise<number> =>
      statusOf(controller.send({ method: 'GET', path: `${leases}/${name}` }));
    expect([await lease('skerry-leader'), await lease('other')]).toEqual([404, 403]);
  });
});

describe('an upgrade', () => {
  test('keeps what was installed, as the API server has it', async () => {
    const chosen: InstallOptions = {
      ...defaultInstall,
      ...{ trustDomain: 'mesh.example', replicas: 3, isHighlyAvailable: true, accessLog: 'All' },
      meshCidrs: ['10.0.0.0/8'],
    };
    await applyAll(session, installObjects(chosen));
    // The folders of the plugin are told to its DaemonSet alone, which is not part of this one.
    const { envoyTag, cniBinDir, cniConfDir } = defaultInstall;
    const told = { envoyTag, cniBinDir, cniConfDir };
    const found = installedOptions(await readInstalled(session));
    expect({ ...told, ...found }).toEqual(chosen);
    await applyAll(session, manifests);
    expect({ ...told, ...installedOptions(await readInstalled(session)) }).toEqual(defaultInstall);
  });

  test('looks at what runs', async () => {
    const next = { ...defaultInstall, imageTag: '0.3.0', trustDomain: 'other' };
    expect(await checkUpgrade(session, await readInstalled(session), next)).toEqual([
      expect.stringContaining('leaves out a minor version'),
      expect.stringContaining('trust domain cluster.local'),
    ]);
    const fits = { ...defaultInstall, imageTag: '0.2.0' };
    expect(await checkUpgrade(session, await readInstalled(session), fits)).toEqual([]);
  });
});

test('the control plane’s pods stand up to the security that its namespace enforces', async () => {
  const deployment = await read(session, deploymentPath);
  const template = at(deployment, 'spec', 'template');
  const pod = (containers: readonly unknown[]): unknown => ({
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: { name: 'like-the-controller', labels: at(template, 'metadata', 'labels') },
    spec: { ...(at(template, 'spec') as object), containers },
  });
  const create = (body: unknown): Promise<number> =>
    statusOf(
      admin.send({
        ...{ method: 'POST', path: '/api/v1/namespaces/skerry-system/pods', body },
        query: { dryRun: 'All' },
      }),
    );
  const containers = listAt(template, 'spec', 'containers') as readonly object[];
  expect(await create(pod(containers))).toBe(200);
  const bold = containers.map((one) => ({ ...one, securityContext: {} }));
  expect(await create(pod(bold))).toBe(403);
});

// Last: it takes everything away.
test('removal waits for a word on policies, and then leaves nothing but what is kept', async () => {
  const policies = '/apis/skerry.dev/v1alpha1/namespaces/default/trafficpolicies';
  const body = {
    ...{ apiVersion: 'skerry.dev/v1alpha1', kind: 'TrafficPolicy' },
    metadata: { name: 'one', namespace: 'default' },
    spec: { targetRefs: [{ kind: 'Namespace' }], inbound: { mtls: { mode: 'Strict' } } },
  };
  const created = await statusOf(admin.send({ method: 'POST', path: policies, body }));
  expect(created).toBe(200);
  const options = { hasPolicies: false, keepsAuthority: true };
  await expect(removeAll(session, manifests, options)).rejects.toThrow('1 TrafficPolicies');
  expect(await read(session, webhookPath)).toBeDefined();
  // No controller runs here that would empty a namespace, so it is kept.
  await removeAll(session, manifests, { ...options, hasPolicies: true });
  const left: string[] = [];
  for (const manifest of manifests) {
    if ((await read(session, pathOf(manifest))) !== undefined) left.push(titleOf(manifest));
  }
  expect(left).toEqual(['Namespace skerry-system']);
  expect(await read(session, '/api/v1/namespaces/default/configmaps/skerry-root')).toBeUndefined();
  expect(await read(session, '/api/v1/namespaces/skerry-system/secrets/skerry-ca')).toBeDefined();
}, 60_000);
