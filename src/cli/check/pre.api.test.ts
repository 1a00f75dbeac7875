/** Checks before an installation, on a real API server brought into each state that they must find. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openKubernetesClient, type KubernetesClient } from '../../sources/index.js';
import { startApiServer, type TestApiServer } from '../../sources/kubernetes/testing/api-server.js';
import { at, listAt, textAt } from '../cluster/objects.js';
import { installObjects } from '../install/objects.js';
import { defaultInstall } from '../install/options.js';
import { pathOf } from '../install/paths.js';
import { runCli } from '../program.js';
import type { CheckReport } from './check.js';

let server: TestApiServer;
let admin: KubernetesClient;

beforeAll(async () => {
  server = await startApiServer();
  admin = openKubernetesClient({ kubeconfig: server.kubeconfig });
}, 120_000);
afterAll(async () => {
  admin.close();
  await server.stop();
});

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly reports: ReadonlyMap<string, CheckReport>;
}

/** The command as a user has it. */
async function check(kubeconfig: string, format = 'json'): Promise<Run> {
  let stdout = '';
  const args = ['check', '--pre', '--kubeconfig', kubeconfig, '-o', format];
  const code = await runCli(args, {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: () => true },
    env: {},
    startController: () => Promise.reject(new Error('not here')),
  });
  const parsed = format === 'json' ? (JSON.parse(stdout) as readonly CheckReport[]) : [];
  return { code, stdout, reports: new Map(parsed.map((one) => [one.name, one])) };
}

async function reportOf(name: string): Promise<CheckReport> {
  const report = (await check(server.kubeconfig)).reports.get(name);
  if (report === undefined) throw new Error(`no check ${name}`);
  return report;
}

/** What a check finds, as `Code: says`. */
async function found(name: string): Promise<readonly string[]> {
  return (await reportOf(name)).findings.map(({ code, says }) => `${code}: ${says}`);
}

function create(path: string, body: unknown): Promise<unknown> {
  return admin.send({ method: 'POST', path, body });
}

async function remove(path: string): Promise<void> {
  await admin.send({ method: 'DELETE', path });
}

async function createNamespace(
  name: string,
  labels: Readonly<Record<string, string>>,
  annotations: Readonly<Record<string, string>> = {},
): Promise<void> {
  await create('/api/v1/namespaces', { metadata: { name, labels, annotations } });
}

async function relabel(
  namespace: string,
  labels: Readonly<Record<string, string | null>>,
): Promise<void> {
  await admin.send({
    ...{ method: 'PATCH', path: `/api/v1/namespaces/${namespace}`, body: { metadata: { labels } } },
    contentType: 'application/merge-patch+json',
  });
}

function createNode(name: string, info: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const nodeInfo = {
    ...{ machineID: 'a', systemUUID: 'a', bootID: 'a', kernelVersion: '6.1.0' },
    ...{ osImage: 'Debian', containerRuntimeVersion: 'containerd://1.7.24' },
    ...{ kubeletVersion: 'v1.34.4', kubeProxyVersion: '', operatingSystem: 'linux' },
    ...{ architecture: 'amd64', ...info },
  };
  return create('/api/v1/nodes', { metadata: { name }, status: { nodeInfo } });
}

function createLease(node: string, renewTime: string): Promise<unknown> {
  return create('/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases', {
    metadata: { name: node },
    spec: { holderIdentity: node, leaseDurationSeconds: 40, renewTime },
  });
}

describe('nodes', () => {
  test('a cluster without one is told so, and with one is fine', async () => {
    expect(await found('nodes')).toEqual([expect.stringMatching(/^NoNode: .* found 0 nodes/)]);
    await createNode('good');
    const report = await reportOf('nodes');
    expect(report.result).toBe('ok');
    expect(report.says).toBe('1 nodes: v1.34.4; containerd://1.7.24; amd64');
  });

  test('an old kubelet is found, and one that is no Linux', async () => {
    await createNode('old', { kubeletVersion: 'v1.28.15+k3s1' });
    await createNode('win', { operatingSystem: 'windows' });
    await createNode('risc', { architecture: 'riscv64' });
    expect(await found('nodes')).toEqual([
      'KubeletTooOld: node old has kubelet v1.28.15+k3s1',
      'NodeForeign: node risc is linux/riscv64',
      'NodeForeign: node win is windows/amd64',
    ]);
    for (const name of ['old', 'win', 'risc']) await remove(`/api/v1/nodes/${name}`);
    expect((await reportOf('nodes')).result).toBe('ok');
  });
});

describe('clocks', () => {
  const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString().replace('Z', '000Z');

  test('a node that writes the right time is fine, one that is behind is named', async () => {
    await createLease('right', inMs(0));
    expect((await reportOf('clocks')).result).toBe('ok');
    await createLease('slow', inMs(-600_000));
    expect(await found('clocks')).toEqual([
      expect.stringMatching(/^NodeClockSkew: node slow is (599|60[01]) s behind$/),
    ]);
    await remove('/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/slow');
  });

  test('the API server notes when a lease is renewed, so that an old one says nothing of a clock', async () => {
    const path = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/right';
    const noted = (lease: unknown): string | undefined =>
      textAt(listAt(lease, 'metadata', 'managedFields')[0], 'time');
    const first = await admin.send({ method: 'GET', path });
    let renewed = first;
    // It counts in seconds.
    for (let tries = 0; noted(renewed) === noted(first) && tries < 1_000; tries += 1) {
      const spec = { ...(at(first, 'spec') as object), renewTime: inMs(0) };
      const body = { ...((await admin.send({ method: 'GET', path })) as object), spec };
      renewed = await admin.send({ method: 'PUT', path, body });
    }
    expect(noted(renewed)).not.toBe(noted(first));
    expect(listAt(renewed, 'metadata', 'managedFields')).toHaveLength(1);
  });
});

describe('permissions', () => {
  test('an administrator may install', async () => {
    const report = await reportOf('permissions');
    expect(report.findings).toEqual([]);
    expect(report.says).toBe(
      `all rights on ${String(installObjects(defaultInstall).length)} objects`,
    );
  });

  test('somebody who may write all kinds of objects may not grant what he lacks', async () => {
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    const writable = installObjects(defaultInstall).map(({ apiVersion, kind }) => {
      const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
      return { group, path: pathOf({ apiVersion, kind, metadata: { name: 'x' } }) };
    });
    const rules = writable.map(({ group, path }) => ({
      ...{ apiGroups: [group], resources: [path.split('/').at(-2) ?? ''] },
      verbs: ['get', 'list', 'create', 'patch'],
    }));
    await create(`${rbac}/clusterroles`, { metadata: { name: 'writer' }, rules });
    const subjects = [{ kind: 'User', name: 'eve', apiGroup: 'rbac.authorization.k8s.io' }];
    const roleRef = { kind: 'ClusterRole', name: 'writer', apiGroup: 'rbac.authorization.k8s.io' };
    await create(`${rbac}/clusterrolebindings`, {
      metadata: { name: 'writer' },
      roleRef,
      subjects,
    });
    const { code, reports } = await check(await server.kubeconfigFor('eve'));
    expect(code).toBe(1);
    const says = reports.get('permissions')?.findings.map((one) => one.says) ?? [];
    expect(says.length).toBeGreaterThan(0);
    expect(says.filter((one) => !/^grant: |^and \d+ more$/.test(one))).toEqual([]);
    expect(says).toContain('grant: watch pods');
    // And so it is: the API server says the same.
    const role = installObjects(defaultInstall).find(({ kind }) => kind === 'ClusterRole');
    const eve = openKubernetesClient({ kubeconfig: await server.kubeconfigFor('eve') });
    await expect(
      eve.send({ method: 'POST', path: `${rbac}/clusterroles`, body: role }),
    ).rejects.toMatchObject({ status: 403 });
    eve.close();
  });

  test('somebody who may nothing is told what is missing, and what could not be looked at', async () => {
    const { code, reports } = await check(await server.kubeconfigFor('mallory'));
    expect(code).toBe(1);
    expect(reports.get('permissions')?.findings[0]).toMatchObject({
      ...{ code: 'MayNotInstall', says: 'get namespaces skerry-system' },
    });
    const [hidden] = reports.get('nodes')?.findings ?? [];
    expect(hidden).toMatchObject({ code: 'MayNotLook' });
    expect(hidden?.says).toContain('nodes is forbidden');
    expect(reports.get('api-server')?.result).toBe('ok');
  });
});

describe('redirection', () => {
  test('where nothing forbids it, init containers may', async () => {
    const report = await reportOf('redirection');
    expect([report.result, report.says]).toEqual([
      'ok',
      'init containers may redirect: namespace default (none is enrolled yet)',
    ]);
  });

  test.each(['baseline', 'restricted'])(
    'where PodSecurity enforces %s, the node must',
    async (level) => {
      const name = `pods-${level}`;
      await createNamespace(name, {
        ...{ 'skerry.dev/inject': 'enabled', 'pod-security.kubernetes.io/enforce': level },
      });
      expect(await found('redirection')).toEqual([
        expect.stringMatching(
          new RegExp(`^NeedsCniRedirection: namespace ${name}: .*violates PodSecurity`),
        ),
      ]);
      expect((await check(server.kubeconfig)).code).toBe(0);
      await relabel(name, { 'skerry.dev/inject': null });
    },
  );

  test('where a policy of somebody else refuses any sidecar, it is quoted', async () => {
    const admission = '/apis/admissionregistration.k8s.io/v1';
    await createNamespace('picky', { 'skerry.dev/inject': 'enabled' });
    const matchConstraints = {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'picky' } },
      resourceRules: [
        { apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] },
      ],
    };
    const validations = [{ expression: 'object.spec.containers.size() > 9', message: 'too few' }];
    await create(`${admission}/validatingadmissionpolicies`, {
      metadata: { name: 'picky' },
      spec: { failurePolicy: 'Fail', matchConstraints, validations },
    });
    await create(`${admission}/validatingadmissionpolicybindings`, {
      metadata: { name: 'picky' },
      spec: { policyName: 'picky', validationActions: ['Deny'] },
    });
    // The API server takes a moment to know its own policies.
    let says: readonly string[] = [];
    for (let tries = 0; says.length === 0 && tries < 50; tries += 1)
      says = await found('redirection');
    expect(says).toEqual([
      expect.stringMatching(/^SidecarNotAdmitted: namespace picky: .*too few/),
    ]);
    await remove(`${admission}/validatingadmissionpolicybindings/picky`);
    await relabel('picky', { 'skerry.dev/inject': null });
  });
});

describe('enrolment', () => {
  test.each([
    ['istio', { 'istio-injection': 'enabled' }, {}, 'istio-injection: enabled of Istio'],
    ['revision', { 'istio.io/rev': 'canary' }, {}, 'istio.io/rev: canary of Istio'],
    ['linkerd', {}, { 'linkerd.io/inject': 'enabled' }, 'linkerd.io/inject: enabled of Linkerd'],
  ])('a namespace of two meshes is found: %s', async (name, labels, annotations, says) => {
    await createNamespace(name, { 'skerry.dev/inject': 'enabled', ...labels }, annotations);
    expect(await found('enrolment')).toEqual([`SecondMesh: namespace ${name} has ${says}`]);
    await relabel(name, { 'skerry.dev/inject': null });
    expect(await found('enrolment')).toEqual([]);
  });
});

describe('definition', () => {
  const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const definition = (group: string, change: object = {}): object => ({
    metadata: { name: `trafficpolicies.${group}`, ...change },
    spec: {
      ...{ group, scope: 'Namespaced' },
      names: { kind: 'TrafficPolicy', plural: 'trafficpolicies', shortNames: ['tp'] },
      versions: [
        {
          ...{ name: 'v1alpha1', served: true, storage: true },
          schema: { openAPIV3Schema: { type: 'object' } },
        },
      ],
    },
  });
  const established = async (name: string): Promise<void> => {
    for (let tries = 0; tries < 100; tries += 1) {
      const groups = JSON.stringify(await admin.send({ method: 'GET', path: '/apis' }));
      if (groups.includes(`"${name}"`)) return;
    }
  };

  test('a definition of our name that is not ours is not written over', async () => {
    expect(await found('definition')).toEqual([]);
    await create(crds, definition('skerry.dev'));
    expect(await found('definition')).toEqual([
      expect.stringMatching(/^ForeignDefinition: .* found no such label$/),
    ]);
    await remove(`${crds}/trafficpolicies.skerry.dev`);
  });

  test('a kind of the same name in another group is pointed out', async () => {
    await create(crds, definition('gateway.example.com'));
    await established('gateway.example.com');
    let says: readonly string[] = [];
    for (let tries = 0; says.length === 0 && tries < 50; tries += 1)
      says = await found('definition');
    expect(says).toEqual([
      'NameShared: trafficpolicies.gateway.example.com is called TrafficPolicy and trafficpolicies and tp too',
    ]);
    await remove(`${crds}/trafficpolicies.gateway.example.com`);
  });
});

test('people get a line for each check, and beneath it what is wrong, why and what to do', async () => {
  await createNode('old', { kubeletVersion: 'v1.28.0' });
  const { code, stdout } = await check(server.kubeconfig, 'table');
  expect(code).toBe(1);
  expect(stdout).toMatch(/^ok {7}api-server {10}Kubernetes v1\.34\.4 answers$/m);
  expect(stdout).toMatch(
    /^failed {3}nodes .*\n {9}node old has kubelet v1\.28\.0\n {11}code: {3}KubeletTooOld\n {11}cause: .*\n {11}remedy: /m,
  );
  expect(stdout).toMatch(/^8 checks: 7 ok, 1 failed$/m);
  await remove('/api/v1/nodes/old');
});

// Last: it ends the API server.
test('an API server that is away is said once, and the rest is skipped', async () => {
  await server.kill();
  const { code, reports } = await check(server.kubeconfig);
  expect(code).toBe(1);
  expect(reports.get('api-server')?.findings[0]?.code).toBe('ApiServerAway');
  const others = [...reports.values()].filter(({ name }) => name !== 'api-server');
  expect(new Set(others.map(({ result }) => result))).toEqual(new Set(['skipped']));
});
