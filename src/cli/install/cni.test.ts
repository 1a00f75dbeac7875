/** The objects that keep the CNI plugin on every node. */
import { expect, test } from '@jest/globals';
import { at, listAt, textAt } from '../cluster/objects.js';
import type { Manifest } from './manifest.js';
import { installObjects } from './objects.js';
import { defaultInstall, type InstallOptions } from './options.js';
import { pluginLacks } from './rollout.js';

const withPlugin: InstallOptions = { ...defaultInstall, redirection: 'cni' };
const podSpec = ['spec', 'template', 'spec'] as const;

function find(kind: string, options = withPlugin): Manifest {
  const found = installObjects(options).find((one) => one.kind === kind);
  if (found === undefined) throw new Error(`no ${kind}`);
  return found;
}

test('is installed only where it is asked for, before the webhook that marks pods for it', () => {
  expect(JSON.stringify(installObjects(defaultInstall))).not.toContain('DaemonSet');
  const kinds = installObjects(withPlugin).map(({ kind }) => kind);
  expect(kinds.indexOf('DaemonSet')).toBeLessThan(kinds.indexOf('MutatingWebhookConfiguration'));
  const variables = listAt(listAt(find('Deployment'), ...podSpec, 'containers')[0], 'env');
  expect(variables).toContainEqual({ name: 'SKERRY_REDIRECTION', value: 'cni' });
});

test('runs on every node, also where nothing else does, and does not need what it mends', () => {
  expect(at(find('DaemonSet'), ...podSpec)).toMatchObject({
    ...{ hostNetwork: true, priorityClassName: 'system-node-critical' },
    tolerations: [{ operator: 'Exists' }],
  });
  expect(at(find('DaemonSet'), ...podSpec, 'nodeSelector')).toEqual({
    'kubernetes.io/os': 'linux',
  });
});

test('finds the folders of a node at the node’s own paths', () => {
  const folders = { cniBinDir: '/var/lib/k/bin', cniConfDir: '/var/lib/k/net.d' };
  const options = { ...withPlugin, ...folders };
  const set = find('DaemonSet', options);
  const [container] = listAt(set, ...podSpec, 'containers');
  const mounted = listAt(container, 'volumeMounts').map((mount) => textAt(mount, 'mountPath'));
  const hosted = listAt(set, ...podSpec, 'volumes').map((one) => textAt(one, 'hostPath', 'path'));
  expect(mounted).toEqual(hosted.map((path) => (path === '/bin' ? '/node/bin' : path)));
  expect(mounted.slice(0, 2)).toEqual(Object.values(folders));
  expect(listAt(container, 'args')).toEqual(
    expect.arrayContaining(['--cni-bin-dir=/var/lib/k/bin', '--cni-conf-dir=/var/lib/k/net.d']),
  );
});

test('may ask for itself and its namespace, and nothing else', () => {
  const roles = installObjects(withPlugin).filter(
    ({ kind, metadata }) => kind === 'Role' && metadata.namespace === 'skerry-cni',
  );
  expect(roles.flatMap((role) => listAt(role, 'rules'))).toEqual([
    {
      apiGroups: ['apps'],
      resources: ['daemonsets'],
      resourceNames: ['skerry-cni'],
      verbs: ['get'],
    },
    { apiGroups: [''], resources: ['namespaces'], resourceNames: ['skerry-cni'], verbs: ['get'] },
  ]);
});

test.each([
  [undefined, undefined],
  [{ generation: 2, observed: 1, wanted: 3, updated: 3, ready: 3 }, 'on no node yet'],
  [{ generation: 2, observed: 2, wanted: 3, updated: 2, ready: 3 }, 'ready on 2 of 3 nodes'],
  [{ generation: 2, observed: 2, wanted: 3, updated: 3, ready: 1 }, 'ready on 1 of 3 nodes'],
  [{ generation: 2, observed: 2, wanted: 3, updated: 3, ready: 3 }, undefined],
  [{ generation: 1, observed: 1, wanted: 0, updated: 0, ready: 0 }, undefined],
])('with %j lacks %s', (state, lacks) => {
  const set = state && {
    metadata: { generation: state.generation },
    status: {
      ...{ observedGeneration: state.observed, desiredNumberScheduled: state.wanted },
      ...{ updatedNumberScheduled: state.updated, numberReady: state.ready },
    },
  };
  if (lacks === undefined) expect(pluginLacks(set)).toBeUndefined();
  else expect(pluginLacks(set)).toContain(lacks);
});
