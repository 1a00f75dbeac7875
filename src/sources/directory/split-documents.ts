/** Splits a file into its YAML documents, so that each can be read, cached and blamed alone. */

/** One document as text, its markers and directives included. */
export interface DocumentText {
  readonly text: string;
  /** Line of its first character in the file, from 0. */
  readonly line: number;
}

/**
 * Documents begin where a line begins with `---` (YAML 1.2, section 9.1.2), which cannot stand at the
 * beginning of a line inside one. Directives go with the document that follows them.
 */
export function splitDocuments(text: string): readonly DocumentText[] {
  const documents: DocumentText[] = [];
  let start = 0;
  let startLine = 0;
  let line = 0;
  let isOpen = false;
  const close = (end: number): void => {
    const part = text.slice(start, end);
    if (/\S/.test(part)) documents.push({ text: part, line: startLine });
  };
  for (let at = 0; at < text.length; line += 1) {
    const next = text.indexOf('\n', at);
    const end = next < 0 ? text.length : next + 1;
    if (isMarker(text, at) && (isOpen || !hasOnlyDirectives(text.slice(start, at)))) {
      close(at);
      start = at;
      startLine = line;
      isOpen = true;
    } else if (isMarker(text, at)) {
      isOpen = true;
    }
    at = end;
  }
  close(text.length);
  return documents;
}

function isMarker(text: string, at: number): boolean {
  if (!text.startsWith('---', at)) return false;
  const after = text.charAt(at + 3);
  return after === '' || /\s/.test(after);
}

function hasOnlyDirectives(part: string): boolean {
  return part.includes('%') && part.split('\n').every((line) => /^(%.*|#.*|\s*)$/.test(line));
}
