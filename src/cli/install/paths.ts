/** Where objects lie in the API. */
import type { Manifest } from './manifest.js';

/** Kinds whose plural is not the lower-case kind with an s. */
const irregular: Readonly<Record<string, string>> = {
  NetworkPolicy: 'networkpolicies',
  ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
};

/** The path of an object, by its kind and name. */
export function pathOf({ apiVersion, kind, metadata }: Manifest): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const plural = irregular[kind] ?? `${kind.toLowerCase()}s`;
  const { namespace, name } = metadata;
  const within = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}${within}/${plural}/${encodeURIComponent(name)}`;
}

/** `Deployment skerry-system/skerry-controller`: for people. */
export function titleOf({ kind, metadata }: Manifest): string {
  const { namespace, name } = metadata;
  return namespace === undefined ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}
