/** Any value as a short text for a diagnostic; bounded in time and length whatever the value is. */

const maxLength = 200;
const maxDepth = 6;

/** JSON-like text of at most 200 characters, ending in `…` when cut. */
export function showValue(value: unknown): string {
  const out: string[] = [];
  let room = maxLength;
  const write = (text: string): boolean => {
    out.push(text.slice(0, room + 1));
    room -= text.length;
    return room >= 0;
  };
  const walk = (node: unknown, depth: number): boolean => {
    if (typeof node === 'string') return write(JSON.stringify(node.slice(0, room + 1)));
    if (typeof node !== 'object' || node === null) return write(String(node));
    if (node instanceof Date) return write(String(node));
    if (depth >= maxDepth) return write('…');
    return Array.isArray(node) ? walkList(node, depth) : walkMap(node, depth);
  };
  const walkList = (list: readonly unknown[], depth: number): boolean => {
    if (!write('[')) return false;
    for (const [index, item] of list.entries()) {
      if (index > 0 && !write(', ')) return false;
      if (!walk(item, depth + 1)) return false;
    }
    return write(']');
  };
  const walkMap = (map: object, depth: number): boolean => {
    if (!write('{')) return false;
    let separator = '';
    for (const key of Object.keys(map)) {
      if (!write(`${separator}${key.slice(0, maxLength)}: `)) return false;
      if (!walk((map as Readonly<Record<string, unknown>>)[key], depth + 1)) return false;
      separator = ', ';
    }
    return write('}');
  };
  walk(value, 0);
  const text = out.join('');
  return text.length > maxLength ? `${text.slice(0, maxLength - 1)}…` : text;
}

/** What kind of thing a value is, in the words of YAML. */
export function describeType(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value === 'boolean') return 'a boolean';
  return `a ${typeof value}`;
}
