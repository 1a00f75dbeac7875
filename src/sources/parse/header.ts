/** What every Kubernetes object has: apiVersion, kind and metadata. */
import { fail, ok, type Result } from '../../lib/index.js';
import type { Diagnostic, Labels, ObjectRef } from '../../model/index.js';
import {
  child,
  descend,
  isAbsent,
  isMap,
  ownField,
  readLabels,
  readMap,
  readString,
  readTime,
  refuse,
  type Cursor,
} from './cursor.js';
import { createFindings, toDiagnostic, type Findings } from './findings.js';

/** The group and version of an API, and whether its objects live in namespaces. */
export interface ApiKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly isNamespaced: boolean;
}

/** An object opened for reading. */
export interface OpenObject {
  readonly ref: ObjectRef;
  readonly root: Cursor;
  readonly findings: Findings;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly creationTimestampMs: number;
}

/** DNS-1123 subdomain, which names of most objects are (Kubernetes, object names). */
export const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
/** DNS-1123 label: names of namespaces. */
export const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * The name of an object as far as it can be used in a key; undefined otherwise. A namespaced object
 * without a namespace is in `default`, as with kubectl.
 */
export function readRef(object: unknown, isNamespaced: boolean): ObjectRef | undefined {
  const apiVersion = ownField(object, 'apiVersion');
  const kind = ownField(object, 'kind');
  const metadata = ownField(object, 'metadata');
  const name = ownField(metadata, 'name');
  const given = ownField(metadata, 'namespace') ?? '';
  const namespace = given === '' ? 'default' : given;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') return undefined;
  if (!isNamePart(name) || !isNamePart(namespace)) return undefined;
  const cut = apiVersion.lastIndexOf('/');
  const group = cut < 0 ? '' : apiVersion.slice(0, cut);
  return { group, kind, namespace: isNamespaced ? namespace : '', name };
}

function isNamePart(value: unknown): value is string {
  // Everything printable but the slash, which separates the parts of a key.
  return typeof value === 'string' && /^[!-.0-~]{1,253}$/.test(value);
}

/** Opens an object of the kind given; the error is a list of what stops it from being named at all. */
export function openObject(
  object: unknown,
  api: ApiKind,
): Result<OpenObject, readonly Diagnostic[]> {
  const ref = readRef(object, api.isNamespaced);
  if (ref === undefined) return fail(explainNameless(object));
  const findings = createFindings(ref);
  const root: Cursor = { value: object, path: [], findings };
  const expected = api.group === '' ? api.version : `${api.group}/${api.version}`;
  if (ownField(object, 'apiVersion') !== expected || ref.kind !== api.kind) {
    refuse(child(root, 'apiVersion'), `expected apiVersion ${expected} and kind ${api.kind}`);
  }
  checkName(root, ref, api);
  return ok({
    ref,
    root,
    findings,
    labels: readLabels(descend(root, 'metadata', 'labels')),
    annotations: readLabels(descend(root, 'metadata', 'annotations')),
    creationTimestampMs: readTime(descend(root, 'metadata', 'creationTimestamp')),
  });
}

function checkName(root: Cursor, ref: ObjectRef, api: ApiKind): void {
  const pattern = api.kind === 'Namespace' ? dnsLabel : subdomain;
  if (!pattern.test(ref.name)) {
    refuse(
      descend(root, 'metadata', 'name'),
      'expected lower case letters, digits, dashes and dots, beginning and ending with a letter or digit',
    );
  }
  if (api.isNamespaced && !dnsLabel.test(ref.namespace)) {
    refuse(
      descend(root, 'metadata', 'namespace'),
      'expected lower case letters, digits and dashes, at most 63 of them',
    );
  }
}

/** Why an object has no usable name: one diagnostic per field in the way. */
export function explainNameless(object: unknown): readonly Diagnostic[] {
  if (!isMap(object)) {
    const message = 'expected a map with apiVersion, kind and metadata';
    return [toDiagnostic(undefined, { code: 'NotAnObject', path: [], value: object, message })];
  }
  const findings = createFindings(undefined);
  const root: Cursor = { value: object, path: [], findings };
  const places = [child(root, 'apiVersion'), child(root, 'kind')];
  const metadata = readMap(child(root, 'metadata'));
  places.push(descend(root, 'metadata', 'name'));
  if (metadata !== undefined && !isAbsent(child(metadata, 'namespace'))) {
    places.push(child(metadata, 'namespace'));
  }
  for (const place of places) {
    if (isAbsent(place)) {
      findings.add({ code: 'NotAnObject', path: place.path, message: 'this field is required' });
    } else if (readString(place) !== undefined && place.path[0] === 'metadata') {
      if (!isNamePart(place.value)) refuse(place, 'this cannot be the name of an object');
    }
  }
  return findings.list().map((each) => ({ ...each, code: 'NotAnObject' }));
}
