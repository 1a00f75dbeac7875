/** The engine's behaviour, fact by fact; mistakes stand in engine-mistakes.test.ts, its laws in laws.test.ts. */
import { describe, expect, test } from '@jest/globals';
import { createGraph, type Collection, type Graph, type Source } from './index.js';
import { change, rowsOf } from './testing/changes.js';

describe('derive', () => {
  test('yields one row per input row and none for undefined', () => {
    const graph = createGraph();
    const numbers = graph.source<number>('numbers');
    const evens = graph.derive('evens', numbers, (n) => (n % 2 === 0 ? n * 10 : undefined));
    graph.turn(change(numbers, { a: 1, b: 2, c: 4 }));
    expect(rowsOf(graph, evens)).toEqual({ b: 20, c: 40 });
    graph.turn(change(numbers, { a: 6, b: 3, c: undefined }));
    expect(rowsOf(graph, evens)).toEqual({ a: 60 });
  });

  test('sees the key of its row', () => {
    const graph = createGraph();
    const numbers = graph.source<number>('numbers');
    const keys = graph.derive('keys', numbers, (_, key) => key);
    graph.turn(change(numbers, { a: 1 }));
    expect(graph.get(keys, 'a')).toBe('a');
  });

  test('keeps the former value when a rerun yields an equal one', () => {
    const graph = createGraph();
    const numbers = graph.source<number>('numbers');
    const signs = graph.derive('signs', numbers, (n) => ({ isPositive: n > 0 }));
    graph.turn(change(numbers, { a: 1 }));
    const before = graph.get(signs, 'a');
    graph.turn(change(numbers, { a: 2 }));
    expect(graph.get(signs, 'a')).toBe(before);
  });
});

describe('a turn', () => {
  test('hands out changed rows of outputs only, by definition and key, undefined for removed', () => {
    const graph = createGraph();
    const numbers = graph.source<number>('numbers');
    const hidden = graph.derive('hidden', numbers, (n) => n);
    const doubled = graph.derive('doubled', hidden, (n) => n * 2);
    const signs = graph.derive('signs', numbers, (n) => n > 0);
    graph.output(signs);
    graph.output(doubled);
    const first = graph.turn(change(numbers, { b: 1, a: 2 }));
    expect(first.generation).toBe(1);
    expect(first.outputs).toEqual([
      { collection: 'doubled', key: 'a', value: 4, former: undefined },
      { collection: 'doubled', key: 'b', value: 2, former: undefined },
      { collection: 'signs', key: 'a', value: true, former: undefined },
      { collection: 'signs', key: 'b', value: true, former: undefined },
    ]);
    const second = graph.turn(change(numbers, { a: 3, b: undefined }));
    expect(second.outputs).toEqual([
      { collection: 'doubled', key: 'a', value: 6, former: 4 },
      { collection: 'doubled', key: 'b', value: undefined, former: 2 },
      { collection: 'signs', key: 'b', value: undefined, former: true },
    ]);
  });

  test('without an effective change reruns nothing and counts a generation', () => {
    const graph = createGraph();
    const labels = graph.source<Record<string, string>>('labels');
    graph.derive('copies', labels, (row) => ({ ...row }));
    graph.turn(change(labels, { a: { app: 'x' } }));
    const result = graph.turn(change(labels, { a: { app: 'x' }, gone: undefined }));
    expect(result).toEqual({ generation: 2, outputs: [], reruns: new Map(), failures: [] });
  });

  test('reruns a row once however many of its reads have changed', () => {
    const graph = createGraph();
    const numbers = graph.source<number>('numbers');
    const left = graph.derive('left', numbers, (n) => n + 1);
    const right = graph.derive('right', numbers, (n) => n - 1);
    const seen: string[] = [];
    graph.derive('joined', numbers, (n, key, read) => {
      seen.push(`${n} ${read.get(left, key) ?? ''} ${read.get(right, key) ?? ''}`);
      return n;
    });
    graph.turn(change(numbers, { a: 1 }));
    const { reruns } = graph.turn(change(numbers, { a: 5 }));
    expect(seen).toEqual(['1 2 0', '5 6 4']);
    expect(reruns.get('joined')).toBe(1);
  });

  test('is refused whole when one of its changes is for no source', () => {
    const graph = createGraph();
    const numbers = graph.source<number>('numbers');
    const copies = graph.derive('copies', numbers, (n) => n);
    const changes = new Map([
      [numbers, new Map([['a', 1]])],
      [{ ...copies, isSource: true as const }, new Map([['a', 1]])],
    ]);
    expect(() => graph.turn(changes)).toThrow('copies is not a source');
    expect(rowsOf(graph, numbers)).toEqual({});
  });

  test('cannot be entered or looked into from a row function', () => {
    const graph = createGraph();
    const numbers = graph.source<number>('numbers');
    graph.derive('nosy', numbers, () => graph.rows(numbers));
    graph.derive('looping', numbers, () => graph.turn(new Map()));
    const { failures } = graph.turn(change(numbers, { a: 1 }));
    expect(failures.map(({ error }) => String(error))).toEqual([
      'Error: graph.rows was called during a turn',
      'Error: graph.turn was called during a turn',
    ]);
  });
});

describe('get', () => {
  test('depends on one row, also while it is absent', () => {
    const graph = createGraph();
    const names = graph.source<string>('names');
    const refs = graph.source<string>('refs');
    const found = graph.derive('found', refs, (to, _, read) => read.get(names, to) ?? 'nobody');
    graph.turn(change(refs, { one: 'x', two: 'y' }));
    const { reruns } = graph.turn(change(names, { x: 'ann' }));
    expect(reruns.get('found')).toBe(1);
    expect(rowsOf(graph, found)).toEqual({ one: 'ann', two: 'nobody' });
    graph.turn(change(names, { x: undefined }));
    expect(rowsOf(graph, found)).toEqual({ one: 'nobody', two: 'nobody' });
  });

  test('is forgotten when a rerun does not repeat it', () => {
    const graph = createGraph();
    const names = graph.source<string>('names');
    const refs = graph.source<string>('refs');
    graph.derive('found', refs, (to, _, read) => read.get(names, to));
    graph.turn(change(refs, { one: 'x' }));
    graph.turn(change(refs, { one: 'y' }));
    expect(graph.turn(change(names, { x: 'ann' })).reruns.size).toBe(0);
    expect(graph.turn(change(names, { y: 'bob' })).reruns.get('found')).toBe(1);
  });
});

describe('find', () => {
  test('yields rows by index key, ordered by row key, and depends on that key alone', () => {
    const graph = createGraph();
    const pods = graph.source<{ app: string; ip: string }>('pods');
    const apps = graph.source<string>('apps');
    const byApp = graph.lookup('podsByApp', pods, (pod) => [pod.app]);
    const ips = graph.derive('ips', apps, (app, _, read) =>
      read.find(byApp, app).map((pod) => pod.ip),
    );
    graph.turn(
      new Map<Source<unknown>, ReadonlyMap<string, unknown>>([
        [apps, new Map(Object.entries({ web: 'web', db: 'db' }))],
        [
          pods,
          new Map(Object.entries({ p2: { app: 'web', ip: '2' }, p1: { app: 'web', ip: '1' } })),
        ],
      ]),
    );
    expect(rowsOf(graph, ips)).toEqual({ web: ['1', '2'], db: [] });
    const moved = graph.turn(change(pods, { p1: { app: 'db', ip: '1' } }));
    expect(moved.reruns.get('ips')).toBe(2);
    const edited = graph.turn(change(pods, { p1: { app: 'db', ip: '9' } }));
    expect(edited.reruns.get('ips')).toBe(1);
    expect(rowsOf(graph, ips)).toEqual({ web: ['2'], db: ['9'] });
    graph.turn(change(pods, { p1: undefined }));
    expect(rowsOf(graph, ips)).toEqual({ web: ['2'], db: [] });
  });

  test('takes a row under several keys, each once', () => {
    const graph = createGraph();
    const words = graph.source<string>('words');
    const byLetter = graph.lookup('byLetter', words, (word) => word.split(''));
    const letters = graph.source<string>('letters');
    const found = graph.derive('found', letters, (letter, _, read) => read.find(byLetter, letter));
    graph.turn(change(letters, { n: 'n' }));
    graph.turn(change(words, { a: 'anna', b: 'nun' }));
    expect(graph.get(found, 'n')).toEqual(['anna', 'nun']);
  });

  test('keeps a row under its former keys when its keys cannot be computed', () => {
    const graph = createGraph();
    const words = graph.source<string>('words');
    const byLength = graph.lookup('byLength', words, (word) => {
      if (word === 'bad') throw new Error('no length');
      return [String(word.length)];
    });
    const lengths = graph.source<string>('lengths');
    const found = graph.derive('found', lengths, (n, _, read) => read.find(byLength, n));
    graph.turn(change(lengths, { four: '4' }));
    graph.turn(change(words, { a: 'four', b: 'five' }));
    const { failures } = graph.turn(change(words, { a: 'bad' }));
    expect(failures).toEqual([{ collection: 'byLength', key: 'a', error: new Error('no length') }]);
    expect(graph.get(found, 'four')).toEqual(['bad', 'five']);
  });
});

describe('all', () => {
  test('yields every row ordered by key and depends on each of them', () => {
    const graph = createGraph();
    const names = graph.source<string>('names');
    const one = graph.source<string>('one');
    const lists = graph.derive('lists', one, (_, __, read) => [...read.all(names)].flat());
    graph.turn(change(one, { list: '' }));
    graph.turn(change(names, { b: 'bob', a: 'ann' }));
    expect(graph.get(lists, 'list')).toEqual(['a', 'ann', 'b', 'bob']);
    expect(graph.turn(change(names, { a: undefined })).reruns.get('lists')).toBe(1);
    expect(graph.get(lists, 'list')).toEqual(['b', 'bob']);
  });

  test('yields a map that later turns leave alone', () => {
    const graph = createGraph();
    const names = graph.source<string>('names');
    graph.turn(change(names, { a: 'ann' }));
    const before = graph.rows(names);
    graph.turn(change(names, { b: 'bob' }));
    expect([...before.keys()]).toEqual(['a']);
  });
});

describe('expand', () => {
  function letters(): { graph: Graph; words: Source<string>; owners: Collection<string> } {
    const graph = createGraph();
    const words = graph.source<string>('words');
    const owners = graph.expand('owners', words, (word, key) =>
      word.split('').map((letter, index): [string, string] => [letter, `${key}${index}`]),
    );
    graph.output(owners);
    return { graph, words, owners };
  }

  test('gives a key claimed twice to the smaller input key, in any order of arrival', () => {
    const { graph, words, owners } = letters();
    graph.turn(change(words, { m: 'x' }));
    graph.turn(change(words, { z: 'x' }));
    expect(rowsOf(graph, owners)).toEqual({ x: 'm0' });
    graph.turn(change(words, { a: 'x' }));
    expect(rowsOf(graph, owners)).toEqual({ x: 'a0' });
  });

  test('shows the loser when the winner goes, and again hides it when it returns', () => {
    const { graph, words, owners } = letters();
    graph.turn(change(words, { a: 'xy', b: 'xz' }));
    expect(rowsOf(graph, owners)).toEqual({ x: 'a0', y: 'a1', z: 'b1' });
    const { outputs } = graph.turn(change(words, { a: undefined }));
    expect(outputs).toEqual([
      { collection: 'owners', key: 'x', value: 'b0', former: 'a0' },
      { collection: 'owners', key: 'y', value: undefined, former: 'a1' },
    ]);
    graph.turn(change(words, { a: 'x' }));
    expect(graph.get(owners, 'x')).toBe('a0');
  });

  test("takes the last of one row's own claims to a key", () => {
    const { graph, words, owners } = letters();
    graph.turn(change(words, { a: 'xyx' }));
    expect(rowsOf(graph, owners)).toEqual({ x: 'a2', y: 'a1' });
  });

  test('says nothing of a key whose ownership moves to an equal value', () => {
    const graph = createGraph();
    const words = graph.source<string>('words');
    graph.output(graph.expand('letters', words, (word) => [[word, word]]));
    graph.turn(change(words, { a: 'x', b: 'x' }));
    expect(graph.turn(change(words, { a: undefined })).outputs).toEqual([]);
  });

  test('records the reads of a generator that runs late', () => {
    const graph = createGraph();
    const names = graph.source<string>('names');
    const refs = graph.source<string[]>('refs');
    const found = graph.expand('found', refs, function* (to, _, read): Generator<[string, string]> {
      for (const ref of to) yield [ref, read.get(names, ref) ?? 'nobody'];
    });
    graph.turn(change(refs, { one: ['x', 'y'] }));
    graph.turn(change(names, { y: 'bob' }));
    expect(rowsOf(graph, found)).toEqual({ x: 'nobody', y: 'bob' });
  });
});

test('rows are frozen deeply in tests', () => {
  const graph = createGraph();
  const numbers = graph.source<number>('numbers');
  const nested = graph.derive('nested', numbers, (n) => ({
    list: [{ n }],
    map: new Map([[n, n]]),
  }));
  graph.turn(change(numbers, { a: 1 }));
  const row = graph.get(nested, 'a');
  expect(() => row?.list.push({ n: 2 })).toThrow(TypeError);
  expect(() => Object.assign(row?.list[0] ?? {}, { n: 2 })).toThrow(TypeError);
  expect(() => row?.map.set(1, 2)).toThrow('read only');
});

test('what nobody reads any more is not kept', () => {
  const graph = createGraph();
  const names = graph.source<string>('names');
  const refs = graph.source<string>('refs');
  const byName = graph.lookup('byName', names, (name) => [name]);
  graph.derive('found', refs, (to, _, read) => [read.get(names, to), read.find(byName, to)]);
  for (let i = 0; i < 100; i += 1) {
    graph.turn(change(refs, { one: `x${i}`, two: `y${i}` }));
    graph.turn(change(names, { n: `x${i}`, [`y${i}`]: 'y', [`y${i - 1}`]: undefined }));
  }
  expect(graph.size()).toEqual({ rows: 6, dependencies: 4, topics: 5 });
  graph.turn(change(refs, { one: undefined, two: undefined }));
  graph.turn(change(names, { n: undefined, y99: undefined }));
  expect(graph.size()).toEqual({ rows: 0, dependencies: 0, topics: 0 });
});

test('one change among many rows reruns one row of each layer', () => {
  const graph = createGraph();
  const slices = graph.source<{ service: string; ip: string }>('slices');
  const services = graph.source<{ port: number }>('services');
  const byService = graph.lookup('slicesByService', slices, (slice) => [slice.service]);
  const groups = graph.derive('groups', services, ({ port }, key, read) =>
    read.find(byService, key).map(({ ip }) => `${ip}:${port}`),
  );
  const clusters = graph.derive('clusters', groups, (endpoints, name) => ({ name, endpoints }));
  graph.output(graph.derive('encoded', clusters, (cluster) => JSON.stringify(cluster)));
  const names = Array.from({ length: 2000 }, (_, i) => `s${i}`);
  graph.turn(
    new Map<Source<unknown>, ReadonlyMap<string, unknown>>([
      [services, new Map(names.map((name) => [name, { port: 80 }]))],
      [slices, new Map(names.map((name) => [name, { service: name, ip: '10.0.0.1' }]))],
    ]),
  );
  const result = graph.turn(change(slices, { s77: { service: 's77', ip: '10.0.0.2' } }));
  expect([...result.reruns]).toEqual([
    ['groups', 1],
    ['clusters', 1],
    ['encoded', 1],
  ]);
  expect(result.outputs.map(({ key }) => key)).toEqual(['s77']);
});
