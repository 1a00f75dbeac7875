/** Kubernetes objects as plain data: what all objects of an installation have in common. */
import { systemNamespace } from './options.js';

/** An object that can be applied. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly [field: string]: unknown;
}

/** Names, labels and annotations of an object. */
export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** By which the control plane's pods are found. */
export const controllerLabels = {
  'app.kubernetes.io/name': 'skerry',
  'app.kubernetes.io/component': 'controller',
} as const;

/** The same as a query. */
export const controllerSelector: string = Object.entries(controllerLabels)
  .map(([name, value]) => `${name}=${value}`)
  .join(',');

/** On everything that is installed. Without a version, which would make every upgrade a change of all. */
export const commonLabels = {
  'app.kubernetes.io/name': 'skerry',
  'app.kubernetes.io/part-of': 'skerry',
} as const;

/** Metadata of an object without a namespace. */
export function clusterMetadata(
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Metadata {
  return { name, labels: { ...commonLabels, ...labels } };
}

/** Metadata of an object in the control plane's namespace. */
export function systemMetadata(
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Metadata {
  return { name, namespace: systemNamespace, labels: { ...commonLabels, ...labels } };
}
