/** Which form of a policy is in force, across refusals and restarts. */
import { mkdtempSync, rmSync, writeFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { policyKey, type RefusedPolicy, type TrafficPolicy } from '../model/index.js';
import { createEffectivePolicies, type EffectivePolicies } from './effective-policies.js';
import { createVerdictStore } from './verdict-store.js';

const key = policyKey('shop', 'cart');
const by = { identity: 'shop/cart', type: 'Listener' };

function form(hash: string): TrafficPolicy {
  return {
    kind: 'TrafficPolicy',
    key,
    namespace: 'shop',
    name: 'cart',
    creationTimestampMs: 0,
    hash,
    mode: 'Enforce',
    targets: [{ kind: 'Namespace' }],
    mtls: { mode: 'Strict', ports: new Map([[80, 'Permissive']]), isFloor: false },
  };
}

let directory: string;
const flushes: (() => Promise<void>)[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'skerry-verdicts-'));
});
afterEach(async () => {
  for (const flush of flushes.splice(0)) await flush();
  rmSync(directory, { recursive: true, force: true });
});

async function open(): Promise<{ policies: EffectivePolicies; flush: () => Promise<void> }> {
  const store = createVerdictStore(directory, (error) => {
    throw error;
  });
  flushes.push(() => store.flush());
  return {
    policies: createEffectivePolicies(await store.load(), store),
    flush: () => store.flush(),
  };
}

describe('a policy', () => {
  test('is in force as it is while nobody has refused it', async () => {
    const { policies } = await open();
    expect(policies.set(key, form('1'))).toEqual(form('1'));
    expect(policies.diagnostics()).toEqual([]);
  });

  test('that is refused gives way to its last accepted form', async () => {
    const { policies } = await open();
    policies.set(key, form('1'));
    policies.accept(key, '1', by);
    policies.set(key, form('2'));
    expect(policies.reject(key, '2', 'bad regex')).toEqual(form('1'));
    expect(policies.reject(key, '2', 'bad regex')).toBeUndefined();
    const [found] = policies.diagnostics();
    expect(found?.code).toBe('Rejected');
    expect(found?.message).toContain('bad regex');
  });

  test('whose accepted form is refused later falls back to the one before', async () => {
    const { policies } = await open();
    for (const hash of ['1', '2']) {
      policies.set(key, form(hash));
      policies.accept(key, hash, by);
    }
    expect(policies.reject(key, '2', 'no')).toEqual(form('1'));
  });

  test('without any good form is replaced by one that fails closed for what it spoke of', async () => {
    const { policies } = await open();
    policies.set(key, form('1'));
    expect(policies.reject(key, '1', 'no')).toMatchObject({
      kind: 'RefusedPolicy',
      spokeOfMtls: true,
      spokeOfAuthorization: false,
      targets: [{ kind: 'Namespace' }],
    });
  });

  test('keeps its verdict over a restart', async () => {
    const first = await open();
    first.policies.set(key, form('1'));
    first.policies.accept(key, '1', by);
    first.policies.set(key, form('2'));
    first.policies.reject(key, '2', 'no');
    await first.flush();
    const second = await open();
    expect(second.policies.set(key, form('2'))).toEqual(form('1'));
  });

  test('is judged anew when its text changes, and forgotten when it is deleted', async () => {
    const first = await open();
    first.policies.set(key, form('1'));
    first.policies.reject(key, '1', 'no');
    expect(first.policies.set(key, form('3'))).toEqual(form('3'));
    first.policies.set(key, undefined);
    await first.flush();
    const second = await open();
    expect(second.policies.set(key, form('1'))).toEqual(form('1'));
  });
});

describe('what another control plane has learned', () => {
  const verdict = { key, accepted: [form('1')], rejected: { 2: 'bad regex' } };

  test('takes effect without a refusal here', async () => {
    const { policies } = await open();
    policies.set(key, form('2'));
    expect(policies.learn(verdict)).toEqual(form('1'));
    expect(policies.inForce(key)).toEqual(form('1'));
    expect(policies.isRejected(key, '2')).toBe(true);
    expect(policies.diagnostics()[0]?.message).toContain('bad regex');
    expect(policies.learn(verdict)).toBeUndefined();
  });

  test('changes nothing while the text is another one, or the policy is not known here', async () => {
    const { policies } = await open();
    expect(policies.learn(verdict)).toBeUndefined();
    expect(policies.set(key, form('3'))).toEqual(form('3'));
    expect(policies.learn({ ...verdict, accepted: [form('3'), form('1')] })).toBeUndefined();
    expect(policies.set(key, form('2'))).toEqual(form('3'));
  });

  test('does not undo a refusal that was seen here', async () => {
    const { policies } = await open();
    policies.set(key, form('2'));
    policies.reject(key, '2', 'no');
    expect(policies.learn({ key, accepted: [form('2')], rejected: {} })).toBeUndefined();
    expect(policies.isRejected(key, '2')).toBe(true);
  });
});

describe('a policy whose text is refused', () => {
  const refused: RefusedPolicy = {
    ...{ kind: 'RefusedPolicy', key, namespace: 'shop', name: 'cart', creationTimestampMs: 0 },
    ...{ hash: '9', targets: [], spokeOfMtls: true, spokeOfAuthorization: false },
  };

  test('is replaced by its last accepted form, if there is one', async () => {
    const { policies } = await open();
    expect(policies.set(key, refused)).toEqual(refused);
    expect(policies.learn({ key, accepted: [form('1')], rejected: {} })).toEqual(form('1'));
  });

  test('is not replaced by a form of another object of its name', async () => {
    const { policies } = await open();
    policies.set(key, { ...refused, creationTimestampMs: 5 });
    expect(policies.learn({ key, accepted: [form('1')], rejected: {} })).toBeUndefined();
  });
});

test('a damaged verdict file is reported and the others are loaded', async () => {
  const first = await open();
  first.policies.set(key, form('1'));
  first.policies.accept(key, '1', by);
  await first.flush();
  writeFileSync(join(directory, 'aaaa.json'), '{"key":');
  const errors: unknown[] = [];
  const store = createVerdictStore(directory, (error) => errors.push(error));
  expect(await store.load()).toHaveLength(1);
  expect(errors).toHaveLength(1);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
});
