/** Reads the documents of files once, with the places of their fields: for tests of policies and for reports. */
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { diagnosticCodes, type Diagnostic, type SourcePosition } from '../../model/index.js';
import { ownField } from '../parse/cursor.js';
import { parseFieldPath, type FieldPath } from '../parse/field-path.js';
import { isPolicyTest, parsePolicyTest, type PolicyTestCase } from '../parse/policy-test.js';
import { errorCode, listFiles } from './list-files.js';
import { unrollList } from './read-manifests.js';
import { readYaml, type TextReading } from './read-yaml.js';
import { splitDocuments } from './split-documents.js';

/** A case, and where it stands. */
export interface LocatedCase extends PolicyTestCase {
  readonly position: SourcePosition;
  /** Where a field of the case stands. */
  readonly locate: (field: string) => SourcePosition;
}

/** The tests below a path. */
export interface PolicyTests {
  readonly cases: readonly LocatedCase[];
  /** What is malformed; then the cases are not all that were meant. */
  readonly diagnostics: readonly Diagnostic[];
}

/** The tests in a file, or in all files of a directory; files are named as seen from where one stands. */
export async function readPolicyTests(path: string): Promise<PolicyTests> {
  const cases: LocatedCase[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const { file, text } of await readTexts(path)) {
    for (const document of splitDocuments(text)) {
      if (!/(^|[\n{,])\s*["']?expect["']?\s*:/.test(document.text)) continue;
      const place = (line: number, column: number): SourcePosition => ({
        file,
        line: document.line + line,
        column,
      });
      const reading = readAll(document.text);
      if (reading.kind === 'broken') {
        for (const { code, message, line, column } of reading.problems) {
          const { remedy } = diagnosticCodes.TestInvalid;
          diagnostics.push({
            code,
            severity: 'error',
            message,
            remedy,
            position: place(line, column),
          });
        }
        continue;
      }
      for (const [index, value] of reading.values.entries()) {
        if (!isPolicyTest(value)) continue;
        const locate = (fields: FieldPath): SourcePosition => {
          const { line, column } = reading.locate(index, fields);
          return place(line, column);
        };
        const parsed = parsePolicyTest(value);
        for (const each of parsed.diagnostics) {
          diagnostics.push({ ...each, position: locate(parseFieldPath(each.field ?? '')) });
        }
        for (const each of parsed.cases) {
          const within = (field: string): SourcePosition => locate([...each.path, field]);
          cases.push({ ...each, position: locate(each.path), locate: within });
        }
      }
    }
  }
  return { cases, diagnostics };
}

/** A field of an object: `TrafficPolicy shop/reviews` and `spec.routes[0]`. */
export interface ObjectField {
  readonly object: string;
  readonly field?: string;
}

/** Where fields of objects stand in a directory, the key being {@link fieldKey}; what is nowhere is absent. */
export async function findFields(
  directory: string,
  fields: readonly ObjectField[],
): Promise<ReadonlyMap<string, SourcePosition>> {
  const found = new Map<string, SourcePosition>();
  const wanted = new Map<string, ObjectField[]>();
  for (const each of fields) wanted.set(each.object, [...(wanted.get(each.object) ?? []), each]);
  if (wanted.size === 0) return found;
  const names = [...wanted.keys()].map((object) => object.slice(object.lastIndexOf('/') + 1));
  for (const { file, text } of await readTexts(directory)) {
    for (const document of splitDocuments(text)) {
      if (!names.some((name) => document.text.includes(name.split(' ').at(-1) ?? ''))) continue;
      const reading = readAll(document.text);
      if (reading.kind === 'broken') continue;
      for (const [index, whole] of reading.values.entries()) {
        for (const { value, path } of unrollList(whole)) {
          for (const each of wanted.get(objectText(value)) ?? []) {
            const key = fieldKey(each);
            const at = reading.locate(index, [...path, ...parseFieldPath(each.field ?? '')]);
            // Of two definitions the first is in force.
            if (!found.has(key)) found.set(key, { file, ...at, line: document.line + at.line });
          }
        }
      }
    }
  }
  return found;
}

/** The key of a field in {@link findFields}. */
export function fieldKey({ object, field }: ObjectField): string {
  return field === undefined ? object : `${object} ${field}`;
}

/** `Kind namespace/name`, as origins name objects. */
function objectText(value: unknown): string {
  const kind = ownField(value, 'kind');
  const metadata = ownField(value, 'metadata');
  const name = ownField(metadata, 'name');
  const namespace = ownField(metadata, 'namespace') ?? 'default';
  if (typeof kind !== 'string' || typeof name !== 'string') return '';
  if (kind === 'Namespace' || kind === 'Node') return `${kind} ${name}`;
  return `${kind} ${typeof namespace === 'string' ? namespace : ''}/${name}`;
}

interface FileText {
  readonly file: string;
  readonly text: string;
}

/** Files that cannot be read are passed over: reading the manifests tells of them. */
async function readTexts(path: string): Promise<readonly FileText[]> {
  const found = await stat(path).catch(() => undefined);
  const isFile = found?.isFile() === true;
  const directory = isFile ? dirname(path) : path;
  const files = isFile ? [basename(path)] : (await listFiles(path)).files.map(({ file }) => file);
  const texts: FileText[] = [];
  for (const file of files) {
    try {
      const text = await readFile(join(directory, file), 'utf8');
      texts.push({ file: join(directory, file), text: text.replace(/^\ufeff/, '') });
    } catch (error) {
      if (isFile) throw new Error(`cannot read ${path}: ${errorCode(error)}`, { cause: error });
    }
  }
  return texts;
}

function readAll(text: string): TextReading {
  const steps = readYaml(text);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}
