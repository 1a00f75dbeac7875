/** All objects of an installation: the one source of what commands, Kustomize base and Helm chart say. */
import { trafficPolicyObjects } from '../../sources/index.js';
import { injectLabel, webhookConfigurationName } from '../../webhook/index.js';
import { cniNamespace, cniObjects } from './cni.js';
import { controllerObjects } from './controller.js';
import { clusterMetadata, type Manifest } from './manifest.js';
import { systemNamespace, type InstallOptions } from './options.js';
import { rbacObjects } from './rbac.js';

function namespace(): Manifest {
  const mode = (name: string): readonly [string, string] => [
    `pod-security.kubernetes.io/${name}`,
    'restricted',
  ];
  const labels = Object.fromEntries(['enforce', 'audit', 'warn'].map(mode));
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: clusterMetadata(systemNamespace, labels),
  };
}

/**
 * The webhook's configuration, without the certificate it is checked by: the control plane writes that
 * field, and nobody who applies this object takes it away.
 */
function webhook(): Manifest {
  const neverIn = ['kube-system', 'kube-public', 'kube-node-lease', systemNamespace, cniNamespace];
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: clusterMetadata(webhookConfigurationName),
    webhooks: [
      {
        name: 'inject.skerry.dev',
        admissionReviewVersions: ['v1'],
        clientConfig: {
          service: { name: 'skerry', namespace: systemNamespace, path: '/inject', port: 443 },
        },
        rules: [
          {
            ...{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] },
            ...{ operations: ['CREATE'], scope: 'Namespaced' },
          },
        ],
        namespaceSelector: {
          matchLabels: { [injectLabel]: 'enabled' },
          matchExpressions: [
            { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: neverIn },
          ],
        },
        objectSelector: {
          matchExpressions: [{ key: injectLabel, operator: 'NotIn', values: ['disabled'] }],
        },
        // A pod of the mesh that comes up without its sidecar would talk past every policy.
        failurePolicy: 'Fail',
        matchPolicy: 'Equivalent',
        reinvocationPolicy: 'IfNeeded',
        sideEffects: 'None',
        timeoutSeconds: 10,
      },
    ],
  };
}

/** Every object of an installation, in the order in which they are applied. Pure. */
export function installObjects(options: InstallOptions): readonly Manifest[] {
  return [
    namespace(),
    ...trafficPolicyObjects(),
    ...rbacObjects(),
    // Before what marks pods for it.
    ...cniObjects(options),
    ...controllerObjects(options),
    webhook(),
  ];
}
