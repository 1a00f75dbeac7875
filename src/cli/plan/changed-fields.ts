/** Which fields of an object differ: the outermost that say something else. */

/** Paths of fields that differ between two manifests, without what the API server keeps of its own. */
export function changedFields(before: unknown, after: unknown): readonly string[] {
  const found: string[] = [];
  walk(before, after, '', found);
  return found.filter((path) => !ignored.test(path));
}

const ignored =
  /^metadata\.(managedFields|resourceVersion|generation|uid|selfLink)|^status\.conditions/;

function walk(before: unknown, after: unknown, path: string, found: string[]): void {
  if (Object.is(before, after)) return;
  if (Array.isArray(before) && Array.isArray(after)) {
    const [former, next]: readonly (readonly unknown[])[] = [before, after];
    const length = Math.max(before.length, after.length);
    for (let index = 0; index < length; index += 1) {
      walk(former?.[index], next?.[index], `${path}[${String(index)}]`, found);
    }
    return;
  }
  if (isMap(before) && isMap(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      walk(own(before, key), own(after, key), path === '' ? key : `${path}.${key}`, found);
    }
    return;
  }
  found.push(path);
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function own(value: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}
