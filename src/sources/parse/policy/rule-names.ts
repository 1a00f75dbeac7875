/** Names of rules: each once in its list, those left out included. */
import { child, refuse, type Cursor } from '../cursor.js';

/** Refuses a name that stands twice; the entry at `index` without a name is called `<prefix>-<index>`. */
export function checkNames(items: readonly Cursor[], prefix: string): void {
  const seen = new Set<string>();
  const unnamed: string[] = [];
  for (const [index, item] of items.entries()) {
    const place = child(item, 'name');
    if (typeof place.value !== 'string') {
      unnamed.push(`${prefix}-${index}`);
      continue;
    }
    if (seen.has(place.value)) refuse(place, 'expected a name that no other entry has');
    seen.add(place.value);
  }
  for (const item of items) {
    const place = child(item, 'name');
    if (typeof place.value === 'string' && unnamed.includes(place.value)) {
      refuse(place, 'this is the name of an entry that was given none');
    }
  }
}
