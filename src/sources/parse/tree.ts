/** Bounds on what a value may be before anything else walks it: depth and size. */
import type { FieldPath } from './field-path.js';

const maxDepth = 64;
const maxNodes = 200_000;
/** Deeper places are named by their parents: a path of 64 steps tells nobody more. */
const maxNamedDepth = 8;

/** What makes a value unfit to be read, and where. */
export interface TreeProblem {
  readonly path: FieldPath;
  readonly message: string;
}

/** What is wrong; undefined for a fit value. Shared parts count each time, cycles as infinite depth. */
export function treeProblem(value: unknown): TreeProblem | undefined {
  let nodes = 0;
  const walk = (node: unknown, path: FieldPath, depth: number): TreeProblem | undefined => {
    nodes += 1;
    if (nodes > maxNodes) {
      return { path: [], message: `expected at most ${maxNodes} values in one object` };
    }
    if (typeof node !== 'object' || node === null) return undefined;
    if (depth >= maxDepth) {
      return { path, message: `expected at most ${maxDepth} levels of nesting` };
    }
    for (const [key, item] of entriesOf(node)) {
      if (typeof item !== 'object' || item === null) nodes += 1;
      else {
        const next = depth < maxNamedDepth ? [...path, key] : path;
        const problem = walk(item, next, depth + 1);
        if (problem !== undefined) return problem;
      }
    }
    return undefined;
  };
  return walk(value, [], 0);
}

/**
 * Where keys called `__proto__` stand in a fit value: schema checkers pass over them in silence, for
 * fear of prototypes.
 */
export function prototypeKeys(value: unknown): readonly FieldPath[] {
  const found: FieldPath[] = [];
  const walk = (node: unknown, path: FieldPath): void => {
    if (typeof node !== 'object' || node === null) return;
    for (const [key, item] of entriesOf(node)) {
      if (key === '__proto__') found.push([...path, key]);
      walk(item, [...path, key]);
    }
  };
  walk(value, []);
  return found;
}

function entriesOf(node: object): Iterable<readonly [string | number, unknown]> {
  return Array.isArray(node) ? node.entries() : Object.entries(node);
}
