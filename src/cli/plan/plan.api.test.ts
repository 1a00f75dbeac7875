/** Plans against a real API server, by an account that may only read: what the cluster has, and what an apply would change. */
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseAllDocuments, stringify } from 'yaml';
import { openKubernetesClient, type KubernetesClient } from '../../sources/index.js';
import { startApiServer, type TestApiServer } from '../../sources/kubernetes/testing/api-server.js';
import { at } from '../cluster/objects.js';
import type { Manifest } from '../install/manifest.js';
import { installObjects } from '../install/objects.js';
import { defaultInstall } from '../install/options.js';
import { deploymentPath, pathOf } from '../install/paths.js';
import { runSkerry, type CliRun } from '../test-kit.js';

const demoMesh = fileURLToPath(new URL('../../../demo/mesh', import.meta.url));
const policies = '50-policies.yaml';
/** What `view` gathers, which nobody does here: there is no controller. */
const viewRoles = ['system:aggregate-to-view', 'skerry-policies-view'];

/** The key of RFC 7517, appendix A.1. */
const publicKey = {
  ...{ kty: 'EC', kid: '1', crv: 'P-256' },
  x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
  y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
};

let server: TestApiServer;
let admin: KubernetesClient;
/** Kubeconfigs of who may only read, and of who may nothing. */
let reader: string;
let nobody: string;
let folder: string;

async function create(manifest: Manifest): Promise<void> {
  await admin.send({
    method: 'POST',
    path: pathOf(manifest).replace(/\/[^/]*$/, ''),
    body: manifest,
  });
}

async function patch(path: string, body: object): Promise<void> {
  const contentType = 'application/merge-patch+json';
  await admin.send({ method: 'PATCH', path, body, contentType });
}

/** Creates it as a user and the cluster's own parts do together. */
async function bringIn(manifest: Manifest): Promise<void> {
  await create(manifest);
  if (manifest.kind !== 'Pod') return;
  const conditions = [{ type: 'Ready', status: 'True' }];
  const [phase, podIPs] = [at(manifest, 'status', 'phase'), at(manifest, 'status', 'podIPs')];
  const [first] = podIPs as readonly { readonly ip: string }[];
  const status = { phase, podIP: first?.ip, podIPs, conditions };
  await patch(`${pathOf(manifest)}/status`, { status });
}

function documents(directory: string): readonly Manifest[] {
  return readdirSync(directory)
    .sort()
    .flatMap((name) => parseAllDocuments(readFileSync(join(directory, name), 'utf8')))
    .map((document) => document.toJS() as Manifest)
    .filter(({ kind }) => kind !== 'PolicyTest');
}

function installed(kinds: readonly string[]): readonly Manifest[] {
  return installObjects(defaultInstall).filter(({ kind }) => kinds.includes(kind));
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'skerry-plan-api-'));
  server = await startApiServer();
  admin = openKubernetesClient({ kubeconfig: server.kubeconfig });
  [reader, nobody] = [await server.kubeconfigFor('reader'), await server.kubeconfigFor('nobody')];
  for (const role of viewRoles) {
    await create({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: `reader-${role.replaceAll(':', '-')}` },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ kind: 'User', name: 'reader', apiGroup: 'rbac.authorization.k8s.io' }],
    });
  }
}, 180_000);
afterAll(async () => {
  admin.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

function plan(directory: string, kubeconfig = reader): Promise<CliRun> {
  return runSkerry('plan', '-f', directory, '--kubeconfig', kubeconfig);
}

/** The demo's policies with a text replaced, and more files; Services and pods are the cluster's. */
function change(
  name: string,
  [from, to]: readonly [string, string],
  more: readonly object[] = [],
): string {
  const directory = mkdtempSync(join(folder, `${name}-`));
  cpSync(join(demoMesh, policies), join(directory, policies));
  const path = join(directory, policies);
  const text = readFileSync(path, 'utf8');
  if (!text.includes(from)) throw new Error(`the policies do not contain ${from}`);
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
  for (const [index, object] of more.entries()) {
    writeFileSync(join(directory, `more-${String(index)}.yaml`), stringify(object));
  }
  return directory;
}

const same: readonly [string, string] = ['weight: 90', 'weight: 90'];

describe('a cluster that cannot be read', () => {
  test('without our kind of object is told to be given it', async () => {
    // Roles alone: who reads has the right to list what is not there.
    for (const role of installed(['ClusterRole'])) await create(role);
    const { code, stdout, stderr } = await plan(demoMesh);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(
      'the cluster has no trafficpolicies.skerry.dev: install Skerry first (skerry install)',
    );
  });

  test('names every kind that the account may not list, and who may', async () => {
    const { code, stderr } = await plan(demoMesh, nobody);
    expect(code).toBe(1);
    for (const kind of ['namespaces', 'services', 'pods', 'endpointslices']) {
      expect(stderr).toContain(`${kind} (403 Forbidden)`);
    }
    expect(stderr).toContain('the ClusterRole view, bound by a ClusterRoleBinding, is enough');
  });

  test('says so at once where nobody answers', async () => {
    const dead = join(folder, 'dead.kubeconfig');
    const text = readFileSync(reader, 'utf8').replace(server.url, 'https://127.0.0.1:1');
    writeFileSync(dead, text);
    const startedAtMs = performance.now();
    const { code, stderr } = await plan(demoMesh, dead);
    expect(code).toBe(1);
    expect(stderr).toMatch(/the API server does not answer \(.*ECONNREFUSED/);
    expect(performance.now() - startedAtMs).toBeLessThan(10_000);
  });
});

describe('the demo’s mesh on a cluster', () => {
  beforeAll(async () => {
    for (const definition of installed(['CustomResourceDefinition'])) await create(definition);
    for (const namespace of documents(demoMesh).filter(({ kind }) => kind === 'Namespace')) {
      await create(namespace);
    }
    for (const deployment of installed(['Deployment'])) await create(deployment);
    await untilServed();
    for (const manifest of documents(demoMesh)) {
      if (manifest.kind !== 'Namespace') await bringIn(manifest);
    }
  }, 60_000);

  async function untilServed(): Promise<void> {
    const deadlineMs = performance.now() + 30_000;
    const path = '/apis/skerry.dev/v1alpha1/trafficpolicies';
    for (;;) {
      const isServed = await admin.send({ method: 'GET', path }).then(
        () => true,
        () => false,
      );
      if (isServed) return;
      if (performance.now() > deadlineMs) throw new Error('the definition is not served');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  test('what it was made from changes nothing, and what was not read is said', async () => {
    const { code, stdout } = await plan(demoMesh);
    expect(stdout).toMatch(/^CALLS {2}0 changes; \d{2,} calls judged/);
    expect(stdout).toContain('not complete: nodes could not be read (403 Forbidden): zones');
    expect(stdout).toMatch(/nothing would change\n$/);
    expect(code).toBe(0);
  });

  test('a right that is narrowed is seen, with the field that somebody changed and no other', async () => {
    const narrowed = change('narrowed', [
      'from: [{ namespace: a }]',
      'from: [{ namespace: a }]\n          to: [{ methods: [GET] }]',
    ]);
    const { code, stdout } = await plan(narrowed);
    expect(stdout).toContain('! would be refused: a/frontend to reviews.b:80: POST');
    expect(stdout).toContain(
      '~ TrafficPolicy.skerry.dev b/callers  spec.inbound.authorization.allow[0].to\n',
    );
    expect(code).toBe(1);
  });

  test('a change that two directories show is the same against the cluster', async () => {
    const moved = change('moved', ['weight: 90', 'weight: 80']);
    const both = mkdtempSync(join(folder, 'both-'));
    cpSync(demoMesh, both, { recursive: true });
    cpSync(join(moved, policies), join(both, policies));
    const offline = await runSkerry('plan', '-f', both, '--against', demoMesh, '--json');
    const online = await runSkerry('plan', '-f', moved, '--kubeconfig', reader, '--json');
    const calls = ({ stdout }: CliRun): unknown => at(JSON.parse(stdout), 'calls', 'changes');
    expect(calls(online)).toEqual(calls(offline));
    expect(at(JSON.parse(online.stdout), 'objects')).toEqual(
      at(JSON.parse(offline.stdout), 'objects'),
    );
  });

  test('an object of the cluster that has an error, and is not in the directory, is no news', async () => {
    const metadata = { name: 'broken', namespace: 'a' };
    const kind = { apiVersion: 'skerry.dev/v1alpha1', kind: 'TrafficPolicy' };
    // The schema lets pass what only the parser can tell.
    const routes = [{ matches: [{ path: { type: 'RegularExpression', value: '(' } }] }];
    const broken = {
      ...kind,
      metadata,
      spec: { targetRefs: [{ kind: 'Service', name: 'x' }], routes },
    };
    await create(broken);
    try {
      const { code, stdout } = await plan(change('no-news', same));
      expect(stdout).not.toContain('DIAGNOSTICS');
      expect(code).toBe(0);
    } finally {
      await admin.send({ method: 'DELETE', path: pathOf(broken) });
    }
  });

  test('a new Service and a route to it are judged by the pods that it would have', async () => {
    const canary = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'reviews-canary', namespace: 'b' },
      spec: {
        selector: { app: 'reviews', version: 'v2' },
        ports: [{ name: 'http', port: 80, targetPort: 'http' }],
      },
    };
    const directory = change(
      'canary',
      ['{ service: reviews-v2, port: 80 }', '{ service: reviews-canary, port: 80 }'],
      [canary],
    );
    const { code, stdout } = await plan(directory);
    expect(stdout).toContain('+ Service b/reviews-canary');
    expect(stdout).not.toContain('would reach nobody');
    expect(code).toBe(0);
    const none = change(
      'none',
      ['{ service: reviews-v2, port: 80 }', '{ service: reviews-canary, port: 80 }'],
      [{ ...canary, spec: { ...canary.spec, selector: { app: 'of-nobody' } } }],
    );
    expect((await plan(none)).stdout).toContain('would reach nobody');
  });

  test('a Service that selects other pods is judged by these', async () => {
    const path = '/api/v1/namespaces/b/services/reviews';
    const { spec } = (await admin.send({ method: 'GET', path })) as { readonly spec: object };
    const directory = change('switched', same, [
      {
        ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'reviews', namespace: 'b' } },
        spec: { ...spec, selector: { app: 'reviews', version: 'of-nobody' } },
      },
    ]);
    const { code, stdout } = await plan(directory);
    expect(stdout).toContain('would reach nobody: a/frontend to reviews.b:80');
    expect(stdout).toContain('~ Service b/reviews  spec.selector');
    expect(code).toBe(1);
  });

  describe('with key sets', () => {
    const labels = { 'skerry.dev/jwks': 'true' };
    const keySet = {
      ...{ apiVersion: 'v1', kind: 'ConfigMap' },
      metadata: { name: 'sso-keys', namespace: 'b', labels },
      data: { 'jwks.json': JSON.stringify({ keys: [publicKey] }) },
    };
    const required = {
      ...{ apiVersion: 'skerry.dev/v1alpha1', kind: 'TrafficPolicy' },
      metadata: { name: 'tokens', namespace: 'b' },
      spec: {
        targetRefs: [{ kind: 'Service', name: 'reviews' }],
        inbound: {
          jwt: {
            issuers: [{ issuer: 'https://sso.local', jwks: { configMap: 'sso-keys' } }],
            required: true,
          },
        },
      },
    };
    const tellController = async (variables: readonly object[]): Promise<void> => {
      const deployment = await admin.send({ method: 'GET', path: deploymentPath });
      const [container] = at(deployment, 'spec', 'template', 'spec', 'containers') as readonly {
        readonly env: readonly { readonly name: string }[];
      }[];
      const env = [
        ...(container?.env ?? []).filter(({ name }) => name !== 'SKERRY_KEY_SETS'),
        ...variables,
      ];
      const containers = [{ ...container, env }];
      await patch(deploymentPath, { spec: { template: { spec: { containers } } } });
    };

    test('that the control plane does not follow have no effect, and this is said', async () => {
      const { stdout } = await plan(change('unfollowed', same, [keySet, required]));
      expect(stdout).toContain(
        'not complete: ConfigMap b/sso-keys has no effect: the control plane runs without --key-sets',
      );
      expect(stdout).toMatch(/DIAGNOSTICS {2}[1-9]/);
    });

    test('that it follows are read from the cluster', async () => {
      await tellController([{ name: 'SKERRY_KEY_SETS', value: 'true' }]);
      await create(keySet);
      try {
        const { stdout } = await plan(change('followed', same, [required]));
        expect(stdout).toContain('would be refused: a/frontend to reviews.b:80');
        expect(stdout).not.toContain('DIAGNOSTICS');
      } finally {
        await admin.send({ method: 'DELETE', path: pathOf(keySet) });
        await tellController([]);
      }
    });
  });

  test('who may not see the control plane is told what is taken for granted', async () => {
    await admin.send({ method: 'DELETE', path: deploymentPath });
    const { code, stdout } = await plan(change('unseen', same));
    expect(stdout).toContain(
      'not complete: what the control plane was told could not be read (404 NotFound)',
    );
    expect(stdout).toContain('secrets (skerry.dev/credential) could not be read (403 Forbidden)');
    expect(code).toBe(0);
  });
});
