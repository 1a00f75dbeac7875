/** The delta protocol, rule by rule: subscriptions, missing names and reconnecting. */
import { describe, expect, test } from '@jest/globals';
import { typeUrls } from '../envoy/index.js';
import { sidecarRules } from './rules.js';
import { createRig, words } from './testing/rig.js';
import {
  cluster,
  endpoints,
  listener,
  remove,
  route,
  secret,
  set,
  virtualHost,
} from './testing/resources.js';

const { cluster: cds, endpoint: eds, route: rds, secret: sds, virtualHost: vhds } = typeUrls;

describe('subscriptions', () => {
  test('an empty first request is a wildcard over eager resources', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([cluster('a'), cluster('b', '1', false)]));
    rig.delta(cds);
    expect(words(rig.settle())).toEqual(['+a=1']);
  });

  test('a wildcard over nothing is answered, so that the client can go on', () => {
    const rig = createRig({ isDelta: true });
    rig.delta(cds);
    expect(rig.settle()).toMatchObject([{ typeUrl: cds, resources: [], removed: [] }]);
    expect(rig.settle()).toEqual([]);
  });

  test.each([[[]], [['*']]])(
    'a VHDS wildcard %j over nothing is answered by a removed name',
    (subscribe) => {
      const rig = createRig({ isDelta: true });
      rig.delta(vhds, { subscribe });
      expect(words(rig.settle())).toEqual(['-http/_']);
    },
  );

  test('the wildcard and names live side by side', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([cluster('a'), cluster('b', '1', false)]));
    rig.delta(cds, { subscribe: ['*', 'b'] });
    expect(words(rig.settle())).toEqual(['+a=1', '+b=1']);
    rig.turn(set([cluster('c'), cluster('b', '2', false)]));
    expect(words(rig.settle()).toSorted()).toEqual(['+b=2', '+c=1']);
  });

  test('names in the first request are no wildcard, and a later star is one (envoy#16063)', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([cluster('a'), cluster('b')]));
    rig.delta(cds, { subscribe: ['a'] });
    expect(words(rig.settle())).toEqual(['+a=1']);
    rig.delta(cds, { subscribe: ['*'] });
    expect(words(rig.settle())).toEqual(['+b=1']);
    rig.turn(set([cluster('new')]));
    expect(words(rig.settle())).toEqual(['+new=1']);
  });

  test('a name subscribed to again is answered again (envoy#22418)', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([endpoints('a')]));
    rig.delta(eds, { subscribe: ['a'] });
    expect(words(rig.settle())).toEqual(['+a=1']);
    rig.delta(eds, { subscribe: ['a'] });
    expect(words(rig.settle())).toEqual(['+a=1']);
  });

  test('a name that the wildcard still covers is sent again when it is unsubscribed', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([cluster('a'), cluster('lazy', '1', false)]));
    rig.delta(cds, { subscribe: ['*', 'a', 'lazy'] });
    rig.settle();
    rig.now += 2_000;
    rig.delta(cds, { unsubscribe: ['a', 'lazy'] });
    expect(words(rig.settle()).toSorted()).toEqual(['+a=1', '-lazy']);
  });

  test('an unsubscription of what was never asked for changes nothing', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([endpoints('a')]));
    rig.delta(eds, { subscribe: ['a'] });
    rig.settle();
    rig.delta(eds, { unsubscribe: ['phantom'] });
    expect(rig.settle()).toEqual([]);
    rig.turn(set([endpoints('a', '2')]));
    expect(words(rig.settle())).toEqual(['+a=2']);
  });

  test('nothing of an unsubscribed name is sent any more', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([endpoints('a')]));
    rig.delta(eds, { subscribe: ['a'] });
    rig.settle();
    rig.delta(eds, { unsubscribe: ['a'] });
    rig.turn(set([endpoints('a', '2')]));
    expect(rig.settle()).toEqual([]);
  });

  test('a stale nonce does not lose the names that come with it', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([endpoints('a'), endpoints('b')]));
    rig.delta(eds, { subscribe: ['a'] });
    const [first] = rig.pump();
    rig.delta(eds, { subscribe: ['b'], nonce: 'of another stream' });
    expect(rig.pump()).toEqual([]);
    if (first !== undefined) rig.ack(first);
    expect(words(rig.settle())).toEqual(['+b=1']);
  });

  test('two subscriptions at one version are both answered (go-control-plane#399)', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([endpoints('a'), endpoints('b')]));
    rig.delta(eds, { subscribe: ['a'] });
    rig.settle();
    rig.delta(eds, { subscribe: ['b'] });
    expect(words(rig.settle())).toEqual(['+b=1']);
  });

  test('names beyond the bound are counted and not watched', () => {
    const rules = sidecarRules({ vhdsEmptyAnswer: [], maxNames: 2 });
    const rig = createRig({ isDelta: true, rules });
    rig.delta(cds, { subscribe: ['a', 'b', 'c', 'd'] });
    expect(rig.demands).toEqual(['+a', '+b', '!2']);
  });
});

describe('missing names', () => {
  test('a missing name is answered once, together with the others, and later sent (go-control-plane#1318)', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([endpoints('foo')]));
    rig.delta(eds, { subscribe: ['foo', 'missing'] });
    const sent = rig.settle();
    expect(sent).toHaveLength(1);
    expect(words(sent)).toEqual(['+foo=1', '-missing']);
    rig.turn(set([endpoints('other')]));
    expect(rig.settle()).toEqual([]);
    rig.turn(set([endpoints('missing')]));
    expect(words(rig.settle())).toEqual(['+missing=1']);
  });

  test('a name that was answered as removed can be created, updated and removed again (go-control-plane#488)', () => {
    const rig = createRig({ isDelta: true });
    rig.delta(rds, { subscribe: ['r'] });
    const seen = [words(rig.settle())];
    for (const text of ['1', '2']) {
      rig.turn(set([route('r', text)]));
      seen.push(words(rig.settle()));
    }
    rig.turn(remove([route('r')]));
    seen.push(words(rig.settle()));
    rig.turn(set([route('r', '3')]));
    seen.push(words(rig.settle()));
    expect(seen).toEqual([['-r'], ['+r=1'], ['+r=2'], ['-r'], ['+r=3']]);
  });

  test('an on-demand cluster is told to the outside and never answered as removed', () => {
    const rig = createRig({ isDelta: true });
    rig.delta(cds, { subscribe: ['http|10.0.0.1:80'] });
    expect(rig.demands).toEqual(['+http|10.0.0.1:80']);
    expect(rig.settle()).toEqual([]);
    rig.turn(set([cluster('http|10.0.0.1:80', '1', false)]));
    expect(words(rig.settle())).toEqual(['+http|10.0.0.1:80=1']);
    rig.turn(remove([cluster('http|10.0.0.1:80')]));
    expect(rig.settle()).toEqual([]);
  });

  test('demand is taken back by unsubscription and by the end of the stream', () => {
    const rig = createRig({ isDelta: true });
    rig.delta(cds, { subscribe: ['a', 'b'] });
    rig.delta(cds, { unsubscribe: ['a'] });
    rig.state.end();
    expect(rig.demands).toEqual(['+a', '+b', '-a', '-b']);
  });

  test('an unknown virtual host is answered by its own alias without a body, and sent when it exists', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([virtualHost('http/a')]));
    rig.delta(vhds, { subscribe: ['*'] });
    rig.settle();
    rig.delta(vhds, { subscribe: ['http/evil.example'] });
    const sent = rig.settle();
    expect(words(sent)).toEqual(['?http/evil.example']);
    expect(sent[0]?.resources[0]?.aliases).toEqual(['http/evil.example']);
    rig.turn(set([virtualHost('http/evil.example', '2', 'none', false)]));
    expect(words(rig.settle())).toEqual(['+http/evil.example=2']);
  });

  test('a secret that comes late is waited for, not answered as removed (envoy#14000)', () => {
    const rig = createRig({ isDelta: true });
    rig.delta(sds, { subscribe: ['default'] });
    expect(rig.settle()).toEqual([]);
    rig.now += 20_000;
    rig.turn(set([secret('default')]));
    expect(words(rig.settle())).toEqual(['+default=1']);
  });
});

describe('reconnecting', () => {
  test('what the client holds is not sent, what changed is, what is gone is removed (istio#41494, envoy#20699)', () => {
    const rig = createRig({ isDelta: true });
    const [same, changed] = [cluster('same'), cluster('changed', '2')];
    rig.turn(set([same, changed, cluster('new')]));
    rig.delta(cds, {
      initial: { same: same.version, changed: 'older', gone: 'any' },
    });
    const first = rig.settle();
    rig.now += 2_000;
    expect(words([...first, ...rig.settle()]).toSorted()).toEqual([
      '+changed=2',
      '+new=1',
      '-gone',
    ]);
    expect(rig.acked.map(({ name }) => name)).toContain('same');
  });

  test('what is gone is not removed before the client had time to say what else it holds', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([route('r', '2', 'new'), cluster('new')]));
    rig.delta(cds, { initial: { old: 'any' } });
    expect(words(rig.settle())).toEqual(['+new=1']);
    rig.now += 1_999;
    rig.delta(rds, { subscribe: ['r'], initial: { r: 'names old' } });
    expect(words(rig.settle())).toEqual(['+r=2']);
    expect(rig.state.isWaiting()).toBe(true);
    rig.now += 1;
    expect(words(rig.settle())).toEqual(['-old']);
  });

  test('nothing at all is sent when nothing has changed', () => {
    const rig = createRig({ isDelta: true });
    const all = [cluster('a'), endpoints('a'), listener('l'), route('r'), virtualHost('http/a')];
    rig.turn(set(all));
    for (const one of all) {
      const isNamed = one.typeUrl === eds || one.typeUrl === rds;
      rig.delta(one.typeUrl, {
        subscribe: isNamed ? [one.name] : [],
        initial: { [one.name]: one.version },
      });
    }
    expect(rig.settle()).toEqual([]);
    expect(rig.acked).toHaveLength(all.length);
  });

  test('on-demand names are told to the outside and not sent again when they come back the same', () => {
    const rig = createRig({ isDelta: true });
    const lazy = cluster('lazy', '1', false);
    rig.delta(cds, { subscribe: ['*', 'lazy', 'never'], initial: { lazy: lazy.version } });
    expect(rig.demands).toEqual(['+lazy', '+never']);
    expect(words(rig.settle())).toEqual([]);
    rig.turn(set([lazy]));
    expect(rig.settle()).toEqual([]);
    expect(rig.acked).toEqual([lazy]);
  });

  test('a name that was missing before the reconnect is answered', () => {
    const rig = createRig({ isDelta: true });
    const a = endpoints('a');
    rig.turn(set([a]));
    rig.delta(eds, { subscribe: ['a', 'missing'], initial: { a: a.version } });
    expect(words(rig.settle())).toEqual(['-missing']);
  });
});
