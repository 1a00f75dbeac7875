/** Branded ids of the mesh's nouns; each has one constructor and nobody builds one by hand. */
import { flatText } from '../lib/index.js';

declare const brand: unique symbol;
type Branded<B extends string> = string & { readonly [brand]: B };

/** `namespace/name` of a Service. */
export type ServiceKey = Branded<'ServiceKey'>;
/** `namespace/name` of a Pod. */
export type PodKey = Branded<'PodKey'>;
/** `namespace/name` of an EndpointSlice. */
export type SliceKey = Branded<'SliceKey'>;
/** `namespace/name` of a TrafficPolicy. */
export type PolicyKey = Branded<'PolicyKey'>;
/** `namespace/name` of a ConfigMap with a key set. */
export type KeySetKey = Branded<'KeySetKey'>;
/** `namespace/name` of a ConfigMap with certificates of authorities. */
export type CaBundleKey = Branded<'CaBundleKey'>;
/** `namespace/name` of a Secret with a certificate and its key. */
export type CredentialKey = Branded<'CredentialKey'>;
/** `spiffe://<trust domain>/ns/<namespace>/sa/<service account>` (SPIFFE-ID, section 2). */
export type SpiffeId = Branded<'SpiffeId'>;

/** The key of a Service. */
export function serviceKey(namespace: string, name: string): ServiceKey {
  return flatText(namespace, '/', name) as ServiceKey;
}

/** The key of a Pod. */
export function podKey(namespace: string, name: string): PodKey {
  return flatText(namespace, '/', name) as PodKey;
}

/** The key of an EndpointSlice. */
export function sliceKey(namespace: string, name: string): SliceKey {
  return flatText(namespace, '/', name) as SliceKey;
}

/** The key of a TrafficPolicy. */
export function policyKey(namespace: string, name: string): PolicyKey {
  return flatText(namespace, '/', name) as PolicyKey;
}

/** The key of a ConfigMap with a key set. */
export function keySetKey(namespace: string, name: string): KeySetKey {
  return flatText(namespace, '/', name) as KeySetKey;
}

/** The key of a ConfigMap with certificates of authorities. */
export function caBundleKey(namespace: string, name: string): CaBundleKey {
  return flatText(namespace, '/', name) as CaBundleKey;
}

/** The key of a Secret with a certificate and its key. */
export function credentialKey(namespace: string, name: string): CredentialKey {
  return flatText(namespace, '/', name) as CredentialKey;
}

/** The identity of a service account's workloads. */
export function spiffeId(trustDomain: string, namespace: string, serviceAccount: string): SpiffeId {
  return flatText('spiffe://', trustDomain, '/ns/', namespace, '/sa/', serviceAccount) as SpiffeId;
}

/** The namespace half of a `namespace/name` key. */
export function namespaceOf(
  key: ServiceKey | PodKey | SliceKey | PolicyKey | CredentialKey,
): string {
  return key.slice(0, key.indexOf('/'));
}

/** The name half of a `namespace/name` key. */
export function nameOf(key: ServiceKey | PodKey | SliceKey | PolicyKey): string {
  return key.slice(key.indexOf('/') + 1);
}
