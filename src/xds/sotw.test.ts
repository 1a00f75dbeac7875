/** The state-of-the-world protocol, rule by rule. */
import { describe, expect, test } from '@jest/globals';
import { typeUrls } from '../envoy/index.js';
import { createRig, words } from './testing/rig.js';
import { cluster, endpoints, listener, remove, route, set } from './testing/resources.js';

const { cluster: cds, endpoint: eds, listener: lds, route: rds } = typeUrls;

describe('subscriptions', () => {
  test('an empty first request is a wildcard, and stays one with empty ACKs', () => {
    const rig = createRig({ isDelta: false });
    rig.turn(set([cluster('a'), cluster('lazy', '1', false)]));
    rig.sotw(cds);
    expect(words(rig.settle())).toEqual(['+a=1']);
    rig.turn(set([cluster('b')]));
    expect(words(rig.settle())).toEqual(['+a=1', '+b=1']);
  });

  test('an empty list after a name ends the subscription', () => {
    const rig = createRig({ isDelta: false });
    rig.turn(set([endpoints('a')]));
    rig.sotw(eds, ['a']);
    const [sent] = rig.pump();
    if (sent !== undefined) rig.ack(sent, []);
    rig.turn(set([endpoints('a', '2')]));
    expect(rig.settle()).toEqual([]);
  });

  test('names beside the star are held beside the wildcard', () => {
    const rig = createRig({ isDelta: false });
    rig.turn(set([cluster('a'), cluster('lazy', '1', false)]));
    rig.sotw(cds, ['*', 'lazy']);
    expect(words(rig.settle()).toSorted()).toEqual(['+a=1', '+lazy=1']);
    rig.sotw(cds, ['lazy'], { nonce: '1' });
    rig.turn(set([cluster('a', '2')]));
    expect(rig.settle()).toEqual([]);
  });

  test('a new name at an unchanged version is answered, with that name alone (go-control-plane#399)', () => {
    const rig = createRig({ isDelta: false });
    rig.turn(set([endpoints('a'), endpoints('b')]));
    rig.sotw(eds, ['a']);
    const [first] = rig.pump();
    if (first !== undefined) rig.ack(first, ['a', 'b']);
    expect(words(rig.settle())).toEqual(['+b=1']);
  });

  test('a request with a stale nonce says nothing', () => {
    const rig = createRig({ isDelta: false });
    rig.turn(set([endpoints('a'), endpoints('b')]));
    rig.sotw(eds, ['a']);
    rig.pump();
    rig.sotw(eds, ['a', 'b'], { nonce: 'stale', error: 'no' });
    expect(rig.pump()).toEqual([]);
    expect(rig.nacks).toEqual([]);
  });

  test('two updates in a row both arrive (go-control-plane#458)', () => {
    const rig = createRig({ isDelta: false });
    rig.sotw(lds);
    rig.settle();
    const seen: string[] = [];
    for (const text of ['1', '2']) {
      rig.turn(set([listener('l', text)]));
      seen.push(...words(rig.settle()));
    }
    expect(seen).toEqual(['+l=1', '+l=2']);
  });

  test('updates arrive when not all names of the subscription exist (kgateway#14688)', () => {
    const rig = createRig({ isDelta: false });
    rig.turn(set([endpoints('a')]));
    rig.sotw(eds, ['a', 'missing']);
    expect(words(rig.settle())).toEqual(['+a=1']);
    rig.turn(set([endpoints('a', '2')]));
    expect(words(rig.settle())).toEqual(['+a=2']);
    rig.turn(set([endpoints('missing')]));
    expect(words(rig.settle())).toEqual(['+missing=1']);
  });
});

describe('sets', () => {
  test('clusters and listeners come as whole sets, so that what is absent is deleted', () => {
    const rig = createRig({ isDelta: false });
    rig.turn(set([cluster('a'), cluster('b')]));
    rig.sotw(cds);
    rig.settle();
    rig.now += 2_000;
    rig.turn(remove([cluster('a')]));
    expect(words(rig.settle())).toEqual(['+b=1']);
    rig.turn(remove([cluster('b')]));
    expect(rig.settle()).toMatchObject([{ resources: [] }]);
  });

  test('endpoints and routes come alone, and their removal is not spelled', () => {
    const rig = createRig({ isDelta: false });
    rig.turn(set([route('a'), route('b')]));
    rig.sotw(rds, ['a', 'b']);
    rig.settle();
    rig.turn(set([route('a', '2')]));
    expect(words(rig.settle())).toEqual(['+a=2']);
    rig.turn(remove([route('a')]));
    expect(rig.settle()).toEqual([]);
  });

  test('a set over nothing is answered once', () => {
    const rig = createRig({ isDelta: false });
    rig.sotw(lds);
    expect(rig.settle()).toMatchObject([{ typeUrl: lds, resources: [] }]);
    expect(rig.settle()).toEqual([]);
  });

  test('the version of a set is the same from every replica and differs with its contents', () => {
    const versionOf = (texts: readonly string[]): string | undefined => {
      const rig = createRig({ isDelta: false });
      for (const text of texts) rig.turn(set([cluster(`c${text}`, text)]));
      rig.sotw(cds);
      return rig.settle()[0]?.versionInfo;
    };
    expect(versionOf(['1', '2'])).toBe(versionOf(['2', '1']));
    expect(versionOf(['1', '2'])).not.toBe(versionOf(['1']));
  });

  test('a cluster stays in the set until no route needs it', () => {
    const rig = createRig({ isDelta: false });
    rig.turn(set([cluster('old'), route('r', '1', 'old')]));
    rig.sotw(cds);
    rig.sotw(rds, ['r']);
    rig.settle();
    rig.now += 2_000;
    rig.turn([...remove([cluster('old')]), ...set([cluster('new'), route('r', '2', 'new')])]);
    const sets = rig.settle().map((response) => words([response]));
    expect(sets).toEqual([['+old=1', '+new=1'], ['+r=2'], ['+new=1']]);
  });

  test('the endpoints of a changed cluster follow it', () => {
    const rig = createRig({ isDelta: false });
    rig.turn(set([cluster('a'), cluster('b'), endpoints('a'), endpoints('b')]));
    rig.sotw(cds);
    rig.sotw(eds, ['a', 'b']);
    rig.settle();
    rig.turn(set([cluster('a', '2')]));
    expect(rig.pump().map((response) => words([response]))).toEqual([['+a=2', '+b=1'], ['+a=1']]);
  });
});

describe('refusals', () => {
  test('the last accepted form stands in the set for a refused one', () => {
    const rig = createRig({ isDelta: false });
    rig.turn(set([cluster('a'), cluster('b')]));
    rig.sotw(cds);
    rig.settle();
    rig.turn(set([cluster('a', 'bad')]));
    const [sent] = rig.pump();
    if (sent !== undefined) rig.nack(sent, 'no');
    expect(rig.settle()).toEqual([]);
    rig.turn(set([cluster('b', '2')]));
    expect(words(rig.settle())).toEqual(['+a=1', '+b=2']);
    rig.turn(set([cluster('a', 'good')]));
    expect(words(rig.settle())).toEqual(['+a=good', '+b=2']);
  });

  test('a refused set without a name in the text is taken apart', () => {
    const rig = createRig({ isDelta: false });
    rig.turn(set([listener('a')]));
    rig.sotw(lds);
    rig.settle();
    rig.turn(set([listener('b'), listener('c', 'bad'), listener('d')]));
    for (;;) {
      const [sent] = rig.pump();
      if (sent === undefined) break;
      if (words([sent]).includes('+c=bad')) rig.nack(sent, 'something is wrong');
      else rig.ack(sent);
    }
    expect(rig.nacks.at(-1)).toMatchObject({ isCertain: true, candidates: [{ name: 'c' }] });
    rig.turn(set([listener('a', '2')]));
    expect(words(rig.settle()).toSorted()).toEqual(['+a=2', '+b=1', '+d=1']);
  });
});
