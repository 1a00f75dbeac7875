/** Paths and queries as Envoy 1.40 was measured to see them. */
import { describe, expect, test } from '@jest/globals';
import { normalizePath, parseQuery } from './request-path.js';

describe('normalizePath', () => {
  test.each([
    ['/a//b', '/a/b'],
    ['/a/../b', '/b'],
    ['/a/%2e%2E/b', '/b'],
    ['/.%2e/c', '/c'],
    ['/a/./b', '/a/b'],
    ['/a/..', '/'],
    ['/a/.', '/a/'],
    ['/a/%2e/', '/a/'],
    ['//x', '/x'],
    ['/..//y', '/y'],
    ['/a/..a/c', '/a/..a/c'],
    ['/a/...', '/a/...'],
    ['/a\\b', '/a/b'],
    ['/%61dm%69n', '/admin'],
    ['/%41%7e%2D', '/A~-'],
    ['/a%20b', '/a%20b'],
    ['/A%c3%a9', '/A%c3%a9'],
    ['/a%25b', '/a%25b'],
    ['/a%zz', '/a%zz'],
    ['/a%4', '/a%4'],
    ['/{x}|"<`^', '/%7Bx%7D%7C%22%3C%60%5E'],
    ["/a'b!$&()*+,=:@~[b]", "/a'b!$&()*+,=:@~[b]"],
    ['/a;x/c', '/a;x/c'],
    ['/a;b/../c', '/c'],
    ['/a/..;x/c', '/c'],
    ['/a/.;/c', '/a/c'],
    ['/a/b/..;', '/a/'],
    ['/%2e%2E;/c', '/..;/c'],
    ['/x?a=/../b', '/x'],
    ['/x?z=%2F', '/x'],
  ])('makes %s %s', (target, path) => {
    expect(normalizePath(target)).toBe(path);
  });

  test.each(['/a%2Fb', '/a%5cb', '/a/%2e%2e%2fb', '/a%00b', '/a#f', '*', ''])(
    'refuses %j',
    (target) => {
      expect(normalizePath(target)).toBeUndefined();
    },
  );
});

describe('parseQuery', () => {
  test.each<[string, Record<string, string>]>([
    ['/x', {}],
    ['/x?', {}],
    ['/x?q=1&q=2', { q: '1' }],
    ['/x?q=a%20b&r=a+b', { q: 'a%20b', r: 'a+b' }],
    ['/x?e', { e: '' }],
    ['/x?e=', { e: '' }],
    ['/x?a=b=c?d', { a: 'b=c?d' }],
  ])('reads %s', (target, query) => {
    expect(parseQuery(target)).toEqual(query);
  });
});
