/** A set that mostly has one member: then it is the member, since a `Set` of one takes 200 bytes. Hot. */

/** Nothing, one member, or a `Set` that whoever holds it has alone. Members are no sets themselves. */
export type Few<T extends object | string> = T | Set<T> | undefined;

/** The set with `member`; a `Set` is changed in place. */
export function including<T extends object | string>(few: Few<T>, member: T): Few<T> {
  if (few === undefined || few === member) return member;
  if (few instanceof Set) return few.add(member);
  return new Set([few, member]);
}

/** The set without `member`; a `Set` is changed in place. */
export function excluding<T extends object | string>(few: Few<T>, member: T): Few<T> {
  if (few === member) return undefined;
  if (few instanceof Set) few.delete(member);
  return few;
}

/** Whether it has `member`. */
export function includes<T extends object | string>(few: Few<T>, member: T): boolean {
  return few instanceof Set ? few.has(member) : few === member;
}

/** How many members it has. */
export function sizeOf<T extends object | string>(few: Few<T>): number {
  if (few === undefined) return 0;
  return few instanceof Set ? few.size : 1;
}

/** Calls `visit` with each member, in the order in which they came. */
export function each<T extends object | string>(few: Few<T>, visit: (member: T) => void): void {
  if (few instanceof Set) few.forEach(visit);
  else if (few !== undefined) visit(few);
}

/** Its members, in the order in which they came. */
export function membersOf<T extends object | string>(few: Few<T>): Iterable<T> {
  if (few === undefined) return [];
  return few instanceof Set ? few : [few];
}

/** The set of these members. */
export function fewOf<T extends object | string>(members: Iterable<T>): Few<T> {
  let few: Few<T>;
  for (const member of members) few = including(few, member);
  return few;
}
