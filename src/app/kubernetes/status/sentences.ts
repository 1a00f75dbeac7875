/** Many findings in one message of bounded length. Pure. */

const maxLength = 2_000;

/** The sentences, separated by `; `, each once; those that find no room are counted. */
export function joinSentences(sentences: readonly string[]): string {
  const all = [...new Set(sentences)];
  let text = '';
  for (const [index, one] of all.entries()) {
    const next = text === '' ? one : `${text}; ${one}`;
    if (next.length > maxLength && text !== '') {
      return `${text}; and ${String(all.length - index)} more`;
    }
    text = next;
  }
  return cutText(text, maxLength);
}

/** The text, shortened to `length` characters where it is longer. */
export function cutText(text: string, length: number): string {
  if (text.length <= length) return text;
  // Half a character would come back from the API server as another one.
  return `${text.slice(0, length - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
