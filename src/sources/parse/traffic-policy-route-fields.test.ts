/** What is refused in the routes of a TrafficPolicy, where it is said to be, and in which words. */
import { describe, expect, test } from '@jest/globals';
import { found, parse, repeat, route, service } from './testing/refused-policies.js';

describe('fields', () => {
  test.each<readonly [unknown, readonly string[]]>([
    [{ targetRefs: [service], routes: {} }, ['Invalid spec.routes']],
    [{ targetRefs: [service], routes: null }, ['Invalid spec.routes']],
    [{ targetRefs: [service], routes: repeat(65, {}) }, ['Invalid spec.routes']],
    [
      { targetRefs: [service], routes: [{ name: 'a' }, { name: 'a' }] },
      ['Invalid spec.routes[1].name'],
    ],
    [{ targetRefs: [service], routes: [{ name: 'rule-1' }, {}] }, ['Invalid spec.routes[0].name']],
    [route({ name: 'A b' }), ['Invalid spec.routes[0].name']],
    [route({ name: 'a'.repeat(64) }), ['Invalid spec.routes[0].name']],
    [route({ timeout: 5 }), ['Invalid spec.routes[0].timeout']],
    [route({ timeout: '5' }), ['Invalid spec.routes[0].timeout']],
    [route({ timeout: '-5s' }), ['Invalid spec.routes[0].timeout']],
    [route({ timeout: '25h' }), ['Invalid spec.routes[0].timeout']],
    [route({ timeout: null }), ['Invalid spec.routes[0].timeout']],
    [route({ retires: {} }), ['Invalid spec.routes[0].retires']],
    [route({ matches: repeat(17, {}) }), ['Invalid spec.routes[0].matches']],
    [route({ matches: [{ method: 'G T' }] }), ['Invalid spec.routes[0].matches[0].method']],
    [route({ matches: [{ method: 'get' }] }), ['Invalid spec.routes[0].matches[0].method']],
    [
      route({ matches: [{ path: { value: 'a' } }] }),
      ['Invalid spec.routes[0].matches[0].path.value'],
    ],
    [
      route({ matches: [{ path: { value: '/a?b' } }] }),
      ['Invalid spec.routes[0].matches[0].path.value'],
    ],
    [
      route({ matches: [{ path: { type: 'Regex', value: '/' } }] }),
      ['Invalid spec.routes[0].matches[0].path.type'],
    ],
    [
      route({ matches: [{ path: { type: 'RegularExpression', value: '/(a' } }] }),
      ['Invalid spec.routes[0].matches[0].path.value'],
    ],
    [
      route({ matches: [{ path: { type: 'RegularExpression', value: '/(?=a)' } }] }),
      ['Invalid spec.routes[0].matches[0].path.value'],
    ],
    [
      route({ matches: [{ path: { type: 'RegularExpression', value: `/${'a'.repeat(1024)}` } }] }),
      ['Invalid spec.routes[0].matches[0].path.value'],
    ],
    [
      route({ matches: [{ headers: [{ name: 'a b', value: '' }] }] }),
      ['Invalid spec.routes[0].matches[0].headers[0].name'],
    ],
    [
      route({ matches: [{ headers: [{ name: ':path', value: '' }] }] }),
      ['Invalid spec.routes[0].matches[0].headers[0].name'],
    ],
    [
      route({ matches: [{ headers: [{ name: 'a' }] }] }),
      ['Invalid spec.routes[0].matches[0].headers[0].value'],
    ],
    [
      route({ matches: [{ headers: [{ name: 'a', type: 'Present', value: 'b' }] }] }),
      ['Invalid spec.routes[0].matches[0].headers[0].value'],
    ],
    [
      route({ matches: [{ headers: [{ name: 'a', value: 'b\r\n' }] }] }),
      ['Invalid spec.routes[0].matches[0].headers[0].value'],
    ],
    [
      route({ matches: [{ queryParams: [{ name: '', value: 'b' }] }] }),
      ['Invalid spec.routes[0].matches[0].queryParams[0].name'],
    ],
    [route({ matches: [{ from: [] }] }), ['Invalid spec.routes[0].matches[0].from']],
    [route({ backends: [{}] }), ['Invalid spec.routes[0].backends[0]']],
    [
      route({ backends: [{ service: 'a', subset: { v: '1' } }] }),
      ['Invalid spec.routes[0].backends[0]'],
    ],
    [
      route({ backends: [{ subset: { v: '1' }, port: 80 }] }),
      ['Invalid spec.routes[0].backends[0].port'],
    ],
    [route({ backends: [{ subset: {} }] }), ['Invalid spec.routes[0].backends[0].subset']],
    [
      route({ backends: [{ service: 'a', weight: -1 }] }),
      ['Invalid spec.routes[0].backends[0].weight'],
    ],
    [
      route({ backends: [{ service: 'a', weight: 1_000_001 }] }),
      ['Invalid spec.routes[0].backends[0].weight'],
    ],
    [
      route({ backends: [{ service: 'a', weight: 0.5 }] }),
      ['Invalid spec.routes[0].backends[0].weight'],
    ],
    [route({ backends: [{ service: 'a', weight: 0 }] }), ['Invalid spec.routes[0].backends']],
    [route({ backends: [{ service: 'a', port: 0 }] }), ['Invalid spec.routes[0].backends[0].port']],
    [route({ redirect: {} }), ['Invalid spec.routes[0].redirect']],
    [route({ redirect: { scheme: 'ftp' } }), ['Invalid spec.routes[0].redirect.scheme']],
    [
      route({ redirect: { scheme: 'https', statusCode: 200 } }),
      ['Invalid spec.routes[0].redirect.statusCode'],
    ],
    [
      route({
        redirect: { scheme: 'https' },
        backends: [{ service: 'a' }],
        rewrite: { hostname: 'h' },
      }),
      ['Invalid spec.routes[0].backends', 'Invalid spec.routes[0].rewrite'],
    ],
    [route({ redirect: { scheme: 'https' }, timeout: '5s' }), ['Invalid spec.routes[0].timeout']],
    [route({ rewrite: {} }), ['Invalid spec.routes[0].rewrite']],
    [route({ rewrite: { path: {} } }), ['Invalid spec.routes[0].rewrite.path']],
    [
      route({ rewrite: { path: { prefix: '/', replace: '/' } } }),
      ['Invalid spec.routes[0].rewrite.path'],
    ],
    [
      route({
        matches: [{ path: { type: 'Exact', value: '/a' } }],
        rewrite: { path: { prefix: '/' } },
      }),
      ['Invalid spec.routes[0].rewrite.path.prefix'],
    ],
    [route({ rewrite: { hostname: 'a:80' } }), ['Invalid spec.routes[0].rewrite.hostname']],
    [
      route({ requestHeaders: { set: { Host: 'a' } } }),
      ['Invalid spec.routes[0].requestHeaders.set.Host'],
    ],
    [
      route({ requestHeaders: { set: { ':authority': 'a' } } }),
      ['Invalid spec.routes[0].requestHeaders.set[":authority"]'],
    ],
    [
      route({ requestHeaders: { remove: ['host'] } }),
      ['Invalid spec.routes[0].requestHeaders.remove[0]'],
    ],
    [
      route({ requestHeaders: { set: { 'Content-Length': '0' } } }),
      ['Invalid spec.routes[0].requestHeaders.set.Content-Length'],
    ],
    [
      route({ requestHeaders: { set: { a: 'x\ny' } } }),
      ['Invalid spec.routes[0].requestHeaders.set.a'],
    ],
    [route({ requestHeaders: { set: { a: 1 } } }), ['Invalid spec.routes[0].requestHeaders.set.a']],
    [
      route({ requestHeaders: { add: { a: '1', A: '2' } } }),
      ['Invalid spec.routes[0].requestHeaders.add.A'],
    ],
    [route({ mirror: { service: 'a', percent: 101 } }), ['Invalid spec.routes[0].mirror.percent']],
    [route({ mirror: { percent: 1 } }), ['Invalid spec.routes[0].mirror.service']],
    [route({ fault: {} }), ['Invalid spec.routes[0].fault']],
    [route({ fault: { abort: { percent: 1 } } }), ['Invalid spec.routes[0].fault.abort']],
    [
      route({ fault: { abort: { httpStatus: 199, percent: 101 } } }),
      [
        'Invalid spec.routes[0].fault.abort.percent',
        'Invalid spec.routes[0].fault.abort.httpStatus',
      ],
    ],
    [
      route({ fault: { abort: { grpcStatus: 'OK' } } }),
      ['Invalid spec.routes[0].fault.abort.grpcStatus'],
    ],
    [route({ fault: { delay: { percent: 1 } } }), ['Invalid spec.routes[0].fault.delay.duration']],
    [route({ retries: { attempts: 11 } }), ['Invalid spec.routes[0].retries.attempts']],
    [route({ retries: { retryOn: ['6xx'] } }), ['Invalid spec.routes[0].retries.retryOn[0]']],
    [route({ retries: { budget: {} } }), ['Invalid spec.routes[0].retries.budget']],
    [route({ retries: { statusCodes: [99] } }), ['Invalid spec.routes[0].retries.statusCodes[0]']],
    [
      route({ retries: { backoff: { base: '2s', max: '1s' } } }),
      ['Invalid spec.routes[0].retries.backoff.max'],
    ],
  ])('%j', (spec, expected) => {
    expect([...found(spec)].sort()).toEqual([...expected].sort());
  });

  test('an unknown field comes with the name that was meant', () => {
    const { diagnostics } = parse(route({ retires: {} }));
    expect(diagnostics[0]).toMatchObject({ remedy: 'did you mean retries?', value: '{}' });
  });

  test.each([
    [5, 'expected a duration such as 200ms, 5s or 1h30m, found a number'],
    ['5', 'expected a duration such as 200ms, 5s or 1h30m, found no unit'],
    ['48h', 'expected at most 24h'],
  ])('the timeout %j is refused with words that help', (timeout, message) => {
    expect(parse(route({ timeout })).diagnostics[0]?.message).toBe(message);
  });

  test('a change of host is refused with a hint to rewrite', () => {
    const { diagnostics } = parse(route({ requestHeaders: { set: { ':authority': 'a' } } }));
    expect(diagnostics[0]?.message).toBe('expected another header: use rewrite.hostname');
  });

  test('a key called __proto__ is refused wherever it stands', () => {
    const set = JSON.parse('{"__proto__": "x"}') as object;
    expect(found(route({ requestHeaders: { set } }))).toEqual([
      'Invalid spec.routes[0].requestHeaders.set.__proto__',
    ]);
  });
});
