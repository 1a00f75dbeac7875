/** Label selectors. */
import type { Labels, Namespace } from '../../model/index.js';

/** Whether `labels` carry all of `selector`; an empty selector matches everything. */
export function matchesLabels(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

/** The index key of the pods of a namespace that carry a label. */
export function labelKey(namespace: string, key: string, value: string): string {
  return `${namespace} ${key}=${value}`;
}

/** Whether the labels of a namespace match, which always carries its own name as a label (as the API server sets it). */
export function matchesNamespace(selector: Labels, namespace: Namespace): boolean {
  return matchesLabels(selector, {
    ...namespace.labels,
    'kubernetes.io/metadata.name': namespace.name,
  });
}
