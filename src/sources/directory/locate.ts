/** Finds the line and column of a field in the YAML it came from. */
import { isAlias, isMap, isNode, isScalar, isSeq, type Document, type LineCounter } from 'yaml';
import type { FieldPath } from '../parse/field-path.js';

/** Lines and columns from 1, within the text. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

/** The place of an offset. */
export function placeOf(counter: LineCounter, offset: number): TextPlace {
  const { line, col } = counter.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

/** Whether a document holds more than comments. */
export function hasValue({ contents }: Document): boolean {
  return contents !== null && !(isScalar(contents) && contents.value === null);
}

/** A function from paths to places; what is not there is placed at the nearest parent that is. */
export function createLocator(
  documents: readonly Document[],
  counter: LineCounter,
): (document: number, path: FieldPath) => TextPlace {
  return (index, path) => {
    const document = documents[index];
    return placeOf(counter, document === undefined ? 0 : offsetOf(document, path));
  };
}

function offsetOf(document: Document, path: FieldPath): number {
  let node: unknown = document.contents;
  let offset = startOf(node);
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
    const name = String(part);
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === name);
    return pair && { offset: startOf(pair.key), value: pair.value };
  }
  if (isSeq(node) && typeof part === 'number') {
    const item = node.items[part];
    return isNode(item) ? { offset: startOf(item), value: item } : undefined;
  }
  return undefined;
}

function startOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}
