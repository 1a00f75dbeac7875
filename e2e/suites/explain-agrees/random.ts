/** Random policies about one Service, and random requests in their words and beside them. */
import fc from 'fast-check';

const one = fc.constantFrom;
const method = one('GET', 'POST', 'PUT');
const pathMatch = fc.oneof(
  fc.record({ type: one('Exact'), value: one('/a', '/a/b', '/api/v1', '/') }),
  fc.record({ type: one('PathPrefix'), value: one('/a', '/a/', '/api', '/b/c', '/') }),
  fc.record({
    type: one('RegularExpression'),
    value: one('/a.*', '/api/v[0-9]+', '/(b|c)/.+', '.*/x'),
  }),
);
const headerMatch = fc.oneof(
  fc.record({
    name: one('x-user', 'x-env'),
    type: one('Exact', 'Prefix'),
    value: one('beta', 'be', 'prod'),
  }),
  fc.record({
    name: one('x-user', 'x-env'),
    type: one('RegularExpression'),
    value: one('b.*a', '[a-z]+'),
  }),
  fc.record({ name: one('x-user', 'x-env'), type: one('Present') }),
);
const queryMatch = fc.oneof(
  fc.record({ name: one('debug', 'q'), type: one('Exact', 'Prefix'), value: one('1', 'on') }),
  fc.record({ name: one('debug', 'q'), type: one('Present') }),
);
const from = one<readonly object[]>(
  [{ namespace: 'web' }],
  [{ serviceAccount: 'other/client' }],
  [{ not: [{ namespace: 'web' }] }],
  [{ spiffe: 'spiffe://cluster.local/ns/web/*' }, { namespace: 'shop' }],
);
const match = fc.record(
  {
    path: pathMatch,
    method,
    headers: fc.array(headerMatch, { minLength: 1, maxLength: 2 }),
    queryParams: fc.array(queryMatch, { minLength: 1, maxLength: 2 }),
    from,
  },
  { requiredKeys: [] },
);
const v1 = { subset: { version: 'v1' } };
const v2 = { subset: { version: 'v2' } };
const action = one<object>(
  {},
  {},
  {},
  { backends: [v2] },
  { backends: [v1] },
  { backends: [v2] },
  {
    backends: [
      { ...v1, weight: 1 },
      { ...v2, weight: 1 },
    ],
  },
  { backends: [{ service: 'second' }] },
  { backends: [{ service: 'nobody' }] },
  { backends: [{ subset: { version: 'v9' } }] },
  { redirect: { hostname: 'new.example.com', statusCode: 307 } },
  { backends: [v1], rewrite: { path: { replace: '/rewritten' } } },
);
const route = fc
  .tuple(fc.array(match, { minLength: 1, maxLength: 2 }), action)
  .map(([matches, what]) => ({ matches, ...what }));

const condition = fc.record({
  header: one('x-user', 'x-env'),
  values: one(['beta'], ['be*'], ['prod', 'test'], ['*']),
});
const operation = fc
  .record(
    {
      methods: fc.subarray(['GET', 'POST'], { minLength: 1 }),
      paths: fc.subarray(['/a', '/a/*', '/api/*', '/b/c', '/*'], { minLength: 1 }),
    },
    { requiredKeys: [] },
  )
  .filter((each) => Object.keys(each).length > 0);
const rule = fc.record(
  {
    from,
    to: fc.array(operation, { minLength: 1, maxLength: 2 }),
    when: fc.array(condition, { minLength: 1, maxLength: 2 }),
  },
  { requiredKeys: [] },
);
/** Denies what leads under `/live`, by which a round is seen to be in force, in no case. */
const denyRule = fc.record(
  {
    from,
    to: fc.array(
      fc.record(
        {
          methods: one(['GET'], ['POST', 'PUT']),
          paths: fc.subarray(['/a', '/a/*', '/api/*', '/b/*'], { minLength: 1 }),
        },
        { requiredKeys: ['paths'] },
      ),
      { minLength: 1, maxLength: 2 },
    ),
    when: fc.array(condition, { minLength: 1, maxLength: 1 }),
  },
  { requiredKeys: ['to'] },
);

/** What a round's policies say, before they are given names. */
export interface RandomPolicy {
  readonly routes: readonly object[];
  readonly allow: readonly object[];
  readonly deny: readonly object[];
  /** Of the pod v2 alone. */
  readonly denyV2: readonly object[];
}

/** Policies. */
export const randomPolicy: fc.Arbitrary<RandomPolicy> = fc.record({
  routes: fc
    .tuple(fc.array(route, { minLength: 2, maxLength: 5 }), fc.boolean(), action)
    .map(([routes, hasLast, last]) => (hasLast ? [...routes, last] : routes)),
  allow: fc.array(rule, { minLength: 1, maxLength: 3 }),
  deny: fc.array(denyRule, { maxLength: 2 }),
  denyV2: fc.array(denyRule, { maxLength: 1 }),
});

/** A request. */
export interface RandomRequest {
  readonly from: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

const query = one('', '', '', '?debug=1', '?debug=on&q=1', '?q=', '?debug=2&debug=1', '?DEBUG=1');

/** Requests. */
export const randomRequest: fc.Arbitrary<RandomRequest> = fc.record({
  from: one('web/client', 'other/client'),
  method: one('GET', 'GET', 'POST', 'PUT', 'DELETE'),
  path: fc
    .tuple(
      one(
        '/',
        '/a',
        '/a/',
        '/a/b',
        '/ab',
        '/A',
        '/api',
        '/api/v1',
        '/api/v12',
        '/api/vx',
        '/b/c',
        '/b/c/d',
        '/c/x',
        '//a',
        '/a/./b',
        '/a/../api/v1',
        '/%61',
        '/a%2Fb',
        '/a/b;c',
        '/other',
      ),
      query,
    )
    .map((parts) => parts.join('')),
  headers: fc
    .record(
      {
        'x-user': one('beta', 'be', 'alpha', 'betas', 'prod', 'bravura', 'BETA'),
        'x-env': one('prod', 'test', 'beta', 'x, prod'),
      },
      { requiredKeys: [] },
    )
    .map((headers): Readonly<Record<string, string>> => headers),
});
