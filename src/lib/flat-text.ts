/** Texts that are kept by the ten thousand. */

/**
 * The parts as one text. A template keeps the tree of its parts beside the text, at 32 bytes a part,
 * for as long as somebody holds it; ids are held as long as their objects.
 */
export function flatText(...parts: readonly string[]): string {
  return parts.join('');
}
