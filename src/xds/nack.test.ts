/** What a NACK does, and what it does not. */
import { describe, expect, test } from '@jest/globals';
import { typeUrls } from '../envoy/index.js';
import { blame, isolationGroups } from './nack.js';
import { createRig, words, type Rig } from './testing/rig.js';
import { cluster, listener, remove, route, set, virtualHost } from './testing/resources.js';

const { cluster: cds, listener: lds, route: rds, virtualHost: vhds } = typeUrls;

/** Answers as Envoy does for virtual hosts: one bad one refuses the response, and nobody is named. */
function settleRefusing(rig: Rig, bad: (text: string) => boolean): readonly (readonly string[])[] {
  const steps: (readonly string[])[] = [];
  for (;;) {
    const sent = rig.pump();
    if (sent.length === 0) return steps;
    for (const response of sent) {
      steps.push(words([response]));
      const isBad = response.resources.some(({ text }) => bad(text ?? ''));
      if (isBad) rig.nack(response, 'Only unique values for domains are permitted');
      else rig.ack(response);
    }
  }
}

describe('the text of a NACK', () => {
  test.each([
    ['Error adding/updating cluster(s) bad: Invalid path', ['good', 'bad'], ['bad'], true],
    ['Error adding/updating listener(s) a: x, b: y', ['a', 'b', 'c'], ['a', 'b'], true],
    [
      'Error adding/updating cluster(s) http|10.0.0.1:80: no',
      ['http|10.0.0.1:8', 'http|10.0.0.1:80', '10.0.0.1'],
      ['http|10.0.0.1:80'],
      true,
    ],
    ["route: unknown cluster 'x'", ['x', 'y'], ['x'], false],
    ['Only unique values for domains are permitted', ['http/a'], [], false],
    ['duplicate a.', ['a', ''], ['a'], false],
    ['', ['a'], [], false],
  ])('%j names %j', (message, names, named, isListed) => {
    expect(blame(message, names)).toEqual({ named, isListed });
  });

  test('suspects are tried one by one, the rest in halves', () => {
    expect(isolationGroups(['a', 'b', 'c', 'd', 'e'], [])).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e'],
    ]);
    expect(isolationGroups(['a', 'b', 'c'], ['b'])).toEqual([['b'], ['a', 'c']]);
  });
});

describe('containment', () => {
  test('a refused resource is not sent again until it changes (kgateway#14701, contour#1176)', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([cluster('bad')]));
    rig.delta(cds);
    const sent: number[] = [];
    for (let round = 0; round < 100; round += 1) {
      const responses = rig.pump();
      sent.push(responses.length);
      for (const response of responses) rig.nack(response, 'no');
      rig.turn(set([listener('other', String(round))]));
    }
    expect(sent.reduce((sum, count) => sum + count)).toBe(1);
    rig.turn(set([cluster('bad', '2')]));
    expect(words(rig.settle())).toEqual(['+bad=2']);
  });

  test('a good form is sent after a bad one (kgateway#14264, envoy-gateway#9198)', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([route('r')]));
    rig.delta(rds, { subscribe: ['r'] });
    rig.settle();
    rig.turn(set([route('r', 'bad')]));
    expect(settleRefusing(rig, (text) => text === 'bad')).toEqual([['+r=bad']]);
    expect(rig.state.snapshot().types[0]?.rejected).toMatchObject([
      {
        name: 'r',
        message: 'Only unique values for domains are permitted',
        origins: ['Test default/r'],
      },
    ]);
    rig.turn(set([route('r', 'good')]));
    expect(words(rig.settle())).toEqual(['+r=good']);
    expect(rig.state.snapshot().types[0]?.rejected).toEqual([]);
  });

  test('going back to the accepted form sends it again, since a refusal may be half applied (envoy#12592)', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([listener('l')]));
    rig.delta(lds);
    rig.settle();
    rig.turn(set([listener('l', 'bad')]));
    settleRefusing(rig, (text) => text === 'bad');
    rig.turn(set([listener('l')]));
    expect(words(rig.settle())).toEqual(['+l=1']);
  });

  test('the others of a response that Envoy lists errors for are in force', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([cluster('a'), cluster('bad'), cluster('c')]));
    rig.delta(cds);
    const [sent] = rig.pump();
    if (sent !== undefined) rig.nack(sent, 'Error adding/updating cluster(s) bad: Invalid');
    expect(rig.settle()).toEqual([]);
    expect(rig.nacks).toMatchObject([{ isCertain: true, candidates: [{ name: 'bad' }] }]);
    expect(rig.acked.map(({ name }) => name)).toEqual(['a', 'c']);
  });

  test.each([2, 3, 7, 64, 100])(
    'one bad among %i is found in few responses, each good one is accepted',
    (count) => {
      const rig = createRig({ isDelta: true });
      rig.turn(
        set(
          Array.from({ length: count }, (_, at) =>
            virtualHost(`http/v${at}`, at === count - 1 ? 'bad' : `d${at}`),
          ),
        ),
      );
      rig.delta(vhds);
      const steps = settleRefusing(rig, (text) => text === 'bad');
      const bad = `+http/v${count - 1}=bad`;
      const timesBad = steps.filter((step) => step.includes(bad)).length;
      expect(timesBad).toBeLessThanOrEqual(Math.ceil(Math.log2(count)) + 1);
      expect(rig.acked).toHaveLength(count - 1);
      const last = rig.nacks.at(-1);
      expect(last).toMatchObject({ isCertain: true, candidates: [{ name: `http/v${count - 1}` }] });
      expect(rig.nacks.filter(({ isCertain }) => isCertain)).toHaveLength(1);
    },
  );

  test('what the text mentions is tried alone first', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([virtualHost('http/a'), virtualHost('http/b', '2'), virtualHost('http/c', '3')]));
    rig.delta(vhds);
    const [sent] = rig.pump();
    if (sent !== undefined) rig.nack(sent, "virtual host 'http/b' is wrong");
    expect(words(rig.pump())).toEqual(['+http/b=2']);
  });

  test('removals of a refused response are tried before its resources', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([virtualHost('http/old', 'x'), virtualHost('http/b', 'y')]));
    rig.delta(vhds);
    rig.settle();
    rig.turn([
      ...remove([virtualHost('http/old')]),
      ...set([virtualHost('http/new', 'x'), virtualHost('http/b', 'bad')]),
    ]);
    expect(settleRefusing(rig, (text) => text === 'bad')).toEqual([
      ['+http/new=x', '+http/b=bad', '-http/old'],
      ['-http/old'],
      ['+http/new=x'],
      ['+http/b=bad'],
    ]);
  });

  test('a change while the bad one is being isolated is not lost', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([virtualHost('http/a', 'x'), virtualHost('http/b', 'bad')]));
    rig.delta(vhds);
    const [both] = rig.pump();
    if (both !== undefined) rig.nack(both, 'no');
    rig.turn(set([virtualHost('http/b', 'good'), virtualHost('http/c', 'z')]));
    const steps = settleRefusing(rig, (text) => text === 'bad');
    expect(steps.flat().slice(-2).toSorted()).toEqual(['+http/b=good', '+http/c=z']);
  });

  test('a cluster stays while the client keeps an old route because the new one was refused', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([cluster('old'), route('r', '1', 'old')]));
    rig.delta(cds);
    rig.delta(rds, { subscribe: ['r'] });
    rig.settle();
    rig.now += 10_000;
    rig.turn([...remove([cluster('old')]), ...set([cluster('new'), route('r', 'bad', 'new')])]);
    expect(settleRefusing(rig, (text) => text === 'bad')).toEqual([['+new=1'], ['+r=bad']]);
    rig.turn(set([route('r', 'good', 'new')]));
    expect(settleRefusing(rig, (text) => text === 'bad')).toEqual([['+r=good'], ['-old']]);
  });

  test('an answer to an older response neither accepts nor refuses anything', () => {
    const rig = createRig({ isDelta: true });
    rig.turn(set([cluster('a')]));
    rig.delta(cds);
    rig.settle();
    rig.turn(set([cluster('a', '2')]));
    rig.pump();
    rig.delta(cds, { nonce: '1', error: 'late' });
    expect(rig.nacks).toEqual([]);
    expect(rig.state.snapshot().types[0]?.pendingSinceMs).toBe(rig.now);
  });
});
