/** The delta protocol, rule by rule. */
import { describe, expect, test } from '@jest/globals';
import { typeUrls } from '../envoy/index.js';
import { sidecarRules } from './rules.js';
import { createRig, words } from './testing/rig.js';
import {
  cluster,
  endpoints,
  listener,
  noEndpoints,
  remove,
  route,
  secret,
  set,
  virtualHost,
} from './testing/resources.js';

const { cluster: cds, endpoint: eds, listener: lds, route: rds, secret: sds } = typeUrls;
const vhds = typeUrls.virtualHost;

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

describe('order', () => {
  test('one response of a type is unanswered at a time, and changes are merged meanwhile', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([cluster('a')]));
    rig.delta(cds);
    const [first] = rig.pump();
    for (const text of ['2', '3', '4']) rig.turn(set([cluster('a', text), cluster('b', text)]));
    expect(rig.pump()).toEqual([]);
    if (first !== undefined) rig.ack(first);
    expect(words(rig.settle())).toEqual(['+a=4', '+b=4']);
  });

  test('a route waits until its cluster has been answered, and removals come last', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([cluster('old'), endpoints('old'), route('r', '1', 'old')]));
    rig.delta(cds);
    rig.delta(rds, { subscribe: ['r'] });
    rig.settle();
    rig.now += 2_000;
    rig.turn([
      ...remove([cluster('old')]),
      ...set([cluster('new'), route('r', '2', 'new'), listener('l')]),
    ]);
    const steps: string[][] = [];
    for (;;) {
      const sent = rig.pump();
      if (sent.length === 0) break;
      steps.push([...words(sent)]);
      for (const response of sent) rig.ack(response);
    }
    expect(steps).toEqual([['+new=1'], ['+r=2'], ['-old']]);
  });

  test('changes that keep coming do not starve a route, nor let it overtake its cluster', () => {
    const rig = createRig({ isDelta: true });
    rig.delta(cds);
    rig.delta(rds, { subscribe: ['r'] });
    rig.settle();
    const clusters = new Set<string>();
    let routes = 0;
    for (let round = 0; round < 10; round += 1) {
      rig.turn(set([cluster(`c${round}`), route('r', String(round), `c${round}`)]));
      for (const response of rig.pump()) {
        for (const { name, refersTo } of response.resources) {
          if (response.typeUrl === cds) clusters.add(name);
          else routes += 1;
          for (const to of refersTo) expect(clusters).toContain(to);
        }
        rig.ack(response);
      }
    }
    expect(routes).toBeGreaterThanOrEqual(3);
  });

  test('a lost answer holds back other types for a bounded time', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([cluster('a'), listener('l')]));
    rig.delta(cds);
    rig.delta(lds);
    expect(words(rig.pump())).toEqual(['+a=1']);
    rig.now += 1_999;
    expect(rig.pump()).toEqual([]);
    rig.now += 1;
    expect(words(rig.pump())).toEqual(['+l=1']);
  });

  test('a lost answer holds back its own type for a bounded time', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([endpoints('a')]));
    rig.delta(eds, { subscribe: ['a'] });
    const [lost] = rig.pump();
    rig.turn(set([endpoints('a', '2')]));
    rig.now += 59_999;
    expect(rig.pump()).toEqual([]);
    rig.now += 1;
    expect(words(rig.pump())).toEqual(['+a=2']);
    // The late answer is no answer to the newer response.
    if (lost !== undefined) rig.ack(lost);
    rig.turn(set([endpoints('a', '3')]));
    expect(rig.pump()).toEqual([]);
  });

  test('endpoints do not wait for configuration', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([cluster('a'), cluster('b'), endpoints('a'), listener('l')]));
    rig.delta(cds);
    rig.delta(eds, { subscribe: ['a'] });
    rig.delta(lds);
    rig.settle();
    rig.turn(set([cluster('b', '2'), listener('l', '2')]));
    expect(words(rig.pump())).toEqual(['+b=2']);
    rig.turn(set([endpoints('a', '2')]));
    expect(words(rig.pump())).toEqual(['+a=2']);
  });

  test('endpoints that become none are sent when routes have had time to lead elsewhere', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(
      set([cluster('a'), endpoints('a'), cluster('b'), endpoints('b'), route('r', '1', 'a')]),
    );
    rig.delta(cds);
    rig.delta(eds, { subscribe: ['a', 'b'] });
    rig.delta(rds, { subscribe: ['r'] });
    rig.settle();
    rig.now += 2_000;
    rig.turn(set([noEndpoints('a', '2'), endpoints('b', '2'), route('r', '2', 'b')]));
    expect(words(rig.settle())).toEqual(['+b=2', '+r=2', '+a=2']);
    rig.turn(set([endpoints('a', '3')]));
    expect(words(rig.settle())).toEqual(['+a=3']);
    rig.turn(set([noEndpoints('a', '4')]));
    expect(words(rig.settle())).toEqual(['+a=4']);
  });

  test('a changed cluster gets the endpoints that still work, before they become none', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([cluster('a'), endpoints('a'), cluster('b'), route('r', '1', 'a')]));
    rig.delta(cds);
    rig.delta(eds, { subscribe: ['a'] });
    rig.delta(rds, { subscribe: ['r'] });
    rig.settle();
    rig.now += 2_000;
    rig.turn(set([cluster('a', '2'), noEndpoints('a', '2'), route('r', '2', 'b')]));
    expect(words(rig.settle())).toEqual(['+a=2', '+a=1', '+r=2', '+a=2']);
    expect(rig.settle()).toEqual([]);
  });

  test('a cluster in which nobody may answer any more is sent after the routes that leave it', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([cluster('a'), endpoints('a'), cluster('b'), route('r', '1', 'a')]));
    rig.delta(cds);
    rig.delta(eds, { subscribe: ['a'] });
    rig.delta(rds, { subscribe: ['r'] });
    rig.settle();
    rig.now += 2_000;
    const nobody = { ...cluster('a', '2'), isEmpty: true };
    rig.turn(set([nobody, noEndpoints('a', '2'), route('r', '2', 'b')]));
    expect(words(rig.settle()).slice(0, 2)).toEqual(['+r=2', '+a=2']);
    expect(rig.settle()).toEqual([]);
  });

  test('endpoints that become none do not wait for a route that is refused', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([cluster('a'), endpoints('a'), route('r', '1', 'a')]));
    rig.delta(cds);
    rig.delta(eds, { subscribe: ['a'] });
    rig.delta(rds, { subscribe: ['r'] });
    rig.settle();
    rig.now += 2_000;
    rig.turn(set([noEndpoints('a', '2'), route('r', 'bad', 'a')]));
    const [sent] = rig.pump();
    if (sent === undefined) throw new Error('nothing was sent');
    rig.nack(sent, 'no');
    expect(words(rig.settle())).toEqual(['+a=2']);
  });

  test('the endpoints of a changed cluster are sent again right after it (go-control-plane#245, envoy#46383)', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([cluster('a'), endpoints('a')]));
    rig.delta(cds);
    rig.delta(eds, { subscribe: ['a'] });
    rig.settle();
    rig.turn(set([cluster('a', '2')]));
    expect(rig.pump().map(({ typeUrl }) => typeUrl)).toEqual([cds, eds]);
  });

  test('endpoints that need a changed cluster do not overtake it, but never keep it warming', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([cluster('a'), endpoints('a')]));
    rig.delta(cds);
    rig.delta(eds, { subscribe: ['a'] });
    rig.settle();
    rig.turn(set([cluster('a', '2')]));
    const [changed, again] = rig.pump();
    if (again !== undefined) rig.ack(again);
    // Cluster and endpoints of generation 3 belong together; the ACK of the cluster is still out.
    rig.turn(set([cluster('a', '3'), endpoints('a', '3')]));
    expect(rig.pump()).toEqual([]);
    if (changed !== undefined) rig.ack(changed);
    expect(words(rig.pump())).toEqual(['+a=3', '+a=3']);
  });

  test('32 types on one stream all get their answers (go-control-plane#875)', () => {
    const rig = createRig({ isDelta: true });
    const urls = Array.from({ length: 32 }, (_, at) => `type.googleapis.com/test.T${at}`);
    rig.turn(
      urls.map((typeUrl) => ({ ...set([listener('x')])[0], typeUrl, name: 'x', scope: 'mesh' })),
    );
    for (const url of urls) rig.delta(url, { subscribe: ['x'] });
    expect(rig.pump()).toHaveLength(32);
  });

  test('types beyond the bound end the stream', () => {
    const rig = createRig({ isDelta: true });
    for (let at = 0; at < 64; at += 1) rig.delta(`type.googleapis.com/test.T${at}`);
    const beyond = {
      ...{ node: undefined, type_url: 'type.googleapis.com/test.T64', response_nonce: '' },
      ...{ resource_names_subscribe: [], resource_names_unsubscribe: [] },
      ...{ initial_resource_versions: new Map(), error_detail: undefined },
    };
    expect(rig.state.receiveDelta(beyond)).toBe(false);
  });

  test('large answers are split, one response unanswered at a time', () => {
    const rules = sidecarRules({ vhdsEmptyAnswer: [], maxResponseBytes: 10_000 });
    const rig = createRig({ isDelta: true, rules });
    const all = Array.from({ length: 20 }, (_, at) => cluster(`c${at}`, 'x'.repeat(1_000)));
    rig.turn(set(all));
    rig.delta(cds);
    expect(rig.pump()).toHaveLength(1);
    rig.delta(cds, { nonce: '1' });
    const rest = rig.settle();
    expect(rest.length).toBeGreaterThan(1);
    for (const { resources } of rest) expect(resources.length).toBeLessThan(10);
    expect(rig.acked).toHaveLength(20);
  });
});

describe('no-ops', () => {
  test('a change to the same bytes pushes nothing (istio#48025)', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([cluster('a')]));
    rig.delta(cds);
    rig.settle();
    for (let at = 0; at < 1_000; at += 1) rig.turn(set([cluster('a')]));
    expect(rig.settle()).toEqual([]);
    expect(rig.state.snapshot().types[0]).toMatchObject({ responsesSent: 1, bodiesSent: 1 });
  });

  test('a change and its opposite while an answer is out push nothing', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([cluster('a'), cluster('b')]));
    rig.delta(cds);
    rig.settle();
    rig.turn(set([cluster('a', '2')]));
    const [out] = rig.pump();
    rig.turn(set([cluster('b', '2')]));
    rig.turn(set([cluster('b')]));
    if (out !== undefined) rig.ack(out);
    expect(rig.settle()).toEqual([]);
  });
});
