/** Kinds that stand beside ours in everybody's manifests and are none of Skerry's business. */

const coreKinds: ReadonlySet<string> = new Set([
  'Binding',
  'ConfigMap',
  'Endpoints',
  'Event',
  'LimitRange',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'PodTemplate',
  'ReplicationController',
  'ResourceQuota',
  'Secret',
  'ServiceAccount',
]);

/** API groups of Kubernetes none of whose kinds, but those Skerry reads, concern a mesh. */
const groups: ReadonlySet<string> = new Set([
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'apps',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'coordination.k8s.io',
  'events.k8s.io',
  'flowcontrol.apiserver.k8s.io',
  'kustomize.config.k8s.io',
  'metrics.k8s.io',
  'networking.k8s.io',
  'node.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'resource.k8s.io',
  'scheduling.k8s.io',
  'storage.k8s.io',
]);

/** Whether an object of this kind is passed over without a word. */
export function isForeignKind(group: string, kind: string): boolean {
  return group === '' ? coreKinds.has(kind) : groups.has(group);
}
