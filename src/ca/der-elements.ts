/** Cuts a DER sequence into its elements' bytes: what a signature covers is bytes, not what a parser makes of them. */

function elementEnd(
  der: Buffer,
  at: number,
): { readonly contentsAt: number; readonly end: number } {
  const first = der[at + 1];
  if (first === undefined) throw new RangeError('expected a DER length, found the end');
  if (first < 0x80) return { contentsAt: at + 2, end: at + 2 + first };
  const count = first - 0x80;
  if (count < 1 || count > 4) throw new RangeError('expected a definite DER length below 4 GiB');
  const contentsAt = at + 2 + count;
  return { contentsAt, end: contentsAt + der.readUIntBE(at + 2, count) };
}

/** The elements of the sequence `der`, headers included. Throws a RangeError when it is not as long as it says. */
export function derElements(der: Buffer): readonly Buffer[] {
  const outer = elementEnd(der, 0);
  const elements: Buffer[] = [];
  let at = outer.contentsAt;
  while (at < outer.end) {
    const { end } = elementEnd(der, at);
    elements.push(der.subarray(at, end));
    at = end;
  }
  if (outer.end !== der.length || at !== outer.end) {
    throw new RangeError('expected a DER sequence as long as it says');
  }
  return elements;
}

/** What stands behind the header of one element. Throws a RangeError when it is not as long as it says. */
export function derContents(element: Buffer): Buffer {
  const { contentsAt, end } = elementEnd(element, 0);
  if (end !== element.length) throw new RangeError('expected a DER value as long as it says');
  return element.subarray(contentsAt, end);
}
