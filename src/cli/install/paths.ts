/** Where objects lie in the API. */
import { webhookConfigurationName } from '../../webhook/index.js';
import { cniName, cniNamespace } from './cni.js';
import type { Manifest } from './manifest.js';
import { systemNamespace } from './options.js';
import { controllerName } from './rbac.js';

/** Kinds whose plural is not the lower-case kind with an s. */
const irregular: Readonly<Record<string, string>> = {
  NetworkPolicy: 'networkpolicies',
  TrafficPolicy: 'trafficpolicies',
  ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
};

/** The group and the plural of an object's kind. */
export function resourceOf({ apiVersion, kind }: Pick<Manifest, 'apiVersion' | 'kind'>): {
  readonly group: string;
  readonly resource: string;
} {
  const [group = ''] = apiVersion.includes('/') ? apiVersion.split('/') : [];
  return { group, resource: irregular[kind] ?? `${kind.toLowerCase()}s` };
}

/** The path of an object, by its kind and name. */
export function pathOf(manifest: Manifest): string {
  const { apiVersion, metadata } = manifest;
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const { namespace, name } = metadata;
  const within = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}${within}/${resourceOf(manifest).resource}/${encodeURIComponent(name)}`;
}

/** `Deployment skerry-system/skerry-controller`: for people. */
export function titleOf({ kind, metadata }: Manifest): string {
  const { namespace, name } = metadata;
  return namespace === undefined ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

/** Where the control plane's Deployment is. */
export const deploymentPath = `/apis/apps/v1/namespaces/${systemNamespace}/deployments/${controllerName}`;

/** Where the CNI plugin's DaemonSet is. */
export const daemonSetPath = `/apis/apps/v1/namespaces/${cniNamespace}/daemonsets/${cniName}`;

/** Where the webhook's configuration is. */
export const webhookPath = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${webhookConfigurationName}`;
