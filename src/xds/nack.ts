/** Finds the resource that a NACK is about. */

/** What a NACK's text says about the resources of its response. */
export interface Blame {
  /** Names that the text mentions, in the order of the response. */
  readonly named: readonly string[];
  /**
   * True: the text has the form in which Envoy lists what it refused after applying the rest
   * ("Error adding/updating cluster(s) a: ..."), so the other resources are in force.
   */
  readonly isListed: boolean;
}

const listing = /Error adding\/updating (?:cluster|listener)\(s\) /;
// What may stand right before or after a name in a sentence, but is rare within names.
const boundary = /[\s'"`()[\]{},;:=<>]/;

/** Looks for `names` in the text of a NACK. */
export function blame(message: string, names: readonly string[]): Blame {
  const named = names.filter((name) => mentions(message, name));
  return { named, isListed: named.length > 0 && listing.test(message) };
}

/** True when `name` stands in `message` as a word of its own, not as a part of a longer name. */
function mentions(message: string, name: string): boolean {
  if (name === '') return false;
  for (let at = message.indexOf(name); at >= 0; at = message.indexOf(name, at + 1)) {
    const before = message[at - 1];
    const after = message[at + name.length];
    const startsWord = before === undefined || boundary.test(before);
    const endsWord =
      after === undefined ||
      (boundary.test(after) && !continuesName(message, at + name.length)) ||
      (after === '.' && !/\S/.test(message[at + name.length + 1] ?? ' '));
    if (startsWord && endsWord) return true;
  }
  return false;
}

/** `10.0.0.1` is not mentioned by `10.0.0.1:80`: a colon ends a name only before a space. */
function continuesName(message: string, at: number): boolean {
  if (message[at] !== ':') return false;
  const next = message[at + 1];
  return next !== undefined && !/\s/.test(next);
}

/**
 * The order in which resources of a rejected response are tried again, each group in a response of
 * its own: what the text mentions one by one, the rest in halves. Halving finds a bad one among n
 * in about log2(n) responses, where one by one would rebuild a large table n times.
 */
export function isolationGroups(
  names: readonly string[],
  named: readonly string[],
): readonly (readonly string[])[] {
  const suspects = new Set(named);
  const rest = names.filter((name) => !suspects.has(name));
  const groups: (readonly string[])[] = [...suspects].map((name) => [name]);
  if (rest.length === 0) return groups;
  // With a suspect set apart, the rest is probably good as a whole.
  if (suspects.size > 0 || rest.length === 1) return [...groups, rest];
  const half = Math.ceil(rest.length / 2);
  return [rest.slice(0, half), rest.slice(half)];
}
