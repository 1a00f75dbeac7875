/** What sidecars' answers do to a new form of a policy: alone, together, in time, and over several control planes. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { typeUrls } from '../envoy/index.js';
import { silentLogger } from '../lib/index.js';
import { policyKey, type PolicyKey, type TrafficPolicy } from '../model/index.js';
import type { XdsResource } from '../xds/index.js';
import {
  createEffectivePolicies,
  mergeJudgements,
  type EffectivePolicies,
  type PolicyVerdict,
} from './effective-policies.js';
import { answerMs, createPolicyGate, type PolicyGate } from './policy-gate.js';

const key = policyKey('shop', 'cart');
/** `SKERRY_RUNS=30000` for more. */
const numRuns = Number(process.env['SKERRY_RUNS'] ?? 100);
const attacker = 'robbed/app';
const { listener: lds, cluster: cds } = typeUrls;

function form(hash: string): TrafficPolicy {
  return {
    ...{ kind: 'TrafficPolicy', key, namespace: 'shop', name: 'cart', creationTimestampMs: 0 },
    ...{ hash, mode: 'Enforce', targets: [{ kind: 'Namespace' }] },
  };
}

function made(typeUrl: string, hash: string): XdsResource {
  return {
    ...{ typeUrl, name: 'one', version: hash, bytes: new Uint8Array(), isEager: true },
    origins: [{ object: 'Service shop/cart' }, { object: `TrafficPolicy ${key}`, hash }],
  };
}

let nowMs: number;
let timers: readonly { readonly atMs: number; readonly task: () => void }[];
/** What is kept outside of the process. */
let kept: Map<PolicyKey, PolicyVerdict>;
/** Who else hears of what is kept. */
let planes: ControlPlane[];
/** Whether the policy reaches one namespace alone. */
let isLocal: boolean;

beforeEach(() => {
  [nowMs, timers, planes, isLocal] = [0, [], [], false];
  kept = new Map();
});

function pass(ms: number): void {
  nowMs += ms;
  const due = timers.filter(({ atMs }) => atMs <= nowMs);
  timers = timers.filter((one) => !due.includes(one));
  for (const { task } of due) task();
}

interface ControlPlane {
  readonly gate: PolicyGate;
  readonly policies: EffectivePolicies;
  write(hash: string): void;
  accepts(identity: string, hash: string, typeUrl?: string): void;
  refuses(identity: string, hash: string, typeUrl?: string): void;
  /** The hash in force; `closed` where there is none. */
  inForce(): string | undefined;
}

/** One that starts with what is kept, and hears of what the others keep. */
function start(): ControlPlane {
  const waiting: PolicyVerdict[] = [];
  const policies = createEffectivePolicies([...kept.values()], {
    save: (verdict) => {
      waiting.push(verdict);
      if (waiting.length > 1) return;
      for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
        const former = kept.get(next.key) ?? { accepted: [], rejected: {} };
        const merged = { key: next.key, ...mergeJudgements(next, former) };
        kept.set(next.key, merged);
        for (const other of planes) if (other !== own) other.gate.learn(merged);
        waiting.shift();
      }
    },
    forget: (gone) => kept.delete(gone),
  });
  const gate = createPolicyGate({
    ...{ policies, loop: { putPolicy: () => undefined }, logger: silentLogger },
    clock: {
      after: (delayMs, task) => {
        const timer = { atMs: nowMs + delayMs, task };
        timers = [...timers, timer];
        return () => {
          timers = timers.filter((one) => one !== timer);
        };
      },
    },
    reachesOnly: () => isLocal,
  });
  const own: ControlPlane = {
    ...{ gate, policies },
    write: (hash) => {
      gate.set(key, form(hash));
    },
    accepts: (identity, hash, typeUrl = lds) => {
      gate.accepted({ identity, typeUrl, resources: [made(typeUrl, hash)] });
    },
    refuses: (identity, hash, typeUrl = lds) => {
      gate.rejected(
        { identity, typeUrl, resources: [made(typeUrl, hash)] },
        `no, says ${identity}`,
      );
    },
    inForce: () => {
      const found = policies.inForce(key);
      return found?.kind === 'RefusedPolicy' ? 'closed' : found?.hash;
    },
  };
  planes.push(own);
  return own;
}

/** One on which everybody has accepted form `1`, and form `2` has just been written. */
function startWithGoodForm(): ControlPlane {
  const plane = start();
  plane.write('1');
  for (const identity of ['shop/cart', 'web/front']) plane.accepts(identity, '1');
  plane.write('2');
  return plane;
}

describe('one identity that refuses a new form', () => {
  test('before another accepts it holds it back from nobody', () => {
    const plane = startWithGoodForm();
    plane.refuses(attacker, '2');
    expect(plane.inForce()).toBe('2');
    plane.accepts('shop/cart', '2');
    pass(answerMs);
    expect(plane.inForce()).toBe('2');
  });

  test('after another has accepted it holds it back from nobody', () => {
    const plane = startWithGoodForm();
    plane.accepts('shop/cart', '2');
    for (const typeUrl of [lds, cds]) plane.refuses(attacker, '2', typeUrl);
    pass(answerMs);
    expect(plane.inForce()).toBe('2');
  });

  test('is named with its words until somebody accepts such a resource', () => {
    const plane = startWithGoodForm();
    plane.refuses(attacker, '2');
    const [found] = plane.policies.diagnostics();
    expect(found).toMatchObject({ code: 'Rejected', severity: 'warning' });
    expect(found?.message).toContain('robbed/app (no, says robbed/app)');
    expect(plane.policies.isRefused(key, '2')).toBe(true);
    plane.accepts('shop/cart', '2');
    expect(plane.policies.diagnostics()).toEqual([]);
  });

  test('decides when nobody else says anything in time', () => {
    const plane = startWithGoodForm();
    plane.refuses('shop/cart', '2');
    pass(answerMs - 1);
    expect(plane.inForce()).toBe('2');
    pass(1);
    expect(plane.inForce()).toBe('1');
    expect(plane.policies.diagnostics()).toMatchObject([{ code: 'Rejected', severity: 'error' }]);
  });

  test('does not decide any more when a late one accepts, whatever it says again', () => {
    const plane = startWithGoodForm();
    plane.refuses(attacker, '2');
    pass(answerMs);
    expect(plane.inForce()).toBe('1');
    plane.accepts('shop/cart', '2');
    expect(plane.inForce()).toBe('2');
    plane.refuses(attacker, '2', cds);
    pass(answerMs);
    expect(plane.inForce()).toBe('2');
  });

  test('of a form without a good one closes its targets only when nobody accepts it', () => {
    const plane = start();
    plane.write('1');
    plane.refuses(attacker, '1');
    expect(plane.inForce()).toBe('1');
    pass(answerMs);
    expect(plane.inForce()).toBe('closed');
  });

  test('says nothing of a text that was written in the meantime', () => {
    const plane = startWithGoodForm();
    plane.refuses(attacker, '2');
    plane.write('3');
    expect(timers).toEqual([]);
    plane.refuses(attacker, '2');
    pass(answerMs);
    expect(plane.inForce()).toBe('3');
  });
});

describe('two identities that refuse a new form', () => {
  test('condemn it for all at once', () => {
    const plane = startWithGoodForm();
    plane.refuses('web/front', '2');
    plane.refuses('shop/cart', '2');
    expect(plane.inForce()).toBe('1');
    // Who accepts it late was sent it before.
    plane.accepts('depot/app', '2');
    expect(plane.inForce()).toBe('1');
  });

  test('of one namespace decide at once for that namespace, and for others like one', () => {
    const plane = startWithGoodForm();
    for (const identity of ['robbed/app', 'robbed/other']) plane.refuses(identity, '2');
    expect(plane.inForce()).toBe('2');
    plane.accepts('shop/cart', '2');
    pass(answerMs);
    expect(plane.inForce()).toBe('2');
    isLocal = true;
    plane.write('3');
    for (const identity of ['robbed/app', 'robbed/other']) plane.refuses(identity, '3');
    expect(plane.inForce()).toBe('2');
  });

  test('do not undo what was accepted before in such resources', () => {
    const plane = startWithGoodForm();
    plane.accepts('shop/cart', '2');
    for (const identity of ['web/front', attacker]) plane.refuses(identity, '2');
    expect(plane.inForce()).toBe('2');
  });
});

describe('a control plane that starts', () => {
  test('lets the first who connects undo nothing that was in force', () => {
    const first = startWithGoodForm();
    first.accepts('shop/cart', '2');
    planes = [];
    const next = start();
    next.write('2');
    next.refuses(attacker, '2');
    pass(answerMs);
    expect(next.inForce()).toBe('2');
  });

  test('keeps what was condemned for one identity, and lifts it as before', () => {
    const first = startWithGoodForm();
    first.refuses(attacker, '2');
    pass(answerMs);
    planes = [];
    const next = start();
    next.write('2');
    expect(next.inForce()).toBe('1');
    next.accepts('shop/cart', '2');
    expect(next.inForce()).toBe('2');
  });
});

describe('of two control planes', () => {
  function pair(): readonly [ControlPlane, ControlPlane] {
    const both = [start(), start()] as const;
    for (const plane of both) plane.write('1');
    for (const plane of both) plane.accepts('shop/cart', '1');
    for (const plane of both) plane.write('2');
    return both;
  }
  const inForce = (planesNow: readonly ControlPlane[]): readonly (string | undefined)[] =>
    planesNow.map((plane) => plane.inForce());

  test.each(['before', 'after'])(
    'one hears that a sidecar of the other has accepted, %s the refusal',
    (order) => {
      const both = pair();
      if (order === 'before') both[1].accepts('shop/cart', '2');
      both[0].refuses(attacker, '2');
      if (order === 'after') both[1].accepts('shop/cart', '2');
      pass(answerMs);
      expect(inForce(both)).toEqual(['2', '2']);
    },
  );

  test('two identities are two, whoever serves them', () => {
    const both = pair();
    both[0].refuses('web/front', '2');
    expect(inForce(both)).toEqual(['2', '2']);
    both[1].refuses('shop/cart', '2');
    expect(inForce(both)).toEqual(['1', '1']);
  });

  test('both go back for one identity that nobody contradicts', () => {
    const both = pair();
    both[0].refuses('shop/cart', '2');
    pass(answerMs);
    expect(inForce(both)).toEqual(['1', '1']);
  });

  test('what the attacker accepts with one, and refuses with the other, is in force', () => {
    const both = pair();
    both[1].accepts(attacker, '2', cds);
    both[1].accepts('shop/cart', '2', cds);
    both[0].refuses(attacker, '2', cds);
    pass(answerMs);
    expect(inForce(both)).toEqual(['2', '2']);
  });
});

describe('whatever one identity says, to whichever control plane, however late and often', () => {
  const said = fc.record({
    ...{ plane: fc.constantFrom(0, 1), typeUrl: fc.constantFrom(lds, cds) },
    ...{ isRefusal: fc.boolean(), afterMs: fc.nat(answerMs - 1) },
  });

  test('what another accepts in time is in force in the end, and never undone', () => {
    fc.assert(
      fc.property(
        fc.array(said, { maxLength: 12 }),
        fc.record({ plane: fc.constantFrom(0, 1), typeUrl: fc.constantFrom(lds, cds) }),
        fc.nat(answerMs - 1),
        fc.boolean(),
        (attack, honest, atMs, hasRestarted) => {
          [nowMs, timers, planes] = [0, [], []];
          kept = new Map();
          let both = [start(), start()] as const;
          for (const plane of both) plane.write('1');
          for (const plane of both) plane.accepts('shop/cart', '1');
          for (const plane of both) plane.write('2');
          const attackOnce = ({ plane, typeUrl, isRefusal }: (typeof attack)[number]): void => {
            if (isRefusal) both[plane].refuses(attacker, '2', typeUrl);
            else both[plane].accepts(attacker, '2', typeUrl);
          };
          // As all are sent it at the same time, whoever refuses first is not waited for longer.
          for (const one of attack) if (one.afterMs <= atMs) attackOnce(one);
          pass(atMs);
          both[honest.plane].accepts('shop/cart', '2', honest.typeUrl);
          const isInForce = (): boolean => both.every((plane) => plane.inForce() === '2');
          pass(answerMs);
          expect(isInForce()).toBe(true);
          if (hasRestarted) {
            planes = [];
            both = [start(), start()];
            for (const plane of both) plane.write('2');
          }
          for (const one of attack) {
            attackOnce(one);
            expect(isInForce()).toBe(true);
            pass(one.afterMs);
            expect(isInForce()).toBe(true);
          }
          pass(answerMs);
          expect(isInForce()).toBe(true);
        },
      ),
      { numRuns },
    );
  });
});

test('what is known and awaited goes with the policy', () => {
  const plane = startWithGoodForm();
  plane.refuses(attacker, '2');
  expect(timers).toHaveLength(1);
  plane.gate.set(key, undefined);
  expect([timers, kept.size, plane.policies.answers(key).refused]).toEqual([[], 0, []]);
});

test('whoever refuses each new text of a policy fills nothing', () => {
  const plane = startWithGoodForm();
  for (let count = 3; count < 100; count += 1) {
    plane.write(String(count));
    plane.refuses(attacker, String(count));
  }
  expect(timers).toHaveLength(1);
  expect(Object.keys(kept.get(key)?.answers ?? {}).length).toBeLessThanOrEqual(4);
});
