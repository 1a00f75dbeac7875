/**
 * All objects of all files: which of them are in force, what changed, what is wrong. Holds state: the
 * readings of the files, the rows handed out, and the last good form of every object.
 */
import { isDeepStrictEqual } from 'node:util';
import { diagnosticCodes, type Diagnostic } from '../../model/index.js';
import type { SourceChange } from '../change.js';
import { collectionNames, type Row } from '../parse/objects.js';
import type { FileReading, ReadObject } from './read-manifests.js';
import { toChange } from './to-change.js';

/** A good form of an object. */
export interface GoodForm {
  readonly file: string;
  readonly manifest: unknown;
  readonly row: Row;
}

/** What settling found. */
export interface Settled {
  /** What others refer to comes first; within a collection by key. */
  readonly changes: readonly SourceChange[];
  /** Forms that became the last good ones, by object key; undefined: the object is gone. */
  readonly goodForms: ReadonlyMap<string, GoodForm | undefined>;
}

/** The state of a directory. */
export interface Catalogue {
  /** Takes a file's new reading; undefined: the file is gone. */
  apply(file: string, reading: FileReading | undefined): void;
  /** The reading in force for a file. */
  readingOf(file: string): FileReading | undefined;
  files(): readonly string[];
  /** Every object that stands in some file, good or not. */
  objectKeys(): ReadonlySet<string>;
  /** Works out what changed since the last call. */
  settle(): Settled;
  /** Everything that is wrong now, by file and line. */
  diagnostics(): readonly Diagnostic[];
}

interface Claim {
  readonly file: string;
  readonly object: ReadObject;
}

/**
 * An empty catalogue. `recall` gives the last good form of an object from an earlier run, and
 * `recallFile` all those that stood in a file.
 */
export function createCatalogue(memory: {
  recall(objectKey: string): GoodForm | undefined;
  recallFile(file: string): readonly ReadObject[];
}): Catalogue {
  const readings = new Map<string, FileReading>();
  const claims = new Map<string, readonly Claim[]>();
  const touched = new Map<string, ReadObject>();
  const rows = new Map<string, Row>();
  const good = new Map<string, GoodForm>();
  const found = new Map<string, readonly Diagnostic[]>();

  const removeClaims = (file: string): void => {
    for (const object of readings.get(file)?.objects ?? []) {
      const rest = (claims.get(object.objectKey) ?? []).filter((claim) => claim.file !== file);
      if (rest.length === 0) claims.delete(object.objectKey);
      else claims.set(object.objectKey, rest);
      touched.set(object.objectKey, object);
    }
  };
  const addClaims = (file: string, objects: readonly ReadObject[]): void => {
    for (const object of objects) {
      const all = [...(claims.get(object.objectKey) ?? []), { file, object }];
      // Sorting is stable, so that positions inside a file keep their order.
      claims.set(
        object.objectKey,
        all.sort((a, b) => compareText(a.file, b.file)),
      );
      touched.set(object.objectKey, object);
    }
  };
  const settleKey = (objectKey: string): { row?: Row; manifest?: unknown } => {
    const winner = claims.get(objectKey)?.[0];
    if (winner === undefined) return {};
    const { outcome, manifest } = winner.object;
    if (outcome.kind === 'good') return { row: outcome.row, manifest };
    if (outcome.kind === 'nothing') return {};
    const last = good.get(objectKey) ?? memory.recall(objectKey);
    if (last !== undefined) {
      good.set(objectKey, last);
      return { row: last.row, manifest: last.manifest };
    }
    return outcome.row === undefined ? {} : { row: outcome.row, manifest };
  };
  const updateGood = (objectKey: string, goodForms: Map<string, GoodForm | undefined>): void => {
    const winner = claims.get(objectKey)?.[0];
    const outcome = winner?.object.outcome;
    if (winner !== undefined && outcome?.kind === 'good') {
      const form = { file: winner.file, manifest: winner.object.manifest, row: outcome.row };
      const former = good.get(objectKey);
      good.set(objectKey, form);
      const isSame = former?.file === form.file && former.manifest === form.manifest;
      if (!isSame) goodForms.set(objectKey, form);
    } else if (outcome?.kind !== 'refused') {
      good.delete(objectKey);
      goodForms.set(objectKey, undefined);
    }
  };

  return {
    apply: (file, reading) => {
      const former = readings.get(file);
      const next =
        reading?.isBroken === true
          ? freeze(reading, former, () => memory.recallFile(file))
          : reading;
      removeClaims(file);
      if (next === undefined) readings.delete(file);
      else readings.set(file, next);
      addClaims(file, next?.objects ?? []);
    },
    readingOf: (file) => readings.get(file),
    files: () => [...readings.keys()],
    objectKeys: () => new Set(claims.keys()),
    settle: () => {
      const changes: SourceChange[] = [];
      const goodForms = new Map<string, GoodForm | undefined>();
      for (const [objectKey, object] of touched) {
        const { row, manifest } = settleKey(objectKey);
        updateGood(objectKey, goodForms);
        const diagnostics = diagnose(claims.get(objectKey) ?? [], row);
        if (diagnostics.length === 0) found.delete(objectKey);
        else found.set(objectKey, diagnostics);
        if (isSameRow(rows.get(objectKey), row)) continue;
        if (row === undefined) rows.delete(objectKey);
        else rows.set(objectKey, row);
        changes.push(toChange(object, row, manifest));
      }
      touched.clear();
      return { changes: changes.sort(compareChanges), goodForms };
    },
    diagnostics: () =>
      [...[...readings.values()].map((reading) => reading.diagnostics), ...found.values()]
        .flat()
        .sort(compareDiagnostics),
  };
}

/**
 * A file that is broken keeps what it said before; what is new in its sound documents is taken. In
 * the first reading the objects of an earlier run stand for what it said.
 */
function freeze(
  reading: FileReading,
  former: FileReading | undefined,
  recallFile: () => readonly ReadObject[],
): FileReading {
  const kept = former?.objects ?? recallFile();
  const keptKeys = new Set(kept.map(({ objectKey }) => objectKey));
  const fresh = reading.objects.filter(({ objectKey }) => !keptKeys.has(objectKey));
  return { ...reading, objects: [...kept, ...fresh] };
}

function diagnose(claims: readonly Claim[], row: Row | undefined): readonly Diagnostic[] {
  const [winner, ...others] = claims;
  if (winner === undefined) return [];
  const list = claims.flatMap(({ object }) => object.diagnostics);
  const closed = row?.value.kind === 'RefusedPolicy' ? row.value : undefined;
  if (closed !== undefined && (closed.spokeOfMtls || closed.spokeOfAuthorization)) {
    list.push({
      code: 'FailedClosed',
      severity: 'error',
      object: winner.object.ref,
      message: 'the object is refused and no good form of it is known, so its targets are closed',
      remedy: diagnosticCodes.FailedClosed.remedy,
      position: winner.object.position,
    });
  }
  for (const { object } of others) {
    const first = winner.object.position;
    list.push({
      code: 'DuplicateObject',
      severity: 'error',
      object: object.ref,
      message: `the same object stands in ${first.file}, line ${first.line}, which is in force`,
      remedy: diagnosticCodes.DuplicateObject.remedy,
      position: object.position,
    });
  }
  return list;
}

function isSameRow(a: Row | undefined, b: Row | undefined): boolean {
  return a?.value === b?.value || isDeepStrictEqual(a?.value, b?.value);
}

function compareChanges(a: SourceChange, b: SourceChange): number {
  const order = collectionNames.indexOf(a.collection) - collectionNames.indexOf(b.collection);
  return order === 0 ? compareText(a.key, b.key) : order;
}

function compareDiagnostics(a: Diagnostic, b: Diagnostic): number {
  const order = compareText(a.position?.file ?? '', b.position?.file ?? '');
  return order === 0 ? (a.position?.line ?? 0) - (b.position?.line ?? 0) : order;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
