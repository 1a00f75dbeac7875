/** Which ports of an installation are open to whom, by a model of NetworkPolicies that is not ours. */
import { describe, expect, test } from '@jest/globals';
import { installObjects } from './objects.js';
import { defaultInstall, type InstallOptions } from './options.js';
import type { Manifest } from './manifest.js';
import { podsOf, policiesOf, surpriseOf } from './testing/attack-surface.js';
import { mayCall, type Caller, type NetworkPolicy } from './testing/network-policies.js';

const forms: readonly (readonly [string, Partial<InstallOptions>])[] = [
  ['by itself', {}],
  ['highly available', { isHighlyAvailable: true, replicas: 3 }],
  ['with the CNI plugin', { redirection: 'cni' }],
];

function installed(options: Partial<InstallOptions>): readonly Manifest[] {
  return JSON.parse(
    JSON.stringify(installObjects({ ...defaultInstall, ...options })),
  ) as readonly Manifest[];
}

describe('the ports of the control plane', () => {
  test.each(forms)('are open to whom the table says, and to nobody else: %s', (_name, options) => {
    const objects = installed(options);
    expect(podsOf(objects).map(({ owner }) => owner)).toContain(
      'Deployment skerry-system/skerry-controller',
    );
    expect(surpriseOf(objects)).toEqual([]);
  });

  /** The objects, with one text of theirs replaced. */
  const changed = (from: string, to: string): readonly Manifest[] => {
    const text = JSON.stringify(installed({ redirection: 'cni' }));
    expect(text).toContain(from);
    return JSON.parse(text.replace(from, to)) as readonly Manifest[];
  };

  test.each([
    [
      'a port that no policy mentions',
      '{"name":"health","containerPort":15014',
      '{"name":"debug","containerPort":6060},{"name":"health","containerPort":15014',
      'no policy says who may call debug',
    ],
    [
      'an address that is no named port',
      '--health-listen=0.0.0.0:15014',
      '--health-listen=0.0.0.0:15999',
      'listens on 0.0.0.0:15999, which is no named port',
    ],
    [
      'metrics for everybody',
      '"matchLabels":{"skerry.dev/metrics":"enabled"}',
      '"matchLabels":{}',
      'a pod of any other namespace reaches ads, webhook, health, expected ads, webhook',
    ],
    [
      'a policy for other pods',
      '"podSelector":{"matchLabels":{"app.kubernetes.io/name":"skerry"',
      '"podSelector":{"matchLabels":{"app.kubernetes.io/name":"other"',
      'no policy selects its pods',
    ],
    [
      'a node’s address',
      '--health-listen=127.0.0.1:15019',
      '--health-listen=0.0.0.0:15019',
      '0.0.0.0:15019 is open on the node’s address',
    ],
  ])('would be told of %s', (_what, from, to, says) => {
    expect(surpriseOf(changed(from, to)).join('\n')).toContain(says);
  });
});

test('what the control plane calls is not bounded: the address of the API server is not known', () => {
  const policies = policiesOf(installed({}));
  expect(policies.map(({ spec }) => [spec.policyTypes, spec.egress])).toEqual([
    [['Ingress'], undefined],
  ]);
});

describe('the model', () => {
  const called = { namespace: 'a', labels: { app: 'x' }, ports: { web: 80 } };
  const policy = (spec: Partial<NetworkPolicy['spec']>): NetworkPolicy => ({
    kind: 'NetworkPolicy',
    metadata: { name: 'p', namespace: 'a' },
    spec: { podSelector: {}, ...spec },
  });
  const from = (namespace: string, labels = {}, namespaceLabels = {}): Caller => ({
    ...{ kind: 'pod', namespace, labels, namespaceLabels },
  });

  test.each<readonly [string, readonly NetworkPolicy[], Caller, boolean]>([
    ['without a policy all may', [], from('b'), true],
    [
      'one of another namespace says nothing',
      [{ ...policy({}), metadata: { name: 'p', namespace: 'b' } }],
      from('b'),
      true,
    ],
    [
      'one for other pods says nothing',
      [policy({ podSelector: { matchLabels: { app: 'y' } } })],
      from('b'),
      true,
    ],
    ['one of egress says nothing', [policy({ policyTypes: ['Egress'] })], from('b'), true],
    ['one without rules lets nobody in', [policy({})], from('b'), false],
    ['but the node', [policy({})], { kind: 'own-node' }, true],
    ['a rule without a sender is for all', [policy({ ingress: [{}] })], { kind: 'address' }, true],
    [
      'a pod selector alone means the own namespace',
      [policy({ ingress: [{ from: [{ podSelector: {} }] }] })],
      from('b'),
      false,
    ],
    [
      'both must hold',
      [
        policy({
          ingress: [
            { from: [{ podSelector: { matchLabels: { a: '1' } }, namespaceSelector: {} }] },
          ],
        }),
      ],
      from('b'),
      false,
    ],
    [
      'and do',
      [
        policy({
          ingress: [
            { from: [{ podSelector: { matchLabels: { a: '1' } }, namespaceSelector: {} }] },
          ],
        }),
      ],
      from('b', { a: '1' }),
      true,
    ],
    [
      'rules add up',
      [policy({}), policy({ ingress: [{ from: [{ namespaceSelector: {} }] }] })],
      from('b'),
      true,
    ],
    [
      'another port is another',
      [policy({ ingress: [{ ports: [{ port: 81 }] }] })],
      from('b'),
      false,
    ],
    [
      'a port may have a name',
      [policy({ ingress: [{ ports: [{ port: 'web' }] }] })],
      from('b'),
      true,
    ],
    [
      'or be in a range',
      [policy({ ingress: [{ ports: [{ port: 70, endPort: 90 }] }] })],
      from('b'),
      true,
    ],
    [
      'UDP is not TCP',
      [policy({ ingress: [{ ports: [{ protocol: 'UDP', port: 80 }] }] })],
      from('b'),
      false,
    ],
    [
      'expressions count',
      [
        policy({
          ingress: [
            {
              from: [
                { namespaceSelector: { matchExpressions: [{ key: 'k', operator: 'Exists' }] } },
              ],
            },
          ],
        }),
      ],
      from('b'),
      false,
    ],
  ])('%s', (_what, policies, caller, may) => {
    expect(mayCall(policies, caller, called, 80)).toBe(may);
  });
});
