/** How far a stream has come: what is in force at its client, and what is only on its way. */
import { describe, expect, test } from '@jest/globals';
import { typeUrls } from '../envoy/index.js';
import { createRig, testRules, type Rig } from './testing/rig.js';
import { cluster, listener, remove, route, set, virtualHost } from './testing/resources.js';

const { cluster: cds, listener: lds, route: rds, virtualHost: vhds } = typeUrls;
const contents = [cluster('c'), listener('in'), { ...route('r'), isEager: true }, virtualHost('v')];

/** A client that has asked for everything and holds it. */
function complete(): Rig {
  const rig = createRig({ isDelta: true });
  rig.turn(set(contents));
  rig.delta(cds);
  rig.delta(lds);
  rig.delta(rds, { subscribe: ['r'] });
  rig.delta(vhds);
  rig.settle();
  return rig;
}

describe('completeness', () => {
  test('a stream is complete when every pushed resource is held, whatever was asked for so far', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set(contents));
    const seen: boolean[] = [];
    const look = (): void => void seen.push(rig.state.standing().isComplete());
    look();
    rig.delta(cds);
    rig.settle();
    look();
    rig.delta(lds);
    rig.settle();
    look();
    rig.delta(rds, { subscribe: ['r'] });
    rig.settle();
    look();
    rig.delta(vhds);
    rig.pump();
    look();
    expect(seen).toEqual([false, false, false, false, false]);
    expect(complete().state.standing().isComplete()).toBe(true);
  });

  test('a stream that holds as many as are pushed, but an older form of one, is not complete', () => {
    const rig = complete();
    rig.turn(set([cluster('c', '2')]));
    expect(rig.state.standing().isComplete()).toBe(false);
    rig.settle();
    expect(rig.state.standing().isComplete()).toBe(true);
    rig.turn(set([cluster('d')]));
    expect(rig.state.standing().isComplete()).toBe(false);
  });

  test('a client that reconnects with what it has is complete at once', () => {
    const first = complete();
    const rig = createRig({ isDelta: true, cache: first.cache });
    const versions = Object.fromEntries(contents.map((one) => [one.typeUrl, one]));
    for (const [typeUrl, { name, version }] of Object.entries(versions)) {
      const subscribe = typeUrl === rds ? ['r'] : [];
      rig.delta(typeUrl, { subscribe, initial: { [name]: version } });
    }
    expect(rig.settle()).toEqual([]);
    expect(rig.state.standing().isComplete()).toBe(true);
  });

  test('what was refused, and what only the refused would ask for, is not waited for', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set(contents));
    rig.delta(cds);
    rig.settle();
    rig.delta(lds);
    for (const response of rig.pump()) rig.nack(response, 'no');
    rig.settle();
    const standing = rig.state.standing();
    expect(standing.refused).toMatchObject([{ resource: { name: 'in' }, message: 'no' }]);
    expect(standing.isComplete()).toBe(true);
  });

  test('a client of the state of the world is not expected to ask for virtual hosts', () => {
    const rig = createRig({ isDelta: false });
    rig.turn(set(contents));
    rig.sotw(cds);
    rig.settle();
    rig.sotw(lds);
    rig.settle();
    rig.sotw(rds, ['r']);
    rig.settle();
    expect(rig.state.standing().isComplete()).toBe(true);
  });
});

describe('the generation that is answered', () => {
  test('is the newest before a change that waits, and the newest once it is accepted or refused', () => {
    const rig = complete();
    expect(rig.state.standing().answeredGeneration).toBe(1);
    rig.turn(set([{ ...route('r', '2'), isEager: true }]));
    expect(rig.state.standing().answeredGeneration).toBe(1);
    rig.turn(set([virtualHost('v', '2')]));
    const [first] = rig.pump();
    expect(rig.state.standing().answeredGeneration).toBe(1);
    if (first !== undefined) rig.ack(first);
    for (const response of rig.pump()) rig.nack(response, 'no');
    expect(rig.state.standing().answeredGeneration).toBe(3);
  });

  test('waits for an answer that is overdue, although the protocol goes on', () => {
    const rig = complete();
    rig.turn(set([{ ...route('r', '2'), isEager: true }]));
    const sent = rig.pump();
    expect(sent).toHaveLength(1);
    rig.now += testRules.lostAckMs + 1;
    rig.pump();
    expect(rig.state.snapshot().settledGeneration).toBe(2);
    expect(rig.state.standing().answeredGeneration).toBe(1);
    for (const response of sent) rig.ack(response);
    expect(rig.state.standing().answeredGeneration).toBe(2);
  });

  test('does not wait for the removal of what nothing refers to', () => {
    const rig = complete();
    rig.turn(remove([cluster('c')]));
    rig.pump();
    expect(rig.state.snapshot().settledGeneration).toBe(1);
    expect(rig.state.standing().answeredGeneration).toBe(2);
  });
});

describe('replacements', () => {
  test('a listener that takes the place of another is noted when it is accepted, a first one is not', () => {
    const rig = complete();
    expect(rig.state.standing().replaced).toEqual([]);
    rig.turn(set([listener('in', '2')]));
    const sent = rig.pump();
    expect(rig.state.standing().replaced).toEqual([]);
    rig.now += 7;
    for (const response of sent) rig.ack(response);
    expect(rig.state.standing().replaced).toEqual([{ generation: 2, atMs: rig.now }]);
  });

  test('a new route replaces nothing that drains', () => {
    const rig = complete();
    rig.turn(set([{ ...route('r', '2'), isEager: true }, virtualHost('v', '2')]));
    rig.settle();
    expect(rig.state.standing().replaced).toEqual([]);
  });

  test('a listener that goes is noted', () => {
    const rig = complete();
    rig.turn(remove([listener('in')]));
    rig.settle();
    expect(rig.state.standing().replaced).toHaveLength(1);
  });

  test('a client that reconnects with an older listener replaces it', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set(contents));
    rig.delta(cds);
    rig.delta(lds, { initial: { in: listener('in', '0').version } });
    rig.settle();
    expect(rig.state.standing().replaced).toHaveLength(1);
  });
});
