/** Whether a request carries what an entry of `when` asks for. */
import type { ConditionIr } from '../../ir/index.js';

/** What a request carries beside its method and path. */
export interface CarriedView {
  /** By lower-case name; the lines of a repeated header are joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * An allow takes a header as a whole, where a prefix goes on without commas; a deny is met by what
 * stands between any two commas.
 */
export function meetsCondition(
  { name, values }: ConditionIr,
  { headers }: CarriedView,
  effect: 'allow' | 'deny',
): boolean {
  const found = Object.hasOwn(headers, name) ? headers[name]?.trim() : undefined;
  if (found === undefined) return false;
  return values.some((value) => {
    if (value === '*') return true;
    const isPrefix = value.endsWith('*');
    const text = isPrefix ? value.slice(0, -1) : value;
    if (effect === 'deny') return isAmong(text, isPrefix, found);
    if (!isPrefix) return found === text;
    return found.startsWith(text) && !found.slice(text.length).includes(',');
  });
}

/** Whether `text` begins after a comma (or at the start) and, unless a prefix, ends before one. */
function isAmong(text: string, isPrefix: boolean, found: string): boolean {
  for (let start = 0; ;) {
    const rest = found.slice(start).replace(/^[ \t]+/, '');
    if (rest.startsWith(text) && (isPrefix || /^[ \t]*(,|$)/.test(rest.slice(text.length)))) {
      return true;
    }
    const comma = found.indexOf(',', start);
    if (comma < 0) return false;
    start = comma + 1;
  }
}
