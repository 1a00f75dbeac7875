/** What the delta protocol sends first, what waits for what, and what is not sent at all. */
import { describe, expect, test } from '@jest/globals';
import { typeUrls } from '../envoy/index.js';
import { sidecarRules } from './rules.js';
import type { XdsResource } from './resource.js';
import { createRig, words, type Rig } from './testing/rig.js';
import {
  cluster,
  endpoints,
  listener,
  noEndpoints,
  remove,
  route,
  set,
} from './testing/resources.js';

const { cluster: cds, endpoint: eds, listener: lds, route: rds } = typeUrls;

/** A client of cluster `a`, its endpoints and route `r`, which has all of `resources` and has had time to say so. */
function settledRig(resources: readonly XdsResource[]): Rig {
  const rig = createRig({ isDelta: true });
  rig.turn(set(resources));
  rig.delta(cds);
  rig.delta(eds, { subscribe: ['a'] });
  rig.delta(rds, { subscribe: ['r'] });
  rig.settle();
  rig.now += 2_000;
  return rig;
}

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
    const rig = settledRig([cluster('a'), endpoints('a'), cluster('b'), route('r', '1', 'a')]);
    rig.turn(set([cluster('a', '2'), noEndpoints('a', '2'), route('r', '2', 'b')]));
    expect(words(rig.settle())).toEqual(['+a=2', '+a=1', '+r=2', '+a=2']);
    expect(rig.settle()).toEqual([]);
  });

  test('a cluster in which nobody may answer any more is sent after the routes that leave it', () => {
    const rig = settledRig([cluster('a'), endpoints('a'), cluster('b'), route('r', '1', 'a')]);
    const nobody = { ...cluster('a', '2'), isEmpty: true };
    rig.turn(set([nobody, noEndpoints('a', '2'), route('r', '2', 'b')]));
    expect(words(rig.settle()).slice(0, 2)).toEqual(['+r=2', '+a=2']);
    expect(rig.settle()).toEqual([]);
  });

  test('endpoints that become none do not wait for a route that is refused', () => {
    const rig = settledRig([cluster('a'), endpoints('a'), route('r', '1', 'a')]);
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
