/** Which Services an app calls: seeded, and skewed as in real meshes, where few are called by many. */

/** Numbers in [0, 1), always the same for a seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Draws `wanted` different ranks below `total`: rank r with a weight of 1 / (r + 1), as Zipf found of words. */
export function createDraw(total: number, random: () => number): (wanted: number) => number[] {
  const sums: number[] = [];
  let sum = 0;
  for (let rank = 0; rank < total; rank += 1) {
    sum += 1 / (rank + 1);
    sums.push(sum);
  }
  const one = (): number => {
    const aim = random() * sum;
    let low = 0;
    let high = total - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? sum) > aim) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  return (wanted) => {
    const drawn = new Set<number>();
    while (drawn.size < Math.min(wanted, total)) drawn.add(one());
    return [...drawn];
  };
}
