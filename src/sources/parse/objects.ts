/** Any Kubernetes object to a row of the collection it belongs to. */
import type { Result } from '../../lib/index.js';
import type {
  CaBundle,
  Credential,
  Diagnostic,
  EndpointSlice,
  KeySet,
  Namespace,
  Node,
  ObjectRef,
  Pod,
  RefusedPolicy,
  Service,
  TrafficPolicy,
} from '../../model/index.js';
import { isCaBundle, parseCaBundle } from './ca-bundle.js';
import { isCredential, parseCredential, secretApi } from './credential.js';
import { child, ownField, type Cursor } from './cursor.js';
import { endpointSliceApi, parseEndpointSlice } from './endpoint-slice.js';
import { createFindings, toDiagnostic } from './findings.js';
import { isForeignKind } from './foreign-kinds.js';
import { configMapApi, isKeySet, parseKeySet } from './key-set.js';
import { explainNameless, readRef, type ApiKind } from './header.js';
import { namespaceApi, parseNamespace } from './namespace.js';
import { nearestName } from './nearest.js';
import { nodeApi, parseNode } from './node.js';
import { parsePod, podApi } from './pod.js';
import { isPolicyTest } from './policy-test.js';
import { parseService, serviceApi } from './service.js';
import { parseTrafficPolicy, trafficPolicyApi, type PolicyOptions } from './traffic-policy.js';
import { treeProblem, type TreeProblem } from './tree.js';

/** What each collection's rows are. */
export interface CollectionRows {
  readonly services: Service;
  readonly slices: EndpointSlice;
  readonly pods: Pod;
  readonly namespaces: Namespace;
  readonly nodes: Node;
  /** ConfigMaps with the public keys of an issuer. */
  readonly keySets: KeySet;
  /** ConfigMaps with certificates of authorities. */
  readonly caBundles: CaBundle;
  /** Secrets with a certificate and its key. */
  readonly credentials: Credential;
  readonly policies: TrafficPolicy | RefusedPolicy;
}

/** The name of a collection. */
export type CollectionName = keyof CollectionRows;

/** Collections of ConfigMaps and Secrets, of which those are read that a label offers. */
export const offeredCollections = ['keySets', 'caBundles', 'credentials'] as const;

/** The name of one of them. */
export type OfferedCollection = (typeof offeredCollections)[number];

/** A row with the collection it is of. */
export type Row = {
  [C in CollectionName]: { readonly collection: C; readonly value: CollectionRows[C] };
}[CollectionName];

/** What an object turned out to be. */
export type ParsedObject =
  /** Of a kind that is well known and not ours. */
  | { readonly kind: 'foreign' }
  /** Not ours, or not an object at all: the diagnostics say which. */
  | { readonly kind: 'unknown'; readonly diagnostics: readonly Diagnostic[] }
  | {
      readonly kind: 'ours';
      readonly collection: CollectionName;
      readonly key: string;
      readonly ref: ObjectRef;
      readonly outcome: Outcome;
      readonly diagnostics: readonly Diagnostic[];
    };

/** Whether one of our objects has a row. */
export type Outcome =
  | { readonly kind: 'good'; readonly row: Row }
  /** Well-formed, but there is nothing in it for the mesh. */
  | { readonly kind: 'nothing' }
  /** Refused; `row` is what is known of it all the same (policies only). */
  | { readonly kind: 'refused'; readonly row?: Row };

interface KindReader {
  readonly api: ApiKind;
  /** Absent: every object of the kind is read. */
  readonly isMeant?: (object: unknown) => boolean;
  readonly collection: CollectionName;
  readonly read: (object: unknown, options: PolicyOptions) => Reading;
}

interface Reading {
  readonly outcome: Outcome;
  readonly diagnostics: readonly Diagnostic[];
}

const readers: readonly KindReader[] = [
  kindReader(serviceApi, 'services', parseService),
  kindReader(endpointSliceApi, 'slices', parseEndpointSlice),
  { api: podApi, collection: 'pods', read: readPod },
  kindReader(namespaceApi, 'namespaces', parseNamespace),
  kindReader(nodeApi, 'nodes', parseNode),
  { api: configMapApi, isMeant: isKeySet, collection: 'keySets', read: readKeySetObject },
  { api: configMapApi, isMeant: isCaBundle, collection: 'caBundles', read: readCaBundleObject },
  { api: secretApi, isMeant: isCredential, collection: 'credentials', read: readCredentialObject },
  { api: trafficPolicyApi, collection: 'policies', read: readPolicy },
];

/** The collections in the order in which changes are handed out: what others refer to comes first. */
export const collectionNames: readonly CollectionName[] = [
  'namespaces',
  'nodes',
  'services',
  'pods',
  'slices',
  'keySets',
  'caBundles',
  'credentials',
  'policies',
];

/** Reads any object; never throws. */
export function parseObject(object: unknown, options: PolicyOptions): ParsedObject {
  const problem = treeProblem(object);
  const isPolicy = ownField(object, 'kind') === trafficPolicyApi.kind;
  const group = groupOf(object);
  const kind = ownField(object, 'kind');
  const reader = readers.find(
    ({ api, isMeant }) => api.kind === kind && api.group === group && (isMeant?.(object) ?? true),
  );
  const ref = readRef(object, reader?.api.isNamespaced ?? true);
  if (ref === undefined) {
    // Tests of policies stand beside the policies.
    if (isPolicyTest(object)) return { kind: 'foreign' };
    const isForeign = typeof kind === 'string' && isForeignKind(group, kind);
    return isForeign
      ? { kind: 'foreign' }
      : { kind: 'unknown', diagnostics: explainNameless(problem === undefined ? object : {}) };
  }
  if (reader === undefined) {
    return isForeignKind(ref.group, ref.kind)
      ? { kind: 'foreign' }
      : { kind: 'unknown', diagnostics: [unknownKind(object, ref)] };
  }
  const reading =
    problem === undefined || isPolicy ? reader.read(object, options) : unfit(ref, problem);
  const key = reader.api.isNamespaced ? `${ref.namespace}/${ref.name}` : ref.name;
  return { kind: 'ours', collection: reader.collection, key, ref, ...reading };
}

function groupOf(object: unknown): string {
  const apiVersion = ownField(object, 'apiVersion');
  if (typeof apiVersion !== 'string') return '';
  const cut = apiVersion.lastIndexOf('/');
  return cut < 0 ? '' : apiVersion.slice(0, cut);
}

function unfit(ref: ObjectRef, problem: TreeProblem): Reading {
  const diagnostics = [toDiagnostic(ref, problem)];
  return { outcome: { kind: 'refused' }, diagnostics };
}

function unknownKind(object: unknown, ref: ObjectRef): Diagnostic {
  const findings = createFindings(ref);
  const place = child({ value: object, path: [], findings } satisfies Cursor, 'kind');
  const sameKind = readers.find(({ api }) => api.kind === ref.kind)?.api;
  const nearest = nearestName(
    ref.kind,
    readers.map(({ api }) => api.kind),
  );
  const remedy =
    sameKind === undefined
      ? nearest && `did you mean ${nearest}?`
      : `did you mean apiVersion ${[sameKind.group, sameKind.version].filter(Boolean).join('/')}?`;
  return toDiagnostic(ref, {
    code: 'UnknownKind',
    severity: 'warning',
    path: place.path,
    value: place.value,
    message: `expected a kind that Skerry reads, found ${ref.kind} of ${ref.group === '' ? 'the core group' : ref.group}`,
    ...(remedy === undefined ? {} : { remedy }),
  });
}

function kindReader<C extends Exclude<CollectionName, 'policies' | 'pods' | OfferedCollection>>(
  api: ApiKind,
  collection: C,
  parse: (object: unknown) => Result<CollectionRows[C] | undefined, readonly Diagnostic[]>,
): KindReader {
  const read = (object: unknown): Reading => {
    const result = parse(object);
    if (!result.ok) return { outcome: { kind: 'refused' }, diagnostics: result.error };
    if (result.value === undefined) return { outcome: { kind: 'nothing' }, diagnostics: [] };
    // The signature ties the value to the collection, which a mapped union cannot express.
    const row = { collection, value: result.value } as unknown as Row;
    return { outcome: { kind: 'good', row }, diagnostics: [] };
  };
  return { api, collection, read };
}

function readPod(object: unknown): Reading {
  const result = parsePod(object);
  if (!result.ok) return { outcome: { kind: 'refused' }, diagnostics: result.error };
  const { pod, warnings } = result.value;
  const row: Row = { collection: 'pods', value: pod };
  return { outcome: { kind: 'good', row }, diagnostics: warnings };
}

function readKeySetObject(object: unknown): Reading {
  const { keySet, diagnostics } = parseKeySet(object);
  if (keySet === undefined) return { outcome: { kind: 'refused' }, diagnostics };
  return { outcome: { kind: 'good', row: { collection: 'keySets', value: keySet } }, diagnostics };
}

function readCaBundleObject(object: unknown): Reading {
  const { caBundle: value, diagnostics } = parseCaBundle(object);
  if (value === undefined) return { outcome: { kind: 'refused' }, diagnostics };
  return { outcome: { kind: 'good', row: { collection: 'caBundles', value } }, diagnostics };
}

function readCredentialObject(object: unknown): Reading {
  const { credential: value, diagnostics } = parseCredential(object);
  if (value === undefined) return { outcome: { kind: 'refused' }, diagnostics };
  return { outcome: { kind: 'good', row: { collection: 'credentials', value } }, diagnostics };
}

function readPolicy(object: unknown, options: PolicyOptions): Reading {
  const { policy, refused, diagnostics } = parseTrafficPolicy(object, options);
  if (policy !== undefined) {
    return {
      outcome: { kind: 'good', row: { collection: 'policies', value: policy } },
      diagnostics,
    };
  }
  if (refused === undefined) return { outcome: { kind: 'refused' }, diagnostics };
  const row: Row = { collection: 'policies', value: refused };
  return { outcome: { kind: 'refused', row }, diagnostics };
}
