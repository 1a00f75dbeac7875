/** Paths of fields inside an object: `spec.routes[0].timeout`, readable and with one exact inverse. */

/** Map keys and list indices from the object's root. */
export type FieldPath = readonly (string | number)[];

const plainKey = /^[A-Za-z_$][\w$-]*$/;
const maxKeyLength = 120;

/** `spec.routes[0].requestHeaders.set["x.y"]`; a very long key is cut, ending in `…`. */
export function formatFieldPath(path: FieldPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') {
      text += `[${part}]`;
    } else if (plainKey.test(part) && part.length <= maxKeyLength) {
      text += text === '' ? part : `.${part}`;
    } else {
      text += `[${JSON.stringify(part.length > maxKeyLength ? `${part.slice(0, maxKeyLength)}…` : part)}]`;
    }
  }
  return text;
}

/** The inverse of {@link formatFieldPath}; what does not read as a path ends it. */
export function parseFieldPath(text: string): FieldPath {
  const path: (string | number)[] = [];
  const part = /\.?([A-Za-z_$][\w$-]*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/y;
  for (let match = part.exec(text); match !== null; match = part.exec(text)) {
    if (match[1] !== undefined) path.push(match[1]);
    else if (match[2] !== undefined) path.push(Number(match[2]));
    else if (match[3] !== undefined) path.push(String(JSON.parse(match[3])));
  }
  return path;
}
