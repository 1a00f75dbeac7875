/** What `skerry install`, `uninstall` and `upgrade` say without a cluster. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { at, listAt, textAt } from '../cluster/objects.js';
import { spellManifests, toInstallOptions, type InstallFlags } from './flags.js';
import { installedFolders, installedOptions, type InstalledOptions } from './installed.js';
import { installObjects } from './objects.js';
import {
  checkInstallOptions,
  defaultInstall,
  releaseVersion,
  type InstallOptions,
} from './options.js';
import { pathOf, titleOf } from './paths.js';
import { removedObjects } from './remove.js';
import { isEnding, podTrouble, rolloutLacks } from './rollout.js';
import { checkReinstall, lostVersions, skewProblem, tagOf } from './upgrade.js';

const manifests = installObjects(defaultInstall);

function find(kind: string, name?: string): unknown {
  const found = manifests.find(
    (one) => one.kind === kind && (name === undefined || one.metadata.name === name),
  );
  if (found === undefined) throw new Error(`no ${kind} ${name ?? ''}`);
  return found;
}

describe('objects', () => {
  test('each has a path of its own', () => {
    const paths = manifests.map(pathOf);
    expect(new Set(paths).size).toBe(paths.length);
    expect(paths).toContain('/apis/apps/v1/namespaces/skerry-system/deployments/skerry-controller');
    expect(manifests.map(titleOf)[0]).toBe('Namespace skerry-system');
  });

  test('what others need comes first, and the webhook last', () => {
    const kinds = manifests.map(({ kind }) => kind);
    expect(kinds[0]).toBe('Namespace');
    expect(kinds.indexOf('ClusterRoleBinding')).toBeLessThan(kinds.indexOf('Deployment'));
    expect(kinds.at(-1)).toBe('MutatingWebhookConfiguration');
  });

  test('every image has the registry, also those of injected pods', () => {
    const options = { ...defaultInstall, registry: 'mirror.example.com:5000/mesh' };
    const text = spellManifests(installObjects(options), 'yaml');
    expect(text).not.toContain('registry.local');
    expect(text.match(/mirror\.example\.com:5000\/mesh\/\S+/g)).toEqual([
      'mirror.example.com:5000/mesh/skerry:0.1.0',
      'mirror.example.com:5000/mesh/skerry:0.1.0',
      'mirror.example.com:5000/mesh/envoy:1.40.0',
    ]);
  });

  test('as YAML they are the same as they were made', () => {
    const read = parseAllDocuments(spellManifests(manifests, 'yaml'), { version: '1.1' });
    expect(read.map((document) => document.toJS() as unknown)).toEqual(
      JSON.parse(JSON.stringify(manifests)),
    );
  });

  test('the webhook leaves its certificate to the control plane', () => {
    const [hook] = listAt(find('MutatingWebhookConfiguration'), 'webhooks');
    expect(at(hook, 'clientConfig', 'service', 'path')).toBe('/inject');
    expect(at(hook, 'clientConfig', 'caBundle')).toBeUndefined();
  });

  test('no right is on everything of its group, and secrets are read by name alone', () => {
    const roles = manifests.filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role');
    const rules = roles.flatMap((role) => listAt(role, 'rules'));
    expect(JSON.stringify(rules)).not.toContain('*');
    const secrets = rules.filter((rule) => listAt(rule, 'resources').includes('secrets'));
    const unnamed = secrets.filter((rule) => listAt(rule, 'resourceNames').length === 0);
    expect(unnamed.flatMap((rule) => listAt(rule, 'verbs'))).toEqual(['create']);
  });

  test('the release is the one of package.json', () => {
    const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
    expect(JSON.parse(text)).toMatchObject({ version: releaseVersion });
  });

  test('a highly available one spreads its replicas over nodes', () => {
    const options = toInstallOptions({ ...flags, ha: true });
    expect(options.replicas).toBe(3);
    const deployment = installObjects(options).find(({ kind }) => kind === 'Deployment');
    const [constraint] = listAt(
      deployment,
      'spec',
      'template',
      'spec',
      'topologySpreadConstraints',
    );
    expect(textAt(constraint, 'whenUnsatisfiable')).toBe('DoNotSchedule');
  });
});

const flags: InstallFlags = {
  ...{ imageTag: '0.1.0', apply: false, timeout: 300, output: 'yaml' },
};

function deploymentOf(options: InstallOptions): unknown {
  return installObjects(options).find(({ kind }) => kind === 'Deployment');
}

test.each([
  [{}, false],
  [{ deletionTimestamp: '2026-01-01T00:00:30Z' }, true],
  [{ deletionTimestamp: '2026-01-01T00:00:00Z' }, false],
])('a replica with %j may still answer: %j', (metadata, expected) => {
  expect(isEnding({ metadata }, Date.parse('2026-01-01T00:00:10Z'))).toBe(expected);
});

const withPlugin: InstallOptions = { ...defaultInstall, redirection: 'cni' };

function installedOf(options: InstallOptions): InstalledOptions {
  const daemonSet = installObjects(options).find(({ kind }) => kind === 'DaemonSet');
  return { ...installedOptions(deploymentOf(options)), ...installedFolders(daemonSet) };
}

describe('what is installed', () => {
  const unusual: InstallOptions = {
    ...defaultInstall,
    ...{ registry: 'mirror.example.com:5000/a/b', imageTag: '0.1.7', replicas: 5 },
    ...{ isHighlyAvailable: true, trustDomain: 'mesh.example', accessLog: 'Off' },
    meshCidrs: ['10.0.0.0/8', 'fd00::/64'],
    ...{ redirection: 'cni', cniBinDir: '/var/lib/cni/bin', cniConfDir: '/etc/cni/multus/net.d' },
    resources: { requests: { cpu: '2' }, limits: {} },
  };

  test.each([
    ['the preset', defaultInstall],
    ['another', unusual],
  ])('is read back from what runs: %s', (_name, options) => {
    const { envoyTag, cniBinDir, cniConfDir } = defaultInstall;
    expect({ envoyTag, cniBinDir, cniConfDir, ...installedOf(options) }).toEqual(options);
  });

  test('stays as it is where the flags say nothing, but for the version', () => {
    const installed = installedOf(unusual);
    expect(toInstallOptions({ ...flags, imageTag: '0.2.0' }, installed)).toEqual({
      ...unusual,
      imageTag: '0.2.0',
    });
  });

  test.each([
    [{ ha: false }, { isHighlyAvailable: false, replicas: 2 }],
    [{ ha: true }, { isHighlyAvailable: true, replicas: 5 }],
    [
      { ha: false, replicas: 1 },
      { isHighlyAvailable: false, replicas: 1 },
    ],
    [{ meshCidr: [] }, { meshCidrs: [] }],
    [{ accessLog: 'All' as const }, { accessLog: 'All' }],
  ])('%j counts more', (said, expected) => {
    const installed = installedOptions(deploymentOf(unusual));
    expect(toInstallOptions({ ...flags, ...said }, installed)).toMatchObject(expected);
  });

  test('is not guessed from what was changed by hand', () => {
    const text = JSON.stringify(deploymentOf(unusual));
    const byDigest = text.replaceAll('/skerry:0.1.7', '/skerry@sha256:00');
    expect(installedOptions(JSON.parse(byDigest))).not.toHaveProperty('registry');
    expect(installedOptions(undefined)).not.toHaveProperty('trustDomain');
  });

  test('is not installed over by another version or another trust domain', () => {
    const deployment = deploymentOf(defaultInstall);
    const check = (change: Partial<InstallOptions>): readonly string[] =>
      checkReinstall(deployment, { ...defaultInstall, ...change });
    expect(check({ replicas: 4 })).toEqual([]);
    expect(check({ imageTag: '0.2.0' })).toEqual([expect.stringContaining('skerry upgrade')]);
    expect(check({ trustDomain: 'other' })).toEqual([expect.stringContaining('cluster.local')]);
    expect(checkReinstall(undefined, { ...defaultInstall, trustDomain: 'other' })).toEqual([]);
  });
});

test('all that is wrong with the flags is said at once', () => {
  const wrong = { ...flags, registry: 'https://x', trustDomain: 'X' };
  expect(() => toInstallOptions(wrong)).toThrow(/--registry.*\nskerry: .*--trust-domain/);
});

test.each([
  [{ registry: 'https://registry.example.com' }, '--registry'],
  [{ imageTag: 'a b' }, '--image-tag'],
  [{ trustDomain: 'Cluster.Local' }, '--trust-domain'],
  [{ trustDomain: 'a.'.repeat(127) + 'aa' }, '--trust-domain'],
  [{ meshCidrs: ['10.0.0.0'] }, '--mesh-cidr'],
  [{ meshCidrs: ['10.0.0.0/33'] }, '--mesh-cidr'],
  [{ isHighlyAvailable: true, replicas: 1 }, '--replicas'],
  [{ cniBinDir: 'opt/cni' }, '--cni-bin-dir'],
  [{ cniConfDir: '/etc/cni net.d' }, '--cni-conf-dir'],
])('%j is refused', (change, flag) => {
  const problems = checkInstallOptions({ ...defaultInstall, ...change });
  expect(problems).toEqual([expect.stringContaining(flag)]);
});

test('what is right is not refused', () => {
  const meshCidrs = ['10.0.0.0/8', 'fd00::/64'];
  expect(checkInstallOptions({ ...defaultInstall, meshCidrs })).toEqual([]);
});

describe('removal', () => {
  const order = (hasPolicies: boolean, keepsAuthority: boolean): readonly string[] =>
    removedObjects(manifests, { hasPolicies, keepsAuthority }).map(({ kind }) => kind);

  test('begins with the webhook and ends with the namespace', () => {
    const kinds = order(true, false);
    expect(kinds).toHaveLength(manifests.length);
    expect(kinds.slice(0, 2)).toEqual(['MutatingWebhookConfiguration', 'Deployment']);
    expect(kinds.slice(-2)).toEqual(['CustomResourceDefinition', 'Namespace']);
  });

  test('keeps what is asked for', () => {
    expect(order(false, false)).not.toContain('CustomResourceDefinition');
    expect(order(true, true)).not.toContain('Namespace');
  });

  test('of the CNI plugin takes its rights and its namespace after it, also where the authority stays', () => {
    const options = { hasPolicies: true, keepsAuthority: true };
    const titles = removedObjects(installObjects(withPlugin), options).map(titleOf);
    const places = ['DaemonSet', 'Role', 'ServiceAccount'].map((kind) =>
      titles.indexOf(`${kind} skerry-cni/skerry-cni`),
    );
    expect(places[0]).toBe(2);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(titles.at(-1)).toBe('Namespace skerry-cni');
    expect(titles).not.toContain('Namespace skerry-system');
  });
});

describe('upgrade', () => {
  test.each([
    ['0.1.0', '0.2.3', undefined],
    ['0.2.0', '0.1.9', undefined],
    ['0.1.0', '0.3.0', 'leaves out a minor version'],
    ['0.3.0', '0.1.0', 'goes back'],
    ['0.9.0', '1.0.0', 'major'],
    ['main', '0.1.0', undefined],
  ])('%s to %s', (from, to, problem) => {
    const found = skewProblem(from, to);
    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found).toContain(problem);
  });

  test('the tag of an image', () => {
    expect(tagOf('host:5000/mesh/skerry:0.1.0')).toBe('0.1.0');
    expect(tagOf('host:5000/mesh/skerry')).toBe('');
    expect(tagOf('mesh/skerry:0.1.0@sha256:00')).toBe('0.1.0');
  });

  test('a stored version that is not known any more', () => {
    const definition = manifests.find(({ kind }) => kind === 'CustomResourceDefinition');
    if (definition === undefined) throw new Error('no definition');
    const installed = { status: { storedVersions: ['v1alpha0', 'v1alpha1'] } };
    expect(lostVersions(installed, definition)).toEqual(['v1alpha0']);
  });
});

test.each([
  [undefined, 'no Deployment'],
  [{ generation: 2, observed: 1, updated: 2, ready: 2, all: 2 }, '0 of 2'],
  [
    { generation: 2, observed: 2, updated: 1, ready: 2, all: 3 },
    '1 of 2 replicas of the control plane are of',
  ],
  [
    { generation: 2, observed: 2, updated: 2, ready: 1, all: 2 },
    '1 of 2 replicas of the control plane are ready',
  ],
  [
    { generation: 2, observed: 2, updated: 2, ready: 2, all: 3 },
    '1 replicas of the former version',
  ],
  [{ generation: 2, observed: 2, updated: 2, ready: 2, all: 2 }, undefined],
])('a rollout of %j', (state, lacks) => {
  const deployment = state && {
    metadata: { generation: state.generation },
    spec: { replicas: 2 },
    status: {
      ...{ observedGeneration: state.observed, updatedReplicas: state.updated },
      ...{ readyReplicas: state.ready, availableReplicas: state.ready, replicas: state.all },
    },
  };
  const found = rolloutLacks(deployment);
  if (lacks === undefined) expect(found).toBeUndefined();
  else expect(found).toContain(lacks);
});

describe('why a pod does not come up', () => {
  const pod = (status: unknown): unknown => ({ metadata: { name: 'c-1' }, status });
  const waiting = (reason: string, more: object = {}): unknown =>
    pod({ containerStatuses: [{ state: { waiting: { reason, message: 'why' } }, ...more }] });

  test.each([
    ['its image cannot be had', waiting('ErrImagePull'), 'c-1: ErrImagePull: why'],
    [
      'it ends again and again',
      waiting('CrashLoopBackOff', {
        lastState: { terminated: { exitCode: 1, message: 'one\nskerry: no CA\n' } },
      }),
      'c-1: CrashLoopBackOff: it ended with 1: skerry: no CA',
    ],
    [
      'no node takes it',
      pod({
        conditions: [
          { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes' },
        ],
      }),
      'c-1: Unschedulable: 0/1 nodes',
    ],
    ['nothing is wrong', waiting('ContainerCreating'), undefined],
    ['it runs', pod({ containerStatuses: [{ state: { running: {} } }] }), undefined],
  ])('%s', (_name, found, says) => {
    expect(podTrouble(found)).toBe(says);
  });
});
