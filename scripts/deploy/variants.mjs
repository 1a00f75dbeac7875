// Lays the forms that one object has under different options over each other, as a tree with choices in it.

/** Stands for what an object does not have in a form. */
export const absent = Symbol('absent');

/** Tells holes and choices from maps of the user's. */
const tag = Symbol('tag');

/** A place for a value: `expression` is what a template writes there; `isBlock`: it is a map or a list. */
export function holeOf(expression, { isBlock = false } = {}) {
  return { [tag]: 'hole', expression, isBlock };
}

export function isHole(value) {
  return value?.[tag] === 'hole';
}

/** A part that is `whenTrue` where the condition holds, else `whenFalse`; each may be `absent`. */
export function choiceOf(condition, whenTrue, whenFalse) {
  return { [tag]: 'choice', condition, whenTrue, whenFalse };
}

export function isChoice(value) {
  return value?.[tag] === 'choice';
}

/** Maps of JSON; a hole, a choice and a list are none. */
export function isMap(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !value[tag];
}

function isEqual(a, b) {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((one, index) => isEqual(one, b[index]));
  }
  const areAlike = (isMap(a) && isMap(b)) || (isChoice(a) && isChoice(b));
  if (!areAlike) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isEqual(a[key], b[key]))
  );
}

/** The tree that is `whenTrue` where the condition holds, else `whenFalse`; what both have stands once. */
export function overlay(condition, whenTrue, whenFalse) {
  if (isEqual(whenTrue, whenFalse)) return whenTrue;
  if (isMap(whenTrue) && isMap(whenFalse)) return overlayMaps(condition, whenTrue, whenFalse);
  if (Array.isArray(whenTrue) && Array.isArray(whenFalse)) {
    return overlayLists(condition, whenTrue, whenFalse);
  }
  return choiceOf(condition, whenTrue, whenFalse);
}

function overlayMaps(condition, whenTrue, whenFalse) {
  const at = (map, key) => (Object.hasOwn(map, key) ? map[key] : absent);
  const keys = new Set([...Object.keys(whenFalse), ...Object.keys(whenTrue)]);
  return Object.fromEntries(
    [...keys].map((key) => [key, overlay(condition, at(whenTrue, key), at(whenFalse, key))]),
  );
}

/** Items that both begin and end with stand once; between them are those of one form alone. */
function overlayLists(condition, whenTrue, whenFalse) {
  if (whenTrue.length === whenFalse.length) {
    return whenTrue.map((one, index) => overlay(condition, one, whenFalse[index]));
  }
  const [short, long] = [whenTrue, whenFalse].sort((a, b) => a.length - b.length);
  let start = 0;
  while (start < short.length && isEqual(short[start], long[start])) start += 1;
  let end = 0;
  while (end < short.length - start && isEqual(short.at(-1 - end), long.at(-1 - end))) end += 1;
  const middle = (list) => list.slice(start, list.length - end);
  return [
    ...long.slice(0, start),
    ...middle(whenTrue).map((one) => choiceOf(condition, one, absent)),
    ...middle(whenFalse).map((one) => choiceOf(condition, absent, one)),
    ...long.slice(long.length - end),
  ];
}
