/** The small texts: addresses, CIDRs, durations, field paths, shown values, near names. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalCidr, canonicalIp } from './address.js';
import { canonicalJson, hashJson } from './canonical-json.js';
import { parseDuration } from './duration.js';
import { formatFieldPath, parseFieldPath } from './field-path.js';
import { nearestName } from './nearest.js';
import { showValue } from './show-value.js';

describe('addresses', () => {
  test.each([
    ['10.0.0.1', '10.0.0.1'],
    ['FD00:0:0:0:0:0:0:1', 'fd00::1'],
    ['::', '::'],
    ['2001:DB8::00FF:0', '2001:db8::ff:0'],
    ['::FFFF:10.0.0.1', '::ffff:10.0.0.1'],
    ['10.0.0', undefined],
    ['10.0.0.01', undefined],
    ['10.0.0.1 ', undefined],
    ['fe80::1%eth0', undefined],
    [':::', undefined],
    ['', undefined],
    ['localhost', undefined],
  ])('%j is %j in canonical form', (text, expected) => {
    expect(canonicalIp(text)).toBe(expected);
  });

  test('the canonical form of a canonical form is itself', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const ip = canonicalIp(text);
        expect(ip).toBeDefined();
        expect(canonicalIp(ip ?? '')).toBe(ip);
      }),
    );
  });

  test.each([
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['10.1.2.3/32', '10.1.2.3/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['FD00:1:2::5/32', 'fd00:1::/32'],
    ['::1/128', '::1/128'],
    ['::ffff:10.0.0.1/128', '::ffff:10.0.0.1/128'],
    ['10.0.0.0/33', undefined],
    ['fd00::/129', undefined],
    ['10.0.0.0', undefined],
    ['10.0.0.0/', undefined],
    ['10.0.0.0/-1', undefined],
    ['/8', undefined],
  ])('the CIDR %j is %j', (text, expected) => {
    expect(canonicalCidr(text)).toBe(expected);
  });
});

describe('durations', () => {
  test.each([
    ['200ms', 200],
    ['5s', 5000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['.5s', 500],
    ['2000us', 2],
    ['0', 0],
    ['0s', 0],
    ['24h', 86_400_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toEqual({ ms });
  });

  test.each([
    '',
    '5',
    '5.5',
    '-1s',
    '+1s',
    '1 s',
    '1d',
    's',
    '5sec',
    '25h',
    '1us',
    '1s5',
    '1e3s',
    'Infinity',
    '9'.repeat(70),
  ])('%j is refused', (text) => {
    expect(parseDuration(text).problem).toMatch(/^expected /);
  });
});

describe('field paths', () => {
  test.each([
    [['spec', 'routes', 0, 'timeout'], 'spec.routes[0].timeout'],
    [['metadata', 'labels', 'a.b/c'], 'metadata.labels["a.b/c"]'],
    [['spec', ''], 'spec[""]'],
    [['9090'], '["9090"]'],
  ])('%j reads %s', (path, text) => {
    expect(formatFieldPath(path)).toBe(text);
  });

  test('reading a path back gives the path', () => {
    const part = fc.oneof(fc.string({ maxLength: 100 }), fc.nat());
    fc.assert(
      fc.property(fc.array(part), (path) => {
        expect(parseFieldPath(formatFieldPath(path))).toEqual(path);
      }),
    );
  });
});

describe('shown values', () => {
  test('a value is shown in at most 200 characters, whatever it is', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect(showValue(value).length).toBeLessThanOrEqual(200);
      }),
    );
  });

  test('a value that contains itself is shown', () => {
    const cycle: unknown[] = [];
    cycle.push(cycle, { cycle });
    expect(showValue(cycle).length).toBeLessThanOrEqual(200);
  });

  test('a small value is shown whole', () => {
    expect(showValue({ a: [1, 'b', null] })).toBe('{a: [1, "b", null]}');
  });
});

describe('near names', () => {
  test.each([
    ['retires', 'retries'],
    ['Timeout', 'timeout'],
    ['authorisation', 'authorization'],
    ['elephant', undefined],
    ['', undefined],
  ])('%j is taken for %j', (name, expected) => {
    expect(nearestName(name, ['retries', 'timeout', 'authorization'])).toBe(expected);
  });
});

describe('canonical JSON', () => {
  test('the order of keys does not matter, that of lists does', () => {
    expect(canonicalJson({ b: 1, a: [2, 1] })).toBe('{"a":[2,1],"b":1}');
    expect(hashJson({ b: 1, a: 2 })).toBe(hashJson({ a: 2, b: 1 }));
    expect(hashJson([1, 2])).not.toBe(hashJson([2, 1]));
  });

  test('it is JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});
