/** Lists that are kept by the ten thousand. */

const empty: readonly never[] = Object.freeze([]);

/**
 * The same members, in a list of just their length: one that was pushed to, or made by `flatMap`, has
 * room for sixteen more. Of empty ones there is one for all.
 */
export function leanList<T>(list: readonly T[]): readonly T[] {
  return list.length === 0 ? empty : list.slice();
}
