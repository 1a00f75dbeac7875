/** Values of the benches' options; each throws with what was expected and what was found. */

/** Words of a list, with commas between. */
export function readWords<W extends string>(
  flag: string,
  text: string,
  words: readonly W[],
): readonly W[] {
  return text.split(',').map((word) => {
    const found = words.find((one) => one === word);
    if (found !== undefined) return found;
    throw new Error(`${flag}: expected ${words.join(', ')} with commas between, found ${text}`);
  });
}

/** A whole number within bounds. */
export function readCount(
  flag: string,
  text: string,
  [least, most]: readonly [number, number],
): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= least && count <= most) return count;
  throw new Error(`${flag}: expected a whole number from ${least} to ${most}, found ${text}`);
}

/** A whole number that can be added in three steps. */
export function readThirds(flag: string, text: string, most: number): number {
  const count = readCount(flag, text, [3, most]);
  if (count % 3 === 0) return count;
  throw new Error(`${flag}: expected a multiple of 3, found ${text}`);
}
