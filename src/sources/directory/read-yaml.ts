/** The text of one YAML document to plain values and their places, within bounds of time and size. */
import { Composer, CST, Lexer, LineCounter, Parser, type Document } from 'yaml';
import type { DiagnosticCode } from '../../model/index.js';
import type { FieldPath } from '../parse/field-path.js';
import { inspectDocument } from './inspect-yaml.js';
import { createLocator, hasValue, placeOf, type TextPlace } from './locate.js';

/** Bounds on one document; a manifest that a Kubernetes API server takes is far below them. */
export const yamlLimits = {
  /** etcd takes no object above 1.5 MiB; a list of more belongs in a JSON file or several documents. */
  maxCharacters: 1024 * 1024,
  /** A bound on time: some 8 µs each on a slow core, half of them without a pause. */
  maxTokens: 100_000,
  maxDepth: 100,
  maxAliases: 100,
  /** Aliases and anchors times tokens: a bound on the work of expanding and merging. */
  maxExpansion: 5_000_000,
} as const;

/** What is wrong with a text; line and column count from 1, within the text. */
export interface TextProblem extends TextPlace {
  readonly code: DiagnosticCode;
  readonly message: string;
}

/** The values of a text, or why there are none. */
export type TextReading =
  | {
      readonly kind: 'good';
      readonly values: readonly unknown[];
      /** Where a field of a value stands. */
      readonly locate: (value: number, path: FieldPath) => TextPlace;
    }
  | { readonly kind: 'broken'; readonly problems: readonly TextProblem[] };

/** After these there is no use in going on. */
const maxProblems = 5;
const maxErrorTokens = 20;
/** How many tokens are read between pauses. */
const tokensPerStep = 2000;

/** Reads a text that holds one document (more only after a `...` line), in steps. */
export function* readYaml(text: string): Generator<undefined, TextReading> {
  if (text.length > yamlLimits.maxCharacters) {
    const message = `expected at most ${yamlLimits.maxCharacters} characters in one document, found ${text.length}`;
    return broken('FileTooLarge', message);
  }
  const control = findControl(text);
  if (control !== undefined) return { kind: 'broken', problems: [control] };
  const counter = new LineCounter();
  const tokens = yield* readTokens(text, counter);
  if (!Array.isArray(tokens)) return { kind: 'broken', problems: [tokens] };
  yield;
  return compose(text, tokens, counter);
}

/** JSON without places; for files too large to be read as YAML in good time. */
export function readJson(text: string): TextReading {
  try {
    const values: readonly unknown[] = [JSON.parse(text)];
    return { kind: 'good', values, locate: () => ({ line: 1, column: 1 }) };
  } catch (error) {
    return broken('YamlSyntax', reason(error));
  }
}

function* readTokens(
  text: string,
  counter: LineCounter,
): Generator<undefined, CST.Token[] | TextProblem> {
  // The parser reports line ends; the beginning of the first line is ours to add.
  counter.addNewLine(0);
  const parser = new Parser(counter.addNewLine);
  const tokens: CST.Token[] = [];
  let count = 0;
  let depth = 0;
  let links = 0;
  let errors = 0;
  let offset = 0;
  let former = '';
  const problem = (code: DiagnosticCode, message: string): TextProblem => ({
    code,
    message,
    ...placeOf(counter, offset),
  });
  for (const lexeme of new Lexer().lex(text)) {
    count += 1;
    if (lexeme === '[' || lexeme === '{') depth += 1;
    if (lexeme === ']' || lexeme === '}') depth -= 1;
    // The lexer announces the text of a scalar, which may begin with anything, by \x1f.
    if (/^[*&]./.test(lexeme) && former !== CST.SCALAR) links += 1;
    former = lexeme;
    if (count > yamlLimits.maxTokens) {
      return problem(
        'FileTooLarge',
        `expected at most ${yamlLimits.maxTokens} tokens in one document; a list this long must be split, or be a .json file`,
      );
    }
    if (depth > yamlLimits.maxDepth) {
      return problem('YamlSyntax', `expected at most ${yamlLimits.maxDepth} levels of nesting`);
    }
    for (const token of parser.next(lexeme)) {
      tokens.push(token);
      if (token.type === 'error') errors += 1;
    }
    if (errors > maxErrorTokens) break;
    offset += lexeme.length;
    if (count % tokensPerStep === 0) yield;
  }
  tokens.push(...parser.end());
  if (links * count <= yamlLimits.maxExpansion) return tokens;
  offset = 0;
  return problem('YamlBomb', `expected fewer anchors and aliases, found ${links}`);
}

function compose(text: string, tokens: CST.Token[], counter: LineCounter): TextReading {
  try {
    // Keys merged with << are read, as kubectl reads them. The library’s own search for keys that
    // stand twice takes quadratic time: 40 s for 30,000 keys; inspectDocument does it instead.
    const options = {
      merge: true,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'error',
    } as const;
    const documents = [...new Composer(options).compose(tokens, true, text.length)];
    const problems = documents.flatMap((document) => findProblems(document, counter));
    if (problems.length > 0) return { kind: 'broken', problems: oneForEachLine(problems) };
    const full = documents.filter(hasValue);
    const values = full.map((document): unknown =>
      document.toJS({ maxAliasCount: yamlLimits.maxAliases }),
    );
    return { kind: 'good', values, locate: createLocator(full, counter) };
  } catch (error) {
    const message = reason(error);
    return broken(message.startsWith('excessive alias') ? 'YamlBomb' : 'YamlSyntax', message);
  }
}

function findProblems(document: Document, counter: LineCounter): readonly TextProblem[] {
  // A warning is a tag that nobody knows: the value would not be what was meant.
  const errors = [...document.errors, ...document.warnings].slice(0, maxErrorTokens);
  const problems = errors.map(({ message, pos }) => ({
    message: firstLine(message),
    offset: pos[0],
  }));
  // A broken document has problems enough.
  const found = problems.length > 0 ? problems : inspectDocument(document, yamlLimits.maxDepth);
  return found.map(({ message, offset }) => ({
    code: 'YamlSyntax',
    message,
    ...placeOf(counter, offset),
  }));
}

/** The first of each line: the others are mostly its echo. */
function oneForEachLine(problems: readonly TextProblem[]): readonly TextProblem[] {
  const firsts = new Map<number, TextProblem>();
  for (const problem of problems) {
    if (!firsts.has(problem.line)) firsts.set(problem.line, problem);
  }
  return [...firsts.values()].slice(0, maxProblems);
}

function broken(code: DiagnosticCode, message: string): TextReading {
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

function reason(error: unknown): string {
  // What the YAML library runs into on text that is nested without end.
  if (error instanceof RangeError) return 'expected a document of sane depth, found deeper nesting';
  return firstLine(error instanceof Error ? error.message : 'no reason given');
}

function firstLine(message: string): string {
  const line = message.split('\n')[0] ?? '';
  return line.charAt(0).toLowerCase() + line.slice(1, 200);
}
