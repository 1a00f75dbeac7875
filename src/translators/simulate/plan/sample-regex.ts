/** One text that a regular expression matches: so that a request can be made that meets a condition. */
import { RE2JS } from 're2js';

/** A text that matches as a whole, found by taking each part once; undefined where that does not lead to one. */
export function sampleRegex(pattern: string): string | undefined {
  const candidates = [0, 1, 2].map((times) => readAlternatives({ pattern, at: 0, times }));
  return candidates.find((text) => {
    try {
      return RE2JS.matches(pattern, text);
    } catch {
      return false;
    }
  });
}

/** Mutable: how far the pattern has been read. */
interface Reader {
  readonly pattern: string;
  at: number;
  /** How often a part is taken that may be repeated at will. */
  readonly times: number;
}

/** The first alternative up to the end or the closing bracket. */
function readAlternatives(reader: Reader): string {
  const first = readSequence(reader);
  while (reader.pattern[reader.at] === '|') {
    reader.at += 1;
    readSequence(reader);
  }
  return first;
}

function readSequence(reader: Reader): string {
  let text = '';
  for (;;) {
    const next = reader.pattern[reader.at];
    if (next === undefined || next === '|' || next === ')') return text;
    const part = readPart(reader, next);
    text += part.repeat(readTimes(reader));
  }
}

const escapes: Readonly<Record<string, string>> = {
  d: '1',
  w: 'a',
  s: ' ',
  D: 'x',
  W: '-',
  S: 'x',
};
const anchors = 'AzZbB';

function readPart(reader: Reader, next: string): string {
  reader.at += 1;
  switch (next) {
    case '^':
    case '$':
      return '';
    case '.':
      return 'x';
    case '[':
      return readClass(reader);
    case '(': {
      const flags = /^\?(P?<\w+>|[a-zA-Z-]*:)/.exec(reader.pattern.slice(reader.at));
      reader.at += flags?.[0].length ?? 0;
      const text = readAlternatives(reader);
      reader.at += 1;
      return text;
    }
    case '\\': {
      const escaped = reader.pattern[reader.at] ?? '';
      reader.at += 1;
      return anchors.includes(escaped) ? '' : (escapes[escaped] ?? escaped);
    }
    default:
      return next;
  }
}

/** A member of a class, or for one that excludes, some character that it does not name. */
function readClass(reader: Reader): string {
  const end = reader.pattern.indexOf(']', reader.at + 1);
  const inside = reader.pattern.slice(reader.at, end < 0 ? undefined : end);
  reader.at = end < 0 ? reader.pattern.length : end + 1;
  if (inside.startsWith('^'))
    return ['x', 'y', 'z', '0', '1', '9', '-', '_'].find((one) => !inside.includes(one)) ?? 'x';
  const escaped = inside.startsWith('\\') ? inside[1] : undefined;
  return escaped === undefined ? (inside[0] ?? '') : (escapes[escaped] ?? escaped);
}

function readTimes(reader: Reader): number {
  const rest = reader.pattern.slice(reader.at);
  const found = /^(?:([*+?])|\{(\d+)(?:,\d*)?\})\??/.exec(rest);
  if (found === null) return 1;
  reader.at += found[0].length;
  if (found[2] !== undefined) return Math.min(Number(found[2]), 64);
  return found[1] === '+'
    ? Math.max(reader.times, 1)
    : found[1] === '?'
      ? Math.min(reader.times, 1)
      : reader.times;
}
