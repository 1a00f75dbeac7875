/** What sidecars make of a request's path before anything is compared with it. */

/**
 * The path that rules and routes see: without query, dot segments resolved, slashes merged,
 * escaped unreserved characters plain, forbidden ones escaped. Undefined for a path that is refused with 400. As measured
 * on Envoy 1.40 with `normalize_path`, `merge_slashes` and escaped slashes rejected; the odd case
 * is its own: `..;x` counts as `..`, but not when its dots are escaped.
 */
export function normalizePath(target: string): string | undefined {
  const [path = ''] = target.split('?', 1);
  if (!path.startsWith('/') || /%2f|%5c|%00|#/i.test(path)) return undefined;
  const kept: string[] = [];
  const segments = path.replaceAll('\\', '/').split('/').slice(1);
  segments.forEach((raw, index) => {
    const segment = decodeUnreserved(raw);
    const isUp = segment === '..' || raw.startsWith('..;');
    const isDot = isUp || segment === '.' || raw.startsWith('.;');
    if (isUp) kept.pop();
    if (isDot ? index === segments.length - 1 : true) kept.push(isDot ? '' : segment);
  });
  const merged = `/${kept.join('/')}`.replace(/\/{2,}/g, '/');
  return merged.replace(/["<>^`{|}]/g, encodeURIComponent);
}

/** RFC 3986 section 2.3: an escaped unreserved character means the character. */
function decodeUnreserved(segment: string): string {
  return segment.replace(/%[0-9a-f]{2}/gi, (escaped) => {
    const character = String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
    return /[\w.~-]/.test(character) ? character : escaped;
  });
}

/**
 * The query as routes see it (measured on Envoy 1.40): nothing is unescaped, and of a repeated
 * name the first value counts.
 */
export function parseQuery(target: string): Readonly<Record<string, string>> {
  const start = target.indexOf('?');
  const query = new Map<string, string>();
  for (const pair of start < 0 ? [] : target.slice(start + 1).split('&')) {
    const cut = pair.indexOf('=');
    const name = cut < 0 ? pair : pair.slice(0, cut);
    if (name !== '' && !query.has(name)) query.set(name, cut < 0 ? '' : pair.slice(cut + 1));
  }
  return Object.fromEntries(query);
}
