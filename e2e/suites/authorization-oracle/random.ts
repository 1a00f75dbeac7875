/** Random policies at every scope, and random calls in their words and beside them. */
import fc from 'fast-check';
import type { Authorization, FromEntry, Rule } from './model.js';

const one = fc.constantFrom;
const some = <T>(...values: readonly T[]): fc.Arbitrary<T[]> =>
  fc.subarray([...values], { minLength: 1 });

const plainEntry: fc.Arbitrary<FromEntry> = fc
  .record(
    {
      namespace: one('red', 'blue', 'outside', 'nobody'),
      serviceAccount: one('red/one', 'red/two', 'blue/one', 'outside/one'),
      spiffe: one(
        'spiffe://cluster.local/ns/red/*',
        'spiffe://cluster.local/ns/red/sa/one',
        'spiffe://cluster.local/*',
        'spiffe://other.domain/*',
        'spiffe://cluster.local/ns/red/sa/t*',
      ),
      namespaceSelector: one(
        { matchLabels: { env: 'prod' } },
        { matchLabels: { team: 'one' } },
        { matchLabels: { team: 'one', env: 'dev' } },
        { matchLabels: { env: 'none' } },
      ),
      cidr: one('10.66.1.0/30', '10.66.1.2/32', '10.66.9.0/24', '10.66.0.0/16', '192.0.2.0/24'),
    },
    { requiredKeys: [] },
  )
  // One condition mostly: of all of them together next to nobody would be left.
  .chain((entry) => {
    const keys = Object.keys(entry);
    const kept =
      keys.length === 0
        ? fc.constant<string[]>([])
        : fc.subarray(keys, { minLength: 1, maxLength: Math.min(2, keys.length) });
    return kept.map((names): FromEntry =>
      names.length === 0
        ? { namespace: 'red' }
        : Object.fromEntries(Object.entries(entry).filter(([key]) => names.includes(key))),
    );
  });

const entry: fc.Arbitrary<FromEntry> = fc.oneof(
  { weight: 4, arbitrary: plainEntry },
  {
    weight: 1,
    arbitrary: fc.array(plainEntry, { minLength: 1, maxLength: 2 }).map((not) => ({ not })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(plainEntry, fc.array(plainEntry, { minLength: 1, maxLength: 2 }))
      .map(([own, not]) => ({ ...own, not })),
  },
);

const operation = fc
  .record(
    {
      ports: some(8080, 7000, 9999),
      methods: some('GET', 'POST'),
      paths: some('/a', '/a/*', '/api/*', '/*', '/b'),
    },
    { requiredKeys: [] },
  )
  .filter((each) => Object.keys(each).length > 0);

const condition = fc.record({
  header: one('x-env', 'x-user'),
  values: some('prod', 'te*', 'dev'),
});

const rule: fc.Arbitrary<Rule> = fc.record(
  {
    from: fc.array(entry, { minLength: 1, maxLength: 3 }),
    to: fc.array(operation, { minLength: 1, maxLength: 2 }),
    when: fc.array(condition, { minLength: 1, maxLength: 2 }),
  },
  { requiredKeys: [] },
);

/** Seldom one for everybody, and seldom one at all, or nothing but refusals would be seen. */
const denies = fc.oneof(
  { weight: 2, arbitrary: fc.constant<Rule[]>([]) },
  {
    weight: 1,
    arbitrary: fc.array(
      rule.filter(({ from, to }) => from !== undefined && to !== undefined),
      { minLength: 1, maxLength: 2 },
    ),
  },
);

const authorization: fc.Arbitrary<Authorization> = fc.record(
  {
    default: one('Allow', 'Allow', 'Deny', 'Inherit'),
    deny: denies,
    allow: fc.array(rule, { maxLength: 3 }),
  },
  { requiredKeys: [] },
);

/** What reaches one server, by target; each may be absent. */
export interface RandomSet {
  readonly pod?: Authorization;
  readonly service?: Authorization;
  readonly namespace?: Authorization;
}

/** A round: one set for each of `servers`, and what is said of the whole mesh. */
export function randomRound(
  servers: number,
): fc.Arbitrary<{ readonly mesh?: Authorization; readonly sets: readonly RandomSet[] }> {
  const set = fc.record(
    { pod: authorization, service: authorization, namespace: authorization },
    { requiredKeys: [] },
  );
  const sets = fc.array(set, { minLength: servers, maxLength: servers });
  return fc.record({ mesh: authorization, sets }, { requiredKeys: ['sets'] });
}

/** A call. Without `http` to the TCP port. */
export interface RandomCall {
  readonly from: string;
  readonly server: number;
  readonly http?: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
  };
}

/** Calls to `servers` from pods. */
export function randomCall(servers: number, pods: readonly string[]): fc.Arbitrary<RandomCall> {
  const value = one('prod', 'test', 'dev', 'none');
  const http = fc.record({
    method: one('GET', 'GET', 'POST', 'PUT'),
    path: one('/', '/a', '/a/b', '/api/x', '/b', '/b/c'),
    headers: fc.record({ 'x-env': value, 'x-user': value }, { requiredKeys: [] }),
  });
  return fc.record(
    { from: one(...pods), server: fc.nat(servers - 1), http },
    { requiredKeys: ['from', 'server'] },
  );
}
