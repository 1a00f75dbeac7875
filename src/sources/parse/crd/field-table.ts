/** Tables by field: an entry is found by the end of a path, the longest one that fits. */

/** The key of the entry for `path`; undefined where none fits. `from[].namespace` fits at every `from`. */
export function fieldKey(
  table: Readonly<Record<string, unknown>>,
  path: string,
): string | undefined {
  let best: string | undefined;
  for (const key of Object.keys(table)) {
    if (!isEnd(path, key)) continue;
    if (best === undefined || key.length > best.length) best = key;
  }
  return best;
}

/** The entry for `path`; undefined where none fits. */
export function fieldAt<T>(table: Readonly<Record<string, T>>, path: string): T | undefined {
  const key = fieldKey(table, path);
  return key === undefined ? undefined : table[key];
}

/** A key that begins in capitals continues a name: `Headers.set` is `requestHeaders.set` too. */
function isEnd(path: string, key: string): boolean {
  if (path === key) return true;
  if (!path.endsWith(key)) return false;
  return /^[A-Z]/.test(key) || path.at(-key.length - 1) === '.';
}
