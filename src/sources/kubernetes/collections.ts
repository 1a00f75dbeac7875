/** Where an API server has each collection, what people call it, and what of it is asked for. */
import { caBundleLabel, credentialLabel, keySetLabel } from '../../model/index.js';
import {
  offeredCollections,
  parseObject,
  type CollectionName,
  type OfferedCollection,
  type ParsedObject,
} from '../parse/objects.js';

/** Absolute paths. */
export const paths: Readonly<Record<CollectionName, string>> = {
  namespaces: '/api/v1/namespaces',
  nodes: '/api/v1/nodes',
  services: '/api/v1/services',
  pods: '/api/v1/pods',
  slices: '/apis/discovery.k8s.io/v1/endpointslices',
  keySets: '/api/v1/configmaps',
  caBundles: '/api/v1/configmaps',
  credentials: '/api/v1/secrets',
  policies: '/apis/skerry.dev/v1alpha1/trafficpolicies',
};

/** Plural names, as kubectl has them. */
export const kindNames: Readonly<Record<CollectionName, string>> = {
  namespaces: 'namespaces',
  nodes: 'nodes',
  services: 'services',
  pods: 'pods',
  slices: 'endpointslices',
  keySets: 'configmaps (skerry.dev/jwks)',
  caBundles: 'configmaps (skerry.dev/ca-bundle)',
  credentials: 'secrets (skerry.dev/credential)',
  policies: 'trafficpolicies.skerry.dev',
};

/** Only what is offered by its label comes over the wire: no other ConfigMap or Secret is read. */
export const queries: Partial<Record<CollectionName, Readonly<Record<string, string>>>> = {
  keySets: { labelSelector: `${keySetLabel}=true` },
  caBundles: { labelSelector: `${caBundleLabel}=true` },
  credentials: { labelSelector: `${credentialLabel}=true` },
};

/** Whether only those objects of it are read that a label offers. */
export function isOffered(collection: CollectionName): collection is OfferedCollection {
  return offeredCollections.some((one) => one === collection);
}

/** Reads an object of one collection; one of another is foreign to it. */
export function readAs(
  collection: CollectionName,
  object: unknown,
  options: { readonly rootNamespace: string },
): ParsedObject {
  const parsed = parseObject(object, options);
  // A ConfigMap with two labels is offered as one of both, and read once.
  const isOther = parsed.kind === 'ours' && parsed.collection !== collection;
  return isOther ? { kind: 'foreign' } : parsed;
}
