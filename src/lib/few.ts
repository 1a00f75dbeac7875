/**
 * A set that mostly has few members: one is the member itself, up to eight are a list of just their
 * length (of two a `Set` takes 180 bytes more), many are a `Set`. Hot.
 */

/** Members are no sets or lists themselves; what holds a `Few` holds it alone. */
export type Few<T extends object | string> = T | readonly T[] | Set<T> | undefined;

/** A longer list costs more to search than it saves. */
const longest = 8;

/** The set with `member`; a `Set` is changed in place. */
export function including<T extends object | string>(few: Few<T>, member: T): Few<T> {
  if (few === undefined || few === member) return member;
  if (few instanceof Set) return few.add(member);
  if (!isList(few)) return [few, member];
  if (few.includes(member)) return few;
  // One that was pushed to would have room for sixteen more.
  return few.length < longest ? few.concat(member) : new Set(few).add(member);
}

/** The set without `member`; a `Set` is changed in place. */
export function excluding<T extends object | string>(few: Few<T>, member: T): Few<T> {
  if (few === undefined || few === member) return undefined;
  if (few instanceof Set) {
    few.delete(member);
    return few;
  }
  if (!isList(few)) return few;
  const at = few.indexOf(member);
  if (at < 0) return few;
  return few.length === 2 ? few[1 - at] : few.slice(0, at).concat(few.slice(at + 1));
}

/** Whether it has `member`. */
export function includes<T extends object | string>(few: Few<T>, member: T): boolean {
  if (few instanceof Set) return few.has(member);
  return isList(few) ? few.includes(member) : few === member;
}

/** How many members it has. */
export function sizeOf<T extends object | string>(few: Few<T>): number {
  if (few === undefined) return 0;
  if (few instanceof Set) return few.size;
  return isList(few) ? few.length : 1;
}

/** Calls `visit` with each member, in the order in which they came. */
export function each<T extends object | string>(few: Few<T>, visit: (member: T) => void): void {
  if (few === undefined) return;
  if (few instanceof Set) few.forEach(visit);
  else if (isList(few)) for (const member of few) visit(member);
  else visit(few);
}

/** Its members, in the order in which they came. */
export function membersOf<T extends object | string>(few: Few<T>): Iterable<T> {
  if (few === undefined) return [];
  return few instanceof Set || isList(few) ? few : [few];
}

/** The set of these members. */
export function fewOf<T extends object | string>(members: Iterable<T>): Few<T> {
  let few: Few<T>;
  for (const member of members) few = including(few, member);
  return few;
}

/** These members, of which none stands twice, to be read and never changed: a list however many they are. */
export function packed<T extends object | string>(members: readonly T[]): Few<T> {
  return members.length < 2 ? members[0] : members.slice();
}

function isList<T extends object | string>(few: Few<T>): few is readonly T[] {
  return Array.isArray(few);
}
