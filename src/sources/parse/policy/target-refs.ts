/** `targetRefs`: whom a policy is about, and whether it may speak for them. */
import { z } from 'zod';
import type { PolicyTarget } from '../../../model/index.js';
import { canonicalJson } from '../canonical-json.js';
import { child, isMap, readItems, refuse, type Cursor } from '../cursor.js';
import { checkSchema, strict } from './check.js';
import { selectorSchema } from './service-schema.js';
import { namespaceName, objectName, portName } from './texts.js';

/** How many targets a policy may have. */
export const maxTargets = 16;

/** Where a policy stands, which decides what it may speak for. */
export interface PolicyPlace {
  readonly namespace: string;
  readonly rootNamespace: string;
}

/** The schema of a target, by its kind. */
export const targetSchemas = {
  Service: strict({
    kind: z.literal('Service'),
    name: objectName,
    namespace: namespaceName.optional(),
    sectionName: portName.optional(),
  }),
  Pod: strict({ kind: z.literal('Pod'), selector: selectorSchema }),
  Namespace: strict({ kind: z.literal('Namespace'), selector: selectorSchema.optional() }),
  Mesh: strict({ kind: z.literal('Mesh') }),
};

/** The targets, as far as they can be read. */
export interface Targets {
  readonly targets: readonly PolicyTarget[];
  /** Whether some entry could not be read, so that nobody knows whom it was about. */
  readonly hasUnreadable: boolean;
}

/** Reads the targets; what is wrong is in the findings. */
export function readTargets(cursor: Cursor, place: PolicyPlace): Targets {
  if (cursor.value === undefined || cursor.value === null) {
    refuse(cursor, 'this field is required');
    return { targets: [], hasUnreadable: true };
  }
  const items = readItems(cursor);
  if (items.length < 1 || items.length > maxTargets) {
    if (Array.isArray(cursor.value)) {
      refuse({ ...cursor, value: items.length }, `expected 1 to ${maxTargets} entries`);
    }
    return { targets: [], hasUnreadable: true };
  }
  const targets = items.map((item) => readTarget(item, place.namespace));
  checkClasses(items);
  checkRepeats(items, targets);
  const allowed = targets.filter(
    (target, index) => target !== undefined && isAllowed(child(cursor, index), target, place),
  );
  return {
    targets: allowed.flatMap((target) => target ?? []),
    hasUnreadable: targets.includes(undefined),
  };
}

function readTarget(item: Cursor, ownNamespace: string): PolicyTarget | undefined {
  const kind = child(item, 'kind').value;
  switch (kind) {
    case 'Service': {
      const entry = checkSchema(item, targetSchemas.Service);
      if (entry === undefined) return undefined;
      const { name, namespace = ownNamespace, sectionName } = entry;
      return { kind, namespace, name, ...(sectionName === undefined ? {} : { sectionName }) };
    }
    case 'Pod': {
      const entry = checkSchema(item, targetSchemas.Pod);
      return entry && { kind, selector: entry.selector.matchLabels };
    }
    case 'Namespace': {
      const entry = checkSchema(item, targetSchemas.Namespace);
      if (entry === undefined) return undefined;
      return {
        kind,
        ...(entry.selector === undefined ? {} : { selector: entry.selector.matchLabels }),
      };
    }
    case 'Mesh':
      return checkSchema(item, targetSchemas.Mesh) && { kind };
    default: {
      const at = isMap(item.value) ? child(item, 'kind') : item;
      refuse(at, 'expected a target of kind Service, Pod, Namespace or Mesh');
      return undefined;
    }
  }
}

function checkClasses(items: readonly Cursor[]): void {
  const kinds = items.map((item) => child(item, 'kind'));
  const first = kinds[0]?.value;
  const other = kinds.find(({ value }) => value !== first);
  if (other === undefined) return;
  refuse(other, 'expected targets of one kind only', 'write one policy for each kind of target');
}

function checkRepeats(
  items: readonly Cursor[],
  targets: readonly (PolicyTarget | undefined)[],
): void {
  const seen = new Set<string>();
  for (const [index, target] of targets.entries()) {
    const item = items[index];
    if (target === undefined || item === undefined) continue;
    const text = canonicalJson(target);
    if (seen.has(text)) refuse(item, 'expected each target once');
    seen.add(text);
  }
}

/** Only the root namespace speaks for others: a mistake elsewhere must not reach the whole mesh. */
function isAllowed(item: Cursor, target: PolicyTarget, place: PolicyPlace): boolean {
  if (place.namespace === place.rootNamespace) return true;
  if (target.kind === 'Mesh') {
    refuseTarget(
      child(item, 'kind'),
      `only policies in ${place.rootNamespace} may target the Mesh`,
    );
    return false;
  }
  if (target.kind === 'Namespace' && target.selector !== undefined) {
    const message = `only policies in ${place.rootNamespace} may select namespaces`;
    refuseTarget(child(item, 'selector'), message);
    return false;
  }
  return true;
}

function refuseTarget(cursor: Cursor, message: string): void {
  cursor.findings.add({
    code: 'TargetNotAllowed',
    path: cursor.path,
    value: cursor.value,
    message,
  });
}
