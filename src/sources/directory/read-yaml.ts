/** The text of one YAML document to plain values, within bounds of time and size. */
import { Composer, Lexer, LineCounter, Parser, type Document } from 'yaml';
import type { DiagnosticCode } from '../../model/index.js';

/** Bounds on one document; a manifest that a Kubernetes API server takes is far below them. */
export const yamlLimits = {
  /** etcd takes no object above 1.5 MiB; a list of more belongs in a JSON file or several documents. */
  maxCharacters: 1024 * 1024,
  /** A bound on time: some 4 µs each on a slow core. */
  maxTokens: 150_000,
  maxDepth: 100,
  maxAliases: 100,
  /** Aliases times tokens: a bound on the work of expanding and merging. */
  maxExpansion: 5_000_000,
} as const;

/** What is wrong with a text; line and column count from 1, within the text. */
export interface TextProblem {
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

/** The values of a text, or why there are none. */
export type YamlReading =
  | { readonly kind: 'good'; readonly values: readonly unknown[] }
  | { readonly kind: 'broken'; readonly problems: readonly TextProblem[] };

const maxProblems = 5;

/** Reads a text that holds one document (more only after a `...` line). */
export function readYaml(text: string): YamlReading {
  if (text.length > yamlLimits.maxCharacters) {
    const message = `expected at most ${yamlLimits.maxCharacters} characters in one document, found ${text.length}`;
    return broken('FileTooLarge', message);
  }
  const control = findControl(text);
  if (control !== undefined) return { kind: 'broken', problems: [control] };
  const counter = new LineCounter();
  const composed = composeYaml(text, counter);
  if (!Array.isArray(composed)) return { kind: 'broken', problems: [composed] };
  const problems = composed.flatMap((document) =>
    // A warning is a tag that nobody knows: the value would not be what was meant.
    [...document.errors, ...document.warnings].map((error) => ({
      code: 'YamlSyntax' as const,
      message: firstLine(error.message),
      ...place(counter, error.pos[0]),
    })),
  );
  if (problems.length > 0) return { kind: 'broken', problems: problems.slice(0, maxProblems) };
  return toValues(composed);
}

/** The documents with the places of their nodes; a problem when a bound is met. */
export function composeYaml(text: string, counter: LineCounter): Document[] | TextProblem {
  // The parser reports line ends; the beginning of the first line is ours to add.
  counter.addNewLine(0);
  const parser = new Parser(counter.addNewLine);
  const tokens = [];
  let count = 0;
  let depth = 0;
  let offset = 0;
  let aliases = 0;
  let former = '';
  for (const lexeme of new Lexer().lex(text)) {
    count += 1;
    if (lexeme === '[' || lexeme === '{') depth += 1;
    if (lexeme === ']' || lexeme === '}') depth -= 1;
    if (count > yamlLimits.maxTokens) {
      const message = `expected at most ${yamlLimits.maxTokens} tokens in one document`;
      return { code: 'FileTooLarge', message, ...place(counter, offset) };
    }
    if (depth > yamlLimits.maxDepth) {
      const message = `expected at most ${yamlLimits.maxDepth} levels of nesting`;
      return { code: 'YamlSyntax', message, ...place(counter, offset) };
    }
    // The lexer announces the text of a scalar, which may begin with anything, by \x1f.
    if (lexeme.startsWith('*') && former !== '\x1f') aliases += 1;
    former = lexeme;
    for (const token of parser.next(lexeme)) tokens.push(token);
    offset += lexeme.length;
  }
  for (const token of parser.end()) tokens.push(token);
  if (aliases * count > yamlLimits.maxExpansion) {
    const message = `expected fewer aliases, found ${aliases}`;
    return { code: 'YamlBomb', message, line: 1, column: 1 };
  }
  try {
    // Keys merged with << are read, as kubectl reads them.
    const composer = new Composer({ merge: true, prettyErrors: false, logLevel: 'error' });
    return [...composer.compose(tokens, false, text.length)];
  } catch (error) {
    return { code: 'YamlSyntax', message: reason(error), line: 1, column: 1 };
  }
}

function toValues(documents: readonly Document[]): YamlReading {
  const values: unknown[] = [];
  for (const document of documents) {
    try {
      const value: unknown = document.toJS({ maxAliasCount: yamlLimits.maxAliases });
      if (value !== null && value !== undefined) values.push(value);
    } catch (error) {
      const message = reason(error);
      const isBomb = /alias/i.test(message) && /excessive/i.test(message);
      return broken(isBomb ? 'YamlBomb' : 'YamlSyntax', message);
    }
  }
  return { kind: 'good', values };
}

/** JSON without places; for files too large to be read as YAML in good time. */
export function readJson(text: string): YamlReading {
  try {
    return { kind: 'good', values: [JSON.parse(text)] };
  } catch (error) {
    return broken('YamlSyntax', reason(error));
  }
}

function broken(code: DiagnosticCode, message: string): YamlReading {
  return { kind: 'broken', problems: [{ code, message, line: 1, column: 1 }] };
}

/** YAML 1.2, section 5.1: no control characters but tab and line ends. */
function findControl(text: string): TextProblem | undefined {
  const at = text.search(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/);
  if (at < 0) return undefined;
  const before = text.slice(0, at).split('\n');
  return {
    code: 'YamlSyntax',
    message: `expected text, found the control character 0x${text.charCodeAt(at).toString(16).padStart(2, '0')}`,
    line: before.length,
    column: (before.at(-1)?.length ?? 0) + 1,
  };
}

function place(
  counter: LineCounter,
  offset: number,
): { readonly line: number; readonly column: number } {
  const { line, col } = counter.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

function reason(error: unknown): string {
  return firstLine(error instanceof Error ? error.message : 'no reason given');
}

function firstLine(message: string): string {
  const line = message.split('\n')[0] ?? '';
  return line.charAt(0).toLowerCase() + line.slice(1, 200);
}
