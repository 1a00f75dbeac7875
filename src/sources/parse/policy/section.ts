/** Opens a section of a policy: a map with known fields only. */
import { child, isMap, refuseType, type Cursor } from '../cursor.js';
import { unknownField } from './check.js';

/** The fields that a section has; undefined, with a finding, when it is not a map. */
export function openSection(
  cursor: Cursor,
  fields: readonly string[],
): ReadonlySet<string> | undefined {
  if (!isMap(cursor.value)) {
    refuseType(cursor, 'a map');
    return undefined;
  }
  const present = new Set<string>();
  for (const key of Object.keys(cursor.value)) {
    const place = child(cursor, key);
    if (fields.includes(key)) {
      // A field of a class instance may be there and undefined.
      if (place.value !== undefined) present.add(key);
    } else {
      cursor.findings.add({ path: place.path, value: place.value, ...unknownField(key, fields) });
    }
  }
  return present;
}
