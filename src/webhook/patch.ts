/** What an injection changes, as a JSON Patch (RFC 6902). */
import { isMap, mapAt, mapsOf, ownValue, type Json, type JsonMap } from './json.js';

/** One operation; `add` replaces a member that is there (RFC 6902, section 4.1). */
export interface PatchOperation {
  readonly op: 'add';
  /** The steps of the path, not escaped. */
  readonly steps: readonly (string | number)[];
  readonly value: Json;
}

/** An operation as RFC 6902 spells it. */
export interface SpelledOperation {
  readonly op: 'add';
  readonly path: string;
  readonly value: Json;
}

/** The least that turns `before` into `after`, where `after` is an injection of `before`. */
export function patchOf(before: JsonMap, after: JsonMap): readonly PatchOperation[] {
  const whole = (...steps: readonly [string, string]): readonly PatchOperation[] => {
    const value = ownValue(mapAt(after, steps[0]), steps[1]);
    const old = ownValue(mapAt(before, steps[0]), steps[1]);
    return value === undefined || isSame(value, old) ? [] : [{ op: 'add', steps, value }];
  };
  return [
    // A pod template may have no metadata at all.
    ...(isMap(ownValue(before, 'metadata'))
      ? whole('metadata', 'annotations')
      : [{ op: 'add' as const, steps: ['metadata'], value: mapAt(after, 'metadata') }]),
    ...whole('spec', 'initContainers'),
    ...containerPatch(before, after),
    ...whole('spec', 'volumes'),
  ];
}

/** Of the user's containers only probes change. */
function containerPatch(before: JsonMap, after: JsonMap): readonly PatchOperation[] {
  const old = mapsOf(mapAt(before, 'spec')['containers']);
  return mapsOf(mapAt(after, 'spec')['containers']).flatMap((container, index) =>
    Object.entries(container).flatMap(([name, value]): readonly PatchOperation[] => {
      if (value === undefined || isSame(value, ownValue(old[index] ?? {}, name))) return [];
      return [{ op: 'add', steps: ['spec', 'containers', index, name], value }];
    }),
  );
}

/** Equal with the members in the same order, which those have that an injection left alone. */
function isSame(a: Json | undefined, b: Json | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The operation with its path as a JSON Pointer (RFC 6901). */
export function spellOperation({ op, steps, value }: PatchOperation): SpelledOperation {
  const escape = (step: string | number): string =>
    String(step).replaceAll('~', '~0').replaceAll('/', '~1');
  return { op, path: steps.map((step) => `/${escape(step)}`).join(''), value };
}
