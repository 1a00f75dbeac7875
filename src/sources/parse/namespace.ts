/** Namespace (core/v1). */
import { fail, ok, type Result } from '../../lib/index.js';
import type { Diagnostic, Namespace } from '../../model/index.js';
import { openObject, type ApiKind } from './header.js';

/** The API of Namespaces. */
export const namespaceApi: ApiKind = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  isNamespaced: false,
};

/** Reads a Namespace; the error lists every field that is wrong. */
export function parseNamespace(object: unknown): Result<Namespace, readonly Diagnostic[]> {
  const opened = openObject(object, namespaceApi);
  if (!opened.ok) return opened;
  const { ref, findings, labels } = opened.value;
  // The API server puts this label on every namespace, and selectors rely on it.
  const all = { ...labels, 'kubernetes.io/metadata.name': ref.name };
  if (findings.hasErrors()) return fail(findings.list());
  return ok({ kind: 'Namespace', name: ref.name, labels: all });
}
