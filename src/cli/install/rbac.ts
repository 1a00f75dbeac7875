/** The least rights that the control plane works with, and what users of a cluster get. */
import { webhookConfigurationName } from '../../webhook/index.js';
import { clusterMetadata, systemMetadata, type Manifest } from './manifest.js';
import { systemNamespace } from './options.js';

/** Name of the service account, the deployment and its roles. */
export const controllerName = 'skerry-controller';

const rbac = 'rbac.authorization.k8s.io';

const account: Manifest = {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: systemMetadata(controllerName),
};

const follow = ['list', 'watch'];

const clusterRole: Manifest = {
  apiVersion: `${rbac}/v1`,
  kind: 'ClusterRole',
  metadata: clusterMetadata(controllerName),
  rules: [
    {
      apiGroups: [''],
      resources: ['services', 'pods', 'namespaces', 'nodes', 'serviceaccounts'],
      verbs: follow,
    },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: follow },
    { apiGroups: ['skerry.dev'], resources: ['trafficpolicies'], verbs: follow },
    { apiGroups: ['skerry.dev'], resources: ['trafficpolicies/status'], verbs: ['patch'] },
    // The trust bundle of each namespace with sidecars. All by name: lists and watches select it, and
    // an apply that creates names what it creates.
    {
      apiGroups: [''],
      resources: ['configmaps'],
      resourceNames: ['skerry-root'],
      verbs: ['list', 'watch', 'create', 'patch', 'delete'],
    },
    // The keys that tokens are signed with. Most clusters let every service account read them.
    {
      nonResourceURLs: ['/.well-known/openid-configuration', '/openid/v1/jwks'],
      verbs: ['get'],
    },
    { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
    // Writes the certificate that the API server checks the webhook by.
    {
      apiGroups: ['admissionregistration.k8s.io'],
      resources: ['mutatingwebhookconfigurations'],
      resourceNames: [webhookConfigurationName],
      verbs: ['list', 'watch', 'patch'],
    },
  ],
};

const role: Manifest = {
  apiVersion: `${rbac}/v1`,
  kind: 'Role',
  metadata: systemMetadata(controllerName),
  rules: [
    // Creating cannot be limited by name where the name is not in the path (POST).
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
    {
      apiGroups: ['coordination.k8s.io'],
      resources: ['leases'],
      resourceNames: ['skerry-leader'],
      verbs: ['get', 'update'],
    },
    { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
    {
      apiGroups: [''],
      resources: ['secrets'],
      resourceNames: ['skerry-ca'],
      verbs: ['get', 'patch'],
    },
    // Verdicts on policies, and one of each replica: their names are not known beforehand.
    {
      apiGroups: [''],
      resources: ['configmaps'],
      verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
    },
  ],
};

function binding(kind: 'ClusterRole' | 'Role'): Manifest {
  return {
    apiVersion: `${rbac}/v1`,
    kind: `${kind}Binding`,
    metadata: kind === 'Role' ? systemMetadata(controllerName) : clusterMetadata(controllerName),
    roleRef: { apiGroup: rbac, kind, name: controllerName },
    subjects: [{ kind: 'ServiceAccount', name: controllerName, namespace: systemNamespace }],
  };
}

/** Who may edit or view a namespace may edit or view its policies; their status is the control plane's. */
function aggregate(to: readonly ('admin' | 'edit' | 'view')[], verbs: readonly string[]): Manifest {
  const labels = Object.fromEntries(
    to.map((role) => [`rbac.authorization.k8s.io/aggregate-to-${role}`, 'true']),
  );
  return {
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRole',
    metadata: clusterMetadata(`skerry-policies-${to.at(-1) ?? ''}`, labels),
    rules: [{ apiGroups: ['skerry.dev'], resources: ['trafficpolicies'], verbs }],
  };
}

/** Account, roles and bindings, in the order in which they are applied. */
export function rbacObjects(): readonly Manifest[] {
  return [
    account,
    clusterRole,
    binding('ClusterRole'),
    role,
    binding('Role'),
    aggregate(['admin', 'edit', 'view'], ['get', 'list', 'watch']),
    aggregate(['admin', 'edit'], ['create', 'update', 'patch', 'delete', 'deletecollection']),
  ];
}
