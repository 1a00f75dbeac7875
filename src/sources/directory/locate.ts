/** Finds the line and column of a field in the text it came from. */
import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Document,
  type Node,
} from 'yaml';
import type { FieldPath } from '../parse/field-path.js';
import { composeYaml } from './read-yaml.js';

/** Lines and columns from 1, within the text. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

/**
 * A function from paths to places in `text`. What is not there is placed at the nearest parent that
 * is; everything is at the beginning when the text is not YAML within bounds.
 */
export function createLocator(text: string): (document: number, path: FieldPath) => TextPlace {
  const counter = new LineCounter();
  const composed = composeYaml(text, counter);
  const documents = Array.isArray(composed) ? composed.filter(hasValue) : [];
  return (index, path) => {
    const document = documents[index];
    const offset = document === undefined ? 0 : offsetOf(document, path);
    const { line, col } = counter.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
}

/** Documents without a value are passed over by the reader, too. */
function hasValue({ contents }: Document): boolean {
  return contents !== null && !(isScalar(contents) && contents.value === null);
}

function offsetOf(document: Document, path: FieldPath): number {
  let node: unknown = document.contents;
  let offset = isNode(node) ? startOf(node) : 0;
  for (const part of path) {
    const target: unknown = isAlias(node) ? node.resolve(document) : node;
    const step = stepInto(target, part);
    if (step === undefined) return offset;
    offset = step.offset;
    node = step.value;
  }
  return offset;
}

interface Step {
  readonly offset: number;
  readonly value: unknown;
}

function stepInto(node: unknown, part: string | number): Step | undefined {
  if (isMap(node)) {
    const pair = node.items.find(
      ({ key }) => String(isScalar(key) ? key.value : key) === String(part),
    );
    if (pair === undefined) return undefined;
    const at = isNode(pair.key) ? startOf(pair.key) : 0;
    return { offset: at, value: pair.value };
  }
  if (isSeq(node) && typeof part === 'number') {
    const item = node.items[part];
    return isNode(item) ? { offset: startOf(item), value: item } : undefined;
  }
  return undefined;
}

function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}
