/** Node (core/v1), read for its zone. */
import { fail, ok, type Result } from '../../lib/index.js';
import type { Diagnostic, Node } from '../../model/index.js';
import { openObject, type ApiKind } from './header.js';

/** The API of Nodes. */
export const nodeApi: ApiKind = { group: '', version: 'v1', kind: 'Node', isNamespaced: false };

/** Reads a Node; the error lists every field that is wrong. */
export function parseNode(object: unknown): Result<Node, readonly Diagnostic[]> {
  const opened = openObject(object, nodeApi);
  if (!opened.ok) return opened;
  const { ref, findings, labels } = opened.value;
  const zone =
    labels['topology.kubernetes.io/zone'] ?? labels['failure-domain.beta.kubernetes.io/zone'];
  if (findings.hasErrors()) return fail(findings.list());
  return ok({
    kind: 'Node',
    name: ref.name,
    ...(zone === undefined || zone === '' ? {} : { zone }),
  });
}
