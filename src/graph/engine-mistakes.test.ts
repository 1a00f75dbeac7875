/** What the engine makes of mistakes: row functions that throw, reads and definitions that may not be. */
import { describe, expect, test } from '@jest/globals';
import { createGraph, type Collection } from './index.js';
import { change, rowsOf } from './testing/changes.js';

describe('a row function that throws', () => {
  test('keeps the former row, is reported, holds back no other and recovers', () => {
    const graph = createGraph();
    const numbers = graph.source<number>('numbers');
    const limits = graph.source<number>('limits');
    const checked = graph.derive('checked', numbers, (n, _, read) => {
      if (n > (read.get(limits, 'max') ?? 10)) throw new Error('too big');
      return n;
    });
    graph.turn(change(numbers, { a: 1, b: 2 }));
    const { failures } = graph.turn(change(numbers, { a: 11, b: 3 }));
    expect(failures).toEqual([{ collection: 'checked', key: 'a', error: new Error('too big') }]);
    expect(rowsOf(graph, checked)).toEqual({ a: 1, b: 3 });
    const recovered = graph.turn(change(limits, { max: 20 }));
    expect(recovered.failures).toEqual([]);
    expect(rowsOf(graph, checked)).toEqual({ a: 11, b: 3 });
  });

  test('keeps all the former claims of an expanded row', () => {
    const graph = createGraph();
    const words = graph.source<string>('words');
    const letters = graph.expand('letters', words, function* (word): Generator<[string, string]> {
      for (const letter of word) {
        if (letter === '!') throw new Error('no letter');
        yield [letter, word];
      }
    });
    graph.turn(change(words, { a: 'xy' }));
    graph.turn(change(words, { a: 'z!' }));
    expect(rowsOf(graph, letters)).toEqual({ x: 'xy', y: 'xy' });
    graph.turn(change(words, { a: undefined }));
    expect(rowsOf(graph, letters)).toEqual({});
  });
});

describe('definitions', () => {
  test('a read of what was defined later fails and names both', () => {
    const graph = createGraph();
    const numbers = graph.source<number>('numbers');
    const later: { collection?: Collection<number> } = {};
    graph.derive('early', numbers, (n, key, read) =>
      later.collection === undefined ? n : read.get(later.collection, key),
    );
    later.collection = graph.derive('late', numbers, (n) => n);
    const { failures } = graph.turn(change(numbers, { a: 1 }));
    expect(failures.map(({ error }) => String(error))).toEqual([
      'Error: early cannot read late: a collection reads only what was defined before it',
    ]);
  });

  test('a read kept for later fails', () => {
    const graph = createGraph();
    const numbers = graph.source<number>('numbers');
    const kept: (() => unknown)[] = [];
    graph.derive('leaky', numbers, (n, key, read) => {
      kept.push(() => read.get(numbers, key));
      return n;
    });
    graph.turn(change(numbers, { a: 1 }));
    expect(kept[0]).toThrow('numbers was read outside of a row function');
  });

  test('a name is taken once, and nothing is defined after the first turn', () => {
    const graph = createGraph();
    graph.source('numbers');
    expect(() => graph.source('numbers')).toThrow('numbers is defined twice');
    graph.turn(new Map());
    expect(() => graph.source('late')).toThrow('late was defined after the first turn');
  });

  test('collections of another graph are refused', () => {
    const foreign = createGraph().source<number>('foreign');
    const graph = createGraph();
    const numbers = graph.source<number>('numbers');
    graph.derive('mixed', numbers, (_, key, read) => read.get(foreign, key));
    expect(() => graph.derive('copies', foreign, (n) => n)).toThrow('another graph');
    const { failures } = graph.turn(change(numbers, { a: 1 }));
    expect(String(failures[0]?.error)).toContain('mixed cannot read foreign');
  });
});
