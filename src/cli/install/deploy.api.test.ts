/** The Kustomize base and the Helm chart: the same objects as the command line's, and an API server takes them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { openKubernetesClient, type KubernetesClient } from '../../sources/index.js';
import { startApiServer, type TestApiServer } from '../../sources/kubernetes/testing/api-server.js';
import { listAt, nameOf, textAt } from '../cluster/objects.js';
import { read, type Session } from './apply.js';
import { spellManifests } from './flags.js';
import { installedOptions } from './installed.js';
import type { Manifest } from './manifest.js';
import { installObjects } from './objects.js';
import { checkInstallOptions, defaultInstall, type InstallOptions } from './options.js';
import { deploymentPath, pathOf, webhookPath } from './paths.js';
import { podsOf, surpriseOf } from './testing/attack-surface.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const chart = join(root, 'deploy', 'helm', 'skerry');

function program(variable: string): string {
  const path = process.env[variable];
  if (path === undefined) throw new Error(`no ${variable}: use npm run test:api`);
  return path;
}

// A folder below the checkout: Kustomize takes no absolute paths.
let work: string;
beforeAll(() => {
  mkdirSync(join(root, 'dist'), { recursive: true });
  work = mkdtempSync(join(root, 'dist', 'deploy-test-'));
});
afterAll(() => {
  rmSync(work, { recursive: true, force: true });
});

const maxBuffer = 64 * 1024 * 1024;

/** Environment variables are a map to Kubernetes, and a patch puts its own first. */
function sortVariables(key: string, value: unknown): unknown {
  if (key !== 'env' || !Array.isArray(value)) return value;
  const nameOf = (one: unknown): string => textAt(one, 'name') ?? '';
  return [...(value as unknown[])].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

/** Objects of a YAML stream by their paths, so that order does not count. */
function byPath(text: string): Readonly<Record<string, unknown>> {
  const objects = parseAllDocuments(text, { version: '1.1' }).flatMap(
    (document) =>
      (document.toJS({
        reviver: (key, value) => sortVariables(String(key), value),
      }) as Manifest | null) ?? [],
  );
  return Object.fromEntries(objects.map((object) => [pathOf(object), object]));
}

function expected(
  options: InstallOptions,
  change: (object: Manifest) => Manifest = (object) => object,
): unknown {
  return byPath(spellManifests(installObjects(options).map(change), 'yaml'));
}

/** Helm alone is told to leave the definition when a release goes: nothing else tells the two apart. */
function kept(object: Manifest): Manifest {
  if (object.kind !== 'CustomResourceDefinition') return object;
  const annotations = { 'helm.sh/resource-policy': 'keep' };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/** Values as a file, as Helm's users write them. */
function helmTemplate(
  values: unknown,
  args: readonly string[] = [],
): { readonly stdout: string; readonly stderr: string; readonly status: number | null } {
  const file = join(work, 'values.json');
  writeFileSync(file, JSON.stringify(values));
  const argv = ['template', 'mesh', chart, '--values', file, ...args];
  return spawnSync(program('SKERRY_HELM'), argv, { encoding: 'utf8', maxBuffer });
}

const everything: InstallOptions = {
  ...defaultInstall,
  ...{ registry: 'mirror.example.com:5000/mesh', imageTag: 'v0.1.0-rc.1', envoyTag: '1.39.2' },
  ...{ replicas: 7, isHighlyAvailable: true, trustDomain: 'mesh.example', accessLog: 'Off' },
  meshCidrs: ['10.0.0.0/8', 'fd00::/64'],
  resources: { requests: { cpu: '2', memory: '1Gi' }, limits: { cpu: '4', memory: '3Gi' } },
};

describe('the Helm chart renders what the command line does', () => {
  const ha = { ...defaultInstall, isHighlyAvailable: true };
  const cases: readonly (readonly [string, unknown, InstallOptions])[] = [
    ['by itself', {}, defaultInstall],
    ['highly available', { ha: true }, { ...ha, replicas: 3 }],
    ['highly available, by two', { ha: true, replicas: 2 }, { ...ha, replicas: 2 }],
    ['with one replica', { replicas: 1 }, { ...defaultInstall, replicas: 1 }],
    ['with the CNI plugin', { redirection: 'cni' }, { ...defaultInstall, redirection: 'cni' }],
    [
      'with everything changed',
      {
        ...{ registry: everything.registry, tag: everything.imageTag, envoyTag: '1.39.2' },
        ...{ replicas: 7, ha: true, trustDomain: 'mesh.example', accessLog: 'Off' },
        ...{ meshCidrs: everything.meshCidrs, resources: everything.resources },
      },
      everything,
    ],
  ];
  // What the command line does not take, the chart does not take either.
  test.each(cases.filter(([, , options]) => checkInstallOptions(options).length === 0))(
    '%s',
    (_name, values, options) => {
      const { stdout, stderr, status } = helmTemplate(values);
      expect(stderr).toBe('');
      expect(status).toBe(0);
      expect(byPath(stdout)).toEqual(expected(options, kept));
    },
  );
});

describe('the Helm chart', () => {
  test.each([
    [{ registry: 'https://registry.example.com' }, 'registry'],
    [{ tag: 1.1 }, 'tag'],
    [{ trustDomain: 'Cluster.Local' }, 'trustDomain'],
    [{ meshCidrs: ['10.0.0.0'] }, 'meshCidrs'],
    [{ meshCidrs: ['10.0.0.0/33'] }, 'meshCidrs'],
    [{ meshCidrs: ['300.0.0.0/8'] }, 'meshCidrs'],
    [{ meshCidrs: ['fd00::/129'] }, 'meshCidrs'],
    [{ accessLog: false }, 'accessLog'],
    [{ ha: true, replicas: 1 }, 'replicas'],
    [{ replicas: 0 }, 'replicas'],
    [{ trustdomain: 'a' }, 'trustdomain'],
  ])('refuses %j and names the value', (values, name) => {
    const { status, stderr } = helmTemplate(values);
    expect(status).toBe(1);
    expect(stderr).toContain(name);
  });

  test('refuses a Kubernetes without native sidecars', () => {
    const { status, stderr } = helmTemplate({}, ['--kube-version', '1.28.9']);
    expect(status).toBe(1);
    expect(stderr).toContain('1.29');
  });

  test('leaves out what Kubernetes 1.29 does not know, and a namespace that is there', () => {
    const { stdout } = helmTemplate({ createNamespace: false }, ['--kube-version', '1.29.0']);
    const all = installObjects(defaultInstall).map(pathOf);
    const found = byPath(stdout);
    const missing = all.filter((path) => !(path in found));
    expect(missing).toEqual([
      '/api/v1/namespaces/skerry-system',
      '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/trafficpolicies.skerry.dev',
      '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/trafficpolicies.skerry.dev',
    ]);
  });
});

/** What kubectl renders of a kustomization that says `lines` beside the base. */
function kustomize(lines: readonly string[]): Readonly<Record<string, unknown>> {
  const folder = mkdtempSync(join(work, 'overlay-'));
  const base = relative(folder, join(root, 'deploy', 'kustomize'));
  const text = ['kind: Kustomization', `resources: [${base}]`, ...lines].join('\n');
  writeFileSync(join(folder, 'kustomization.yaml'), text.replaceAll('BASE', base));
  const argv = ['kustomize', folder];
  return byPath(execFileSync(program('SKERRY_KUBECTL'), argv, { encoding: 'utf8', maxBuffer }));
}

describe('the Kustomize base renders what the command line does', () => {
  test('by itself', () => {
    expect(kustomize([])).toEqual(expected(defaultInstall));
  });

  test('from another registry, the images of injected pods too', () => {
    const images = [
      'images:',
      '  - { name: registry.local/skerry/skerry, newName: mirror.example.com:5000/mesh/skerry }',
      '  - { name: registry.local/skerry/envoy, newName: mirror.example.com:5000/mesh/envoy }',
    ];
    const options = { ...defaultInstall, registry: 'mirror.example.com:5000/mesh' };
    expect(kustomize(images)).toEqual(expected(options));
  });

  test('highly available, by a component', () => {
    const options = { ...defaultInstall, isHighlyAvailable: true, replicas: 3 };
    expect(kustomize(['components: [BASE/ha]'])).toEqual(expected(options));
  });

  test('with another trust domain and more replicas, by what Kustomize itself has', () => {
    const env = `[{ name: SKERRY_TRUST_DOMAIN, value: mesh.example }]`;
    const patch = [
      'replicas: [{ name: skerry-controller, count: 5 }]',
      'patches:',
      '  - patch: |',
      '      apiVersion: apps/v1',
      '      kind: Deployment',
      '      metadata: { name: skerry-controller, namespace: skerry-system }',
      `      spec: { template: { spec: { containers: [{ name: controller, env: ${env} }] } } }`,
    ];
    const options = { ...defaultInstall, trustDomain: 'mesh.example', replicas: 5 };
    expect(kustomize(patch)).toEqual(expected(options));
  });
});

describe('the ports of the control plane are open to whom the table says, and to nobody else', () => {
  const objectsOf = (rendered: Readonly<Record<string, unknown>>): readonly Manifest[] =>
    Object.values(rendered) as readonly Manifest[];

  test.each([[{}], [{ ha: true }], [{ redirection: 'cni' }], [{ replicas: 1 }]])(
    'by Helm with %j',
    (values) => {
      const objects = objectsOf(byPath(helmTemplate(values).stdout));
      expect(podsOf(objects).length).toBeGreaterThan(0);
      expect(surpriseOf(objects)).toEqual([]);
    },
  );

  test.each([[''], ['components: [BASE/ha]'], ['components: [BASE/cni]']])(
    'by Kustomize with %j',
    (line) => {
      const objects = objectsOf(kustomize([line]));
      expect(podsOf(objects).length).toBeGreaterThan(0);
      expect(surpriseOf(objects)).toEqual([]);
    },
  );
});

describe('on a cluster', () => {
  let server: TestApiServer;
  let admin: KubernetesClient;
  let session: Session;
  beforeAll(async () => {
    server = await startApiServer();
    admin = openKubernetesClient({ kubeconfig: server.kubeconfig });
    session = { client: admin, signal: AbortSignal.timeout(150_000), say: () => undefined };
  }, 120_000);
  afterAll(async () => {
    admin.close();
    await server.stop();
  });

  const helm = (...args: readonly string[]): string =>
    execFileSync(program('SKERRY_HELM'), [...args, '--kubeconfig', server.kubeconfig], {
      ...{ encoding: 'utf8', maxBuffer },
      // Helm keeps caches in the home folder.
      env: { ...process.env, HOME: work, XDG_CACHE_HOME: work },
    });
  const certificate = (): string =>
    readFileSync(join(server.directory, 'ca.crt')).toString('base64');
  /** As the control plane does. */
  const publishCertificate = (): Promise<unknown> =>
    admin.send({
      ...{ method: 'PATCH', path: webhookPath, contentType: 'application/json-patch+json' },
      body: [{ op: 'add', path: '/webhooks/0/clientConfig/caBundle', value: certificate() }],
    });
  const publishedCertificate = async (): Promise<string | undefined> => {
    const [hook] = listAt(await read(session, webhookPath), 'webhooks');
    return textAt(hook, 'clientConfig', 'caBundle');
  };

  test('Helm installs, upgrades without touching the webhook’s certificate, and removes all but the kind', async () => {
    helm('install', 'mesh', chart, '--namespace', 'default');
    await publishCertificate();
    helm('upgrade', 'mesh', chart, '--namespace', 'default', '--set', 'replicas=4');
    expect(installedOptions(await read(session, deploymentPath))).toMatchObject({ replicas: 4 });
    expect(await publishedCertificate()).toBe(certificate());
    helm('uninstall', 'mesh', '--namespace', 'default', '--cascade', 'background');
    const left: string[] = [];
    for (const object of installObjects(defaultInstall)) {
      if ((await read(session, pathOf(object))) !== undefined) left.push(object.kind);
    }
    // No controller runs here that would empty the namespace.
    expect(left).toEqual(['Namespace', 'CustomResourceDefinition']);
    const path = '/api/v1/namespaces/skerry-system';
    const namespace = (await read(session, path)) as object;
    const body = { ...namespace, spec: { finalizers: [] } };
    await admin.send({ method: 'PUT', path: `${path}/finalize`, body });
  }, 60_000);

  test('kubectl applies the Kustomize base, and again without touching the webhook’s certificate', async () => {
    const apply = (): string =>
      execFileSync(
        program('SKERRY_KUBECTL'),
        ['apply', '-k', join(root, 'deploy', 'kustomize'), '--kubeconfig', server.kubeconfig],
        { encoding: 'utf8', env: { ...process.env, HOME: work } },
      );
    apply();
    await publishCertificate();
    expect(apply().trimEnd().split('\n')).toHaveLength(installObjects(defaultInstall).length);
    expect(await publishedCertificate()).toBe(certificate());
    // Nothing is rolled out again.
    expect(await read(session, deploymentPath)).toMatchObject({ metadata: { generation: 1 } });
  }, 60_000);

  test('the command that users are told takes the trust bundles away, and nothing of others', async () => {
    const labels = { 'app.kubernetes.io/managed-by': 'skerry' };
    const create = async (namespace: string, name: string, own: object): Promise<void> => {
      const path = `/api/v1/namespaces/${namespace}/configmaps`;
      await admin.send({ method: 'POST', path, body: { metadata: { name, labels: own } } });
    };
    await create('default', 'skerry-root', labels);
    await create('kube-public', 'skerry-root', labels);
    await create('default', 'other', labels);
    await create('kube-system', 'skerry-root', {});
    const page = readFileSync(join(root, 'docs', 'tasks', 'install.md'), 'utf8');
    const [, told = ''] = /`kubectl (delete configmap [^`]*)`/.exec(page) ?? [];
    const argv = [...told.split(' '), '--kubeconfig', server.kubeconfig];
    execFileSync(program('SKERRY_KUBECTL'), argv, { env: { ...process.env, HOME: work } });
    const all = await admin.send({ method: 'GET', path: '/api/v1/configmaps' });
    const left = listAt(all, 'items').map(nameOf);
    expect(left).toEqual(expect.arrayContaining(['default/other', 'kube-system/skerry-root']));
    expect(left).not.toContain('default/skerry-root');
    expect(left).not.toContain('kube-public/skerry-root');
  });
});
