/** Finds what the YAML library lets pass or finds too slowly: keys that stand twice, dangling aliases, depth. */
import { isAlias, isMap, isNode, isScalar, isSeq, type Document } from 'yaml';

/** What is wrong, and the offset in the text where. */
export interface YamlFinding {
  readonly message: string;
  readonly offset: number;
}

const maxFindings = 20;

/** The findings of one document without errors, in time linear in its size. */
export function inspectDocument(document: Document, maxDepth: number): readonly YamlFinding[] {
  const findings: YamlFinding[] = [];
  const anchors = new Set<string>();
  const add = (node: unknown, message: string): void => {
    const offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
    if (findings.length < maxFindings) findings.push({ message, offset });
  };
  const walk = (node: unknown, depth: number): void => {
    if (isAlias(node)) {
      if (anchors.has(node.source)) return;
      add(node, `expected an anchor called ${node.source.slice(0, 100)} before its alias`);
      return;
    }
    if (!isNode(node)) return;
    if ('anchor' in node && typeof node.anchor === 'string') anchors.add(node.anchor);
    if (isScalar(node)) return;
    if (depth > maxDepth) {
      add(node, `expected at most ${maxDepth} levels of nesting`);
      return;
    }
    if (isSeq(node)) for (const item of node.items) walk(item, depth + 1);
    if (!isMap(node)) return;
    const keys = new Set<unknown>();
    for (const { key, value } of node.items) {
      const name = keyName(key);
      if (name !== undefined && name !== '<<' && keys.has(name)) {
        add(key, `expected each key once, found ${name.slice(0, 100)} again`);
      }
      keys.add(name);
      walk(key, depth + 1);
      walk(value, depth + 1);
    }
  };
  walk(document.contents, 0);
  return findings;
}

/** Objects have text keys: 1 and "1" are the same. */
function keyName(key: unknown): string | undefined {
  const value: unknown = isScalar(key) ? key.value : undefined;
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}
