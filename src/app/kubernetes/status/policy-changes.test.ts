/** When a policy counts as changed, and who has to follow. */
import { beforeEach, expect, test } from '@jest/globals';
import { policyKey, type PolicyKey } from '../../../model/index.js';
import type { ResourceChange } from '../../../xds/index.js';
import { createPolicyChanges, type PolicyChanges } from './policy-changes.js';

const p = policyKey('shop', 'p');
const q = policyKey('shop', 'q');
let hashes: Map<PolicyKey, string>;
let changes: PolicyChanges;
let generation: number;

beforeEach(() => {
  hashes = new Map();
  generation = 0;
  changes = createPolicyChanges((policy) => hashes.get(policy));
});

function resource(
  scope: string,
  origins: readonly (readonly [PolicyKey, string])[],
  version = '1',
): ResourceChange {
  const [typeUrl, name] = ['type', 'inbound'];
  return {
    ...{ scope, typeUrl, name },
    resource: {
      ...{ typeUrl, name, version, bytes: new Uint8Array(), isEager: true },
      origins: [
        { object: 'Service shop/cart' },
        ...origins.map(([key, hash]) => ({ object: `TrafficPolicy ${key}`, hash })),
      ],
    },
  };
}

/** One turn: policies set to these hashes, and what came of it. */
function turn(
  forms: Readonly<Record<string, string | undefined>>,
  ...resources: readonly ResourceChange[]
): { readonly policies: readonly string[]; readonly scopes: readonly string[] } {
  generation += 1;
  const policies = Object.entries(forms).map(([name, hash]) => {
    const key = policyKey('shop', name);
    if (hash === undefined) hashes.delete(key);
    else hashes.set(key, hash);
    return key;
  });
  const found = changes.take({ generation, policies, resources });
  return { policies: [...found.policies].sort(), scopes: [...found.scopes].sort() };
}

test('a new form is a change, wherever it has a part', () => {
  turn({ p: '1' }, resource('pod/shop/a', [[p, '1']]), resource('pod/shop/b', [[p, '1']]));
  const found = turn({ p: '2' }, resource('pod/shop/a', [[p, '2']]));
  expect(found).toEqual({ policies: [p], scopes: ['pod/shop/a'] });
  expect([changes.all.get(p), changes.newest()]).toEqual([2, 2]);
});

test('the same form again is none', () => {
  turn({ p: '1' }, resource('mesh', [[p, '1']]));
  expect(turn({ p: '1' })).toEqual({ policies: [], scopes: [] });
  expect(changes.all.get(p)).toBe(1);
});

test('a pod that comes to be selected follows, and so does one that ceases to be', () => {
  turn({ p: '1', q: '1' }, resource('pod/shop/a', [[q, '1']]));
  const joined = turn({}, resource('pod/shop/a', [[q, '1'], [p, '1']])); // prettier-ignore
  expect(joined).toEqual({ policies: [p], scopes: ['pod/shop/a'] });
  const left = turn({}, resource('pod/shop/a', [[q, '1']]));
  expect(left).toEqual({ policies: [p], scopes: ['pod/shop/a'] });
  const gone = turn({}, { scope: 'pod/shop/a', typeUrl: 'type', name: 'inbound' });
  expect(gone).toEqual({ policies: [q], scopes: ['pod/shop/a'] });
});

test('what another object changes in a resource is no change of the policies in it', () => {
  turn({ p: '1', q: '1' }, resource('pod/shop/a', [[p, '1'], [q, '1']])); // prettier-ignore
  expect(turn({}, resource('pod/shop/a', [[p, '1'], [q, '1']], '2'))).toEqual({ policies: [], scopes: [] }); // prettier-ignore
  expect(turn({ q: '2' }, resource('pod/shop/a', [[p, '1'], [q, '2']], '3')).policies).toEqual([q]); // prettier-ignore
});

test('of a policy that is gone nothing is kept, and whoever had it follows', () => {
  turn({ p: '1' }, resource('namespace/shop', [[p, '1']]));
  expect(turn({ p: undefined }, resource('namespace/shop', []))).toEqual({
    policies: [p],
    scopes: ['namespace/shop'],
  });
  expect(changes.all.size).toBe(0);
});

test('only what changed since is told', () => {
  turn({ p: '1' }, resource('mesh', [[p, '1']]));
  turn({ q: '1' }, resource('namespace/shop', [[q, '1']]));
  expect([...changes.since(1)]).toEqual([[q, 2]]);
  expect(changes.since(2).size).toBe(0);
});
