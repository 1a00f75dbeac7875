/** The text of a file to parsed objects with positions; unchanged documents are not parsed again. */
import {
  diagnosticCodes,
  type Diagnostic,
  type ObjectRef,
  type SourcePosition,
} from '../../model/index.js';
import { isMap, ownField } from '../parse/cursor.js';
import { parseFieldPath, type FieldPath } from '../parse/field-path.js';
import { parseObject, type CollectionName, type Outcome } from '../parse/objects.js';
import type { PolicyOptions } from '../parse/traffic-policy.js';
import { readJson, readYaml, type TextProblem, type TextReading } from './read-yaml.js';
import { splitDocuments } from './split-documents.js';

/** One of our objects, as it stands in a file. */
export interface ReadObject {
  /** Unique among all kinds; see {@link objectKeyOf}. */
  readonly objectKey: string;
  readonly collection: CollectionName;
  readonly key: string;
  readonly ref: ObjectRef;
  readonly manifest: unknown;
  readonly outcome: Outcome;
  /** With positions. */
  readonly diagnostics: readonly Diagnostic[];
  /** Where it begins. */
  readonly position: SourcePosition;
}

/** What a file says. */
export interface FileReading {
  /** Some part of the file could not be read, so what it does not define is not known to be gone. */
  readonly isBroken: boolean;
  readonly objects: readonly ReadObject[];
  /** About the file, and about documents that are not ours. */
  readonly diagnostics: readonly Diagnostic[];
}

/** A document's reading, its lines counted from the document's first. */
type CachedReading = FileReading;

/** Remembers the documents of a file by their text. */
export type DocumentCache = ReadonlyMap<string, CachedReading>;

/** Bounds on one file. */
export const fileLimits = {
  maxBytes: 5 * 1024 * 1024,
  maxDocuments: 10_000,
  /** JSON files above this are read without lines and columns, a hundred times faster. */
  maxLocatedJsonCharacters: 64 * 1024,
} as const;

/** How many objects of a list are read between pauses. */
const objectsPerStep = 50;

/** Names an object among all kinds. */
export function objectKeyOf(ref: ObjectRef): string {
  return `${ref.group}/${ref.kind}/${ref.namespace}/${ref.name}`;
}

/** A file's reading, and what to give to the next reading of the same file. */
export interface CachedFile {
  readonly reading: FileReading;
  readonly cache: DocumentCache;
}

/** Reads a file's text in steps of one document, so that a large file need not block the loop. */
export function* readManifests(
  text: string,
  file: string,
  options: PolicyOptions & { readonly former?: DocumentCache },
): Generator<undefined, CachedFile> {
  const documents = splitDocuments(text.startsWith('\ufeff') ? text.slice(1) : text);
  const cache = new Map<string, CachedReading>();
  if (documents.length > fileLimits.maxDocuments) {
    const message = `expected at most ${fileLimits.maxDocuments} documents, found ${documents.length}`;
    return { reading: brokenFile(file, 'FileTooLarge', message), cache };
  }
  const readings: FileReading[] = [];
  for (const document of documents) {
    const known = options.former?.get(document.text) ?? cache.get(document.text);
    const reading = known ?? (yield* readDocument(document.text, file, options));
    cache.set(document.text, reading);
    readings.push(shiftLines(reading, document.line));
    if (known === undefined) yield;
  }
  const objects = readings.flatMap((reading) => reading.objects);
  if (objects.length > fileLimits.maxDocuments) {
    const message = `expected at most ${fileLimits.maxDocuments} objects, found ${objects.length}`;
    return { reading: brokenFile(file, 'FileTooLarge', message), cache: new Map() };
  }
  const reading = {
    isBroken: readings.some((each) => each.isBroken),
    objects,
    diagnostics: readings.flatMap((each) => each.diagnostics),
  };
  return { reading, cache };
}

/** The reading of a file that cannot be read at all. */
export function brokenFile(
  file: string,
  code: 'FileTooLarge' | 'FileUnreadable' | 'YamlSyntax',
  message: string,
  line = 1,
): FileReading {
  const problem: TextProblem = { code, message, line, column: 1 };
  return { isBroken: true, objects: [], diagnostics: [toProblemDiagnostic(problem, file)] };
}

function toProblemDiagnostic(problem: TextProblem, file: string): Diagnostic {
  const { code, message, line, column } = problem;
  return {
    code,
    severity: 'error',
    message,
    remedy: diagnosticCodes[code].remedy,
    position: { file, line, column },
  };
}

function* readDocument(
  text: string,
  file: string,
  options: PolicyOptions,
): Generator<undefined, CachedReading> {
  const isLargeJson = file.endsWith('.json') && text.length > fileLimits.maxLocatedJsonCharacters;
  const found: TextReading = isLargeJson ? readJson(text) : yield* readYaml(text);
  if (found.kind === 'broken') {
    const diagnostics = found.problems.map((problem) => toProblemDiagnostic(problem, file));
    return { isBroken: true, objects: [], diagnostics };
  }
  const objects: ReadObject[] = [];
  const others: Diagnostic[] = [];
  for (const [index, value] of found.values.entries()) {
    for (const item of unrollList(value)) {
      const locate = (field = ''): SourcePosition => ({
        file,
        ...found.locate(index, [...item.path, ...parseFieldPath(field)]),
      });
      const parsed = parseObject(item.value, options);
      if (parsed.kind === 'foreign') continue;
      const diagnostics = parsed.diagnostics.map((each) => ({
        ...each,
        position: locate(each.field),
      }));
      if (parsed.kind === 'unknown') {
        others.push(...diagnostics);
        continue;
      }
      const { collection, key, ref, outcome } = parsed;
      const objectKey = objectKeyOf(ref);
      const rest = { manifest: item.value, outcome, diagnostics, position: locate() };
      objects.push({ objectKey, collection, key, ref, ...rest });
      if (objects.length % objectsPerStep === 0) yield;
    }
  }
  return { isBroken: false, objects, diagnostics: others };
}

/** An object, and its place in what it came in. */
export interface ListItem {
  readonly value: unknown;
  readonly path: FieldPath;
}

/** The items of a `List`, or of a typed list such as `ServiceList`, whose items may lack their kind. */
export function unrollList(value: unknown): readonly ListItem[] {
  const kind = ownField(value, 'kind');
  const items = ownField(value, 'items');
  if (typeof kind !== 'string' || !kind.endsWith('List') || !Array.isArray(items)) {
    return [{ value, path: [] }];
  }
  const itemKind = kind.slice(0, -'List'.length);
  const apiVersion = ownField(value, 'apiVersion');
  return items.map((item: unknown, index) => ({
    value: itemKind !== '' && isMap(item) ? { apiVersion, kind: itemKind, ...item } : item,
    path: ['items', index],
  }));
}

function shiftLines(reading: CachedReading, lines: number): FileReading {
  if (lines === 0) return reading;
  const shift = (position: SourcePosition): SourcePosition => ({
    ...position,
    line: position.line + lines,
  });
  const shiftAll = (diagnostics: readonly Diagnostic[]): readonly Diagnostic[] =>
    diagnostics.map((each) =>
      each.position === undefined ? each : { ...each, position: shift(each.position) },
    );
  return {
    isBroken: reading.isBroken,
    diagnostics: shiftAll(reading.diagnostics),
    objects: reading.objects.map((each) => ({
      ...each,
      diagnostics: shiftAll(each.diagnostics),
      position: shift(each.position),
    })),
  };
}
