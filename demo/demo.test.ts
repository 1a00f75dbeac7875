/** Tests of the demo's pure parts: its manifests, options, table and statistics. */
import { describe, expect, test } from '@jest/globals';
import { formatCalls } from './call-record.js';
import { parseOptions } from './options.js';
import { findCheckout } from './rig/checkout.js';
import { readManifests } from './rig/manifests.js';
import { isPlausibleShare } from './statistics.js';

describe('the demo’s manifests', () => {
  test('hold at least six meshed workloads in a, b and c, and two versions of one service', async () => {
    const { pods } = await readManifests(findCheckout().mesh);
    const meshed = pods.filter(({ hasSidecar }) => hasSidecar);
    expect(meshed.length).toBeGreaterThanOrEqual(6);
    expect(new Set(meshed.map(({ namespace }) => namespace))).toEqual(new Set(['a', 'b', 'c']));
    const reviews = pods.filter(({ serviceAccount }) => serviceAccount === 'reviews');
    expect(new Set(reviews.map(({ containers }) => containers[0]?.env['VERSION']))).toEqual(
      new Set(['v1', 'v2']),
    );
  });

  test('give every pod an address and a uid of its own', async () => {
    const { pods } = await readManifests(findCheckout().mesh);
    expect(new Set(pods.map(({ ip }) => ip)).size).toBe(pods.length);
    expect(new Set(pods.map(({ uid }) => uid)).size).toBe(pods.length);
  });

  test('give every Service an endpoint behind every port', async () => {
    const { services } = await readManifests(findCheckout().mesh);
    const empty = services.filter(({ ports }) =>
      ports.some(({ endpoints }) => endpoints.length === 0),
    );
    expect(empty).toEqual([]);
  });
});

describe('the options', () => {
  test('default to a demo that stays up', () => {
    expect(parseOptions([])).toEqual({
      once: false,
      json: false,
      outbound: 'on-demand',
      keep: false,
    });
  });

  test.each([
    [['--json'], '--json goes with --once'],
    [['--outbound', 'lazy'], 'expected on-demand or eager, found lazy'],
    [['--nonsense'], '--nonsense'],
    [['--help'], 'usage: npm run demo'],
  ])('%j is answered with what is wrong, and the usage', (args, expected) => {
    expect(parseOptions(args)).toEqual(expect.stringContaining(expected));
    expect(parseOptions(args)).toEqual(expect.stringContaining('usage:'));
  });
});

test('the table of calls has a column per fact, as wide as its widest cell', () => {
  const table = formatCalls([
    {
      from: 'a/frontend',
      to: 'b/reviews',
      protocol: 'http',
      status: 200,
      version: 'v1',
      peerSpiffeId: 'spiffe://cluster.local/ns/a/sa/frontend',
      ms: 4.25,
    },
    {
      from: 'outside/legacy',
      to: 'b/reviews',
      protocol: 'http',
      status: null,
      version: null,
      peerSpiffeId: null,
      ms: 1,
    },
  ]);
  expect(table.split('\n')).toEqual([
    'FROM            TO         PROTOCOL  STATUS     VERSION  MTLS IDENTITY SEEN                       MS',
    'a/frontend      b/reviews  http      200        v1       spiffe://cluster.local/ns/a/sa/frontend  4.3',
    'outside/legacy  b/reviews  http      no answer  -        -                                        1.0',
  ]);
});

describe('a count of random events', () => {
  test.each([
    [60, true],
    [30, true],
    [90, true],
    [20, false],
    [100, false],
    [0, false],
    [600, false],
  ])('%i of 600 at one in ten is plausible: %s', (hits, expected) => {
    expect(isPlausibleShare({ hits, trials: 600, share: 0.1 })).toBe(expected);
  });
});
