/** The engine's laws over random graphs and random histories, against a model that rebuilds everything. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  createGraph,
  equal,
  type Collection,
  type Lookup,
  type Read,
  type Source,
} from './index.js';

/** A row: an object, so that equality is of structure and not of identity. */
interface Cell {
  readonly v: number;
}

type Rows = ReadonlyMap<string, Cell>;

/** One conditional read of a row function; numbers are taken modulo what there is. */
interface Step {
  readonly kind: 'get' | 'find' | 'all';
  readonly target: number;
  readonly shift: number;
  readonly parity: number;
}

interface Definition {
  readonly kind: 'source' | 'derive' | 'expand' | 'lookup';
  readonly input: number;
  readonly steps: readonly Step[];
  readonly isOutput: boolean;
}

type Edits = readonly (readonly [source: number, key: string, v: number | undefined])[];

/** What a row function has read, as the test saw it. */
interface Seen {
  readonly kind: Step['kind'];
  readonly name: string;
  readonly key: string;
}

const keys = ['a', 'b', 'c', 'd', 'e'];

function keyAt(index: number): string {
  return keys[index % keys.length] ?? 'a';
}

/** A lookup's keys: one or two of three. */
function indexKeys({ v }: Cell): readonly string[] {
  return v % 2 === 0 ? [keyAt(v % 3)] : [keyAt(v % 3), keyAt((v + 1) % 3)];
}

/** What a row function is given to read with; targets are indices modulo what is defined. */
interface Reader {
  get(target: number, key: string): Cell | undefined;
  find(target: number, key: string): readonly Cell[];
  all(target: number): Rows;
}

/** A row function's number: which reads it makes depends on what the former ones gave. */
function calculate({ v }: Cell, key: string, steps: readonly Step[], reader: Reader): number {
  let sum = v + keys.indexOf(key);
  for (const { kind, target, shift, parity } of steps) {
    if (sum % 3 === parity) continue;
    if (kind === 'get') sum += 1 + (reader.get(target, keyAt(sum + shift))?.v ?? 4);
    if (kind === 'find') {
      for (const cell of reader.find(target, keyAt((sum + shift) % 3))) sum = sum * 2 + cell.v;
    }
    if (kind === 'all') {
      for (const [name, cell] of reader.all(target)) sum += cell.v * (1 + keys.indexOf(name));
    }
  }
  return sum;
}

function deriveCell(sum: number): Cell | undefined {
  return sum % 5 === 0 ? undefined : { v: sum % 4 };
}

function expandCells(sum: number): readonly (readonly [string, Cell])[] {
  return Array.from({ length: sum % 4 }, (_, i) => [keyAt(sum + i), { v: (sum + i) % 3 }] as const);
}

/** The graph under test, with a log of what each row read in its last run. */
class Subject {
  readonly graph = createGraph();
  readonly names: string[] = [];
  readonly collections: Collection<Cell>[] = [];
  readonly sources: Source<Cell>[] = [];
  readonly lookups: { readonly lookup: Lookup<Cell>; readonly of: string }[] = [];
  /** By derived collection, by row key. */
  readonly log = new Map<string, Map<string, readonly Seen[]>>();
  readonly inputs = new Map<string, string>();
  /** Rows run in the last turn, as `collection/key`. */
  ran: string[] = [];

  constructor(definitions: readonly Definition[]) {
    definitions.forEach((definition, index) => {
      this.#define(definition, `${definition.kind}${index}`);
    });
  }

  rows(): Map<string, Rows> {
    return new Map(this.collections.map((one) => [one.name, new Map(this.graph.rows(one))]));
  }

  turn(edits: Edits): ReturnType<ReturnType<typeof createGraph>['turn']> {
    this.ran = [];
    const changes = new Map<Source<Cell>, Map<string, Cell | undefined>>();
    for (const [index, key, v] of edits) {
      const source = pick(this.sources, index);
      const rows = changes.get(source) ?? new Map<string, Cell | undefined>();
      changes.set(source, rows.set(key, v === undefined ? undefined : { v }));
    }
    return this.graph.turn(changes);
  }

  #define({ kind, input, steps, isOutput }: Definition, name: string): void {
    if (kind === 'source') {
      const source = this.graph.source<Cell>(name);
      this.sources.push(source);
      this.collections.push(source);
      if (isOutput) this.graph.output(source);
      return;
    }
    const from = pick(this.collections, input);
    if (kind === 'lookup') {
      this.lookups.push({ lookup: this.graph.lookup(name, from, indexKeys), of: from.name });
      return;
    }
    this.inputs.set(name, from.name);
    const run = this.#row(name, steps);
    const collection =
      kind === 'derive'
        ? this.graph.derive(name, from, (row, key, read) => deriveCell(run(row, key, read)))
        : this.graph.expand(name, from, (row, key, read) => expandCells(run(row, key, read)));
    this.collections.push(collection);
    if (isOutput) this.graph.output(collection);
  }

  #row(name: string, steps: readonly Step[]): (row: Cell, key: string, read: Read) => number {
    const defined = [...this.collections];
    const lookups = [...this.lookups];
    const log = new Map<string, readonly Seen[]>();
    this.log.set(name, log);
    return (row, key, read) => {
      const seen: Seen[] = [];
      log.set(key, seen);
      this.ran.push(`${name}/${key}`);
      return calculate(row, key, steps, {
        get: (target, at) => {
          const collection = pick(defined, target);
          seen.push({ kind: 'get', name: collection.name, key: at });
          return read.get(collection, at);
        },
        find: (target, at) => {
          if (lookups.length === 0) return [];
          const { lookup, of } = pick(lookups, target);
          seen.push({ kind: 'find', name: of, key: at });
          return read.find(lookup, at);
        },
        all: (target) => {
          const collection = pick(defined, target);
          seen.push({ kind: 'all', name: collection.name, key: '' });
          return read.all(collection);
        },
      });
    };
  }
}

/** The same graph computed from the sources' rows by the plainest means. */
function rebuild(
  definitions: readonly Definition[],
  sources: readonly Rows[],
): { readonly rows: Map<string, Rows> } {
  const tables: { readonly name: string; readonly rows: Rows }[] = [];
  const lookups: Rows[] = [];
  let nextSource = 0;
  definitions.forEach(({ kind, input, steps }, index) => {
    const name = `${kind}${index}`;
    if (kind === 'source') {
      tables.push({ name, rows: pick(sources, nextSource) });
      nextSource += 1;
      return;
    }
    const from = pick(tables, input).rows;
    if (kind === 'lookup') {
      lookups.push(from);
      return;
    }
    const reader: Reader = {
      get: (target, key) => pick(tables, target).rows.get(key),
      find: (target, key) =>
        lookups.length === 0 ? [] : bucket(pick(lookups, target), key).map(([, cell]) => cell),
      all: (target) => sorted(pick(tables, target).rows),
    };
    const rows = new Map<string, Cell>();
    for (const [key, row] of sorted(from)) {
      const sum = calculate(row, key, steps, reader);
      const cell = deriveCell(sum);
      if (kind === 'derive') {
        if (cell !== undefined) rows.set(key, cell);
      } else {
        for (const [to, value] of new Map(expandCells(sum))) if (!rows.has(to)) rows.set(to, value);
      }
    }
    tables.push({ name, rows });
  });
  return { rows: new Map(tables.map(({ name, rows }) => [name, sorted(rows)])) };
}

function sorted(rows: Rows): Rows {
  return new Map([...rows].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function bucket(rows: Rows, key: string): readonly (readonly [string, Cell])[] {
  return [...sorted(rows)].filter(([, cell]) => indexKeys(cell).includes(key));
}

/** What a read of `seen` would give in a state. */
function look(state: ReadonlyMap<string, Rows>, { kind, name, key }: Seen): unknown {
  const rows = state.get(name) ?? new Map<string, Cell>();
  if (kind === 'get') return rows.get(key);
  return kind === 'find' ? bucket(rows, key) : sorted(rows);
}

/** The rows that must run between two states: new or changed input, or a changed read. */
function expectedRuns(
  subject: Subject,
  before: ReadonlyMap<string, Rows>,
  after: ReadonlyMap<string, Rows>,
  logBefore: ReadonlyMap<string, ReadonlyMap<string, readonly Seen[]>>,
): string[] {
  const expected: string[] = [];
  for (const [name, input] of subject.inputs) {
    for (const [key, row] of after.get(input) ?? []) {
      const reads = logBefore.get(name)?.get(key) ?? [];
      if (
        !equal(before.get(input)?.get(key), row) ||
        reads.some((seen) => !equal(look(before, seen), look(after, seen)))
      ) {
        expected.push(`${name}/${key}`);
      }
    }
  }
  return expected.sort();
}

function pick<T>(list: readonly T[], index: number): T {
  const found = list[index % list.length];
  if (found === undefined) throw new Error('nothing to pick from');
  return found;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('get', 'get', 'find', 'find', 'all'),
  target: fc.nat(20),
  shift: fc.nat(4),
  parity: fc.nat(3),
});

const definition: fc.Arbitrary<Definition> = fc.record({
  kind: fc.constantFrom('source', 'derive', 'derive', 'derive', 'expand', 'expand', 'lookup'),
  input: fc.nat(20),
  steps: fc.array(step, { maxLength: 4 }),
  isOutput: fc.boolean(),
});

const firstSource: Definition = { kind: 'source', input: 0, steps: [], isOutput: true };

const definitions = fc
  .array(definition, { minLength: 1, maxLength: 9 })
  .map((others) => [firstSource, ...others]);

const edits: fc.Arbitrary<Edits> = fc.array(
  fc.tuple(fc.nat(3), fc.constantFrom(...keys), fc.option(fc.nat(4), { nil: undefined, freq: 3 })),
  { maxLength: 4 },
);

const history = fc.array(edits, { minLength: 1, maxLength: 12 });

test('after any history the rows are those of a rebuild from scratch', () => {
  fc.assert(
    fc.property(definitions, history, (graph, turns) => {
      const subject = new Subject(graph);
      for (const turn of turns) {
        subject.turn(turn);
        const sources = subject.sources.map((source) => subject.graph.rows(source));
        expect(equal(subject.rows(), rebuild(graph, sources).rows)).toBe(true);
      }
    }),
    { numRuns: 1000 },
  );
});

test('a turn hands out exactly the rows of outputs that differ, and fails nowhere', () => {
  fc.assert(
    fc.property(definitions, history, (graph, turns) => {
      const subject = new Subject(graph);
      const outputs = subject.collections.filter(
        (_, i) =>
          pick(
            graph.filter(({ kind }) => kind !== 'lookup'),
            i,
          ).isOutput,
      );
      for (const turn of turns) {
        const before = subject.rows();
        const result = subject.turn(turn);
        const after = subject.rows();
        const expected = outputs.flatMap(({ name }) =>
          keys
            .map((key) => ({
              ...{ collection: name, key, value: after.get(name)?.get(key) },
              former: before.get(name)?.get(key),
            }))
            .filter(({ value, former }) => !equal(former, value)),
        );
        expect(equal(result.outputs, expected)).toBe(true);
        expect(result.failures).toEqual([]);
      }
    }),
    { numRuns: 500 },
  );
});

test('a turn reruns exactly the rows whose input or reads have changed, each once', () => {
  fc.assert(
    fc.property(definitions, history, (graph, turns) => {
      const subject = new Subject(graph);
      for (const turn of turns) {
        const before = subject.rows();
        const logBefore = new Map([...subject.log].map(([name, rows]) => [name, new Map(rows)]));
        const { reruns } = subject.turn(turn);
        const expected = expectedRuns(subject, before, subject.rows(), logBefore);
        expect(subject.ran.toSorted()).toEqual(expected);
        for (const name of subject.inputs.keys()) {
          expect(reruns.get(name) ?? 0).toBe(
            expected.filter((run) => run.startsWith(`${name}/`)).length,
          );
        }
      }
    }),
    { numRuns: 1000 },
  );
});

test('whatever was read, nothing is kept once the sources are empty', () => {
  fc.assert(
    fc.property(definitions, history, (graph, turns) => {
      const subject = new Subject(graph);
      for (const turn of turns) subject.turn(turn);
      for (let index = 0; index < subject.sources.length; index += 1) {
        subject.turn(keys.map((key) => [index, key, undefined] as const));
      }
      expect(subject.graph.size()).toEqual({ rows: 0, dependencies: 0, topics: 0 });
    }),
    { numRuns: 300 },
  );
});
