/** What follows from who accepts and who refuses a form: examples, and the laws. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  isLifted,
  mergeAnswers,
  noAnswers,
  toStanding,
  withAcceptance,
  withRefusal,
  type FormAnswers,
  type Standing,
} from './policy-answers.js';

/** `+` accepts, `-` refuses; an identity, and the type of resource that it speaks of. */
type Said = readonly [sign: '+' | '-', identity: string, type?: string];

function hear(answers: FormAnswers, [sign, identity, type = 'Listener']: Said): FormAnswers {
  return sign === '+'
    ? withAcceptance(answers, { identity, type })
    : withRefusal(answers, { identity, type, message: `no, says ${identity}` });
}

const answersOf = (...said: readonly Said[]): FormAnswers => said.reduce(hear, noAnswers);
const reachesAll = (): boolean => false;
const reachesOne = (): boolean => true;
const standingOf = (...said: readonly Said[]): Standing =>
  toStanding(answersOf(...said), reachesAll);

describe('a form', () => {
  test.each<[string, readonly Said[], Standing]>([
    ['that nobody speaks of is unrefused', [], 'unrefused'],
    ['that one identity refuses is suspected', [['-', 'a/x']], 'suspected'],
    [
      'that one identity refuses again and again is suspected',
      [
        ['-', 'a/x'],
        ['-', 'a/x'],
        ['-', 'a/x', 'Cluster'],
      ],
      'suspected',
    ],
    [
      'that two namespaces refuse is condemned',
      [
        ['-', 'a/x'],
        ['-', 'b/y'],
      ],
      'condemned',
    ],
    [
      'that two identities of one namespace refuse is not condemned for others',
      [
        ['-', 'a/x'],
        ['-', 'a/y'],
      ],
      'suspected',
    ],
    [
      'that a namespace refuses with whatever many identities, and then another, is condemned',
      [
        ['-', 'a/x'],
        ['-', 'a/y'],
        ['-', 'a/z'],
        ['-', 'b/y'],
      ],
      'condemned',
    ],
    [
      'that another identity has accepted in another resource is disputed',
      [
        ['+', 'b/y', 'Cluster'],
        ['-', 'a/x'],
      ],
      'disputed',
    ],
    [
      'that only who refuses has accepted in another resource is suspected',
      [
        ['+', 'a/x', 'Cluster'],
        ['-', 'a/x'],
      ],
      'suspected',
    ],
    [
      'that is accepted in such a resource is unrefused, whoever refuses before',
      [
        ['-', 'a/x'],
        ['-', 'b/y'],
        ['+', 'a/x'],
      ],
      'unrefused',
    ],
    [
      'that is accepted in such a resource is unrefused, whoever refuses after',
      [
        ['+', 'a/x'],
        ['-', 'a/x'],
        ['-', 'b/y'],
        ['-', 'c/z'],
      ],
      'unrefused',
    ],
    [
      'that somebody refuses in another resource once his first word is void is suspected',
      [
        ['-', 'a/x'],
        ['+', 'a/x'],
        ['-', 'a/x', 'Cluster'],
      ],
      'suspected',
    ],
    [
      'that two refuse in resources of two types is condemned',
      [
        ['-', 'a/x'],
        ['-', 'b/y', 'Cluster'],
      ],
      'condemned',
    ],
  ])('%s', (_title, said, standing) => {
    expect(standingOf(...said)).toBe(standing);
  });

  test('of a policy that reaches one namespace is condemned by two of its identities', () => {
    expect(toStanding(answersOf(['-', 'a/x'], ['-', 'a/y']), reachesOne)).toBe('condemned');
  });

  test('condemned for one identity alone is lifted by any acceptance, for two by none', () => {
    expect(isLifted(answersOf(['-', 'a/x']))).toBe(false);
    expect(isLifted(answersOf(['-', 'a/x'], ['+', 'a/x', 'Cluster']))).toBe(false);
    expect(isLifted(answersOf(['-', 'a/x'], ['+', 'a/x']))).toBe(true);
    expect(isLifted(answersOf(['-', 'a/x'], ['+', 'b/y', 'Cluster']))).toBe(true);
    expect(isLifted(answersOf(['-', 'a/x'], ['-', 'b/y'], ['+', 'c/z']))).toBe(false);
  });
});

const identity = fc.constantFrom('a/1', 'a/2', 'a/3', 'a/4', 'b/1', 'b/2', 'c/1');
const type = fc.constantFrom('Listener', 'Cluster', 'VirtualHost');
const said: fc.Arbitrary<Said> = fc.tuple(
  fc.constantFrom('+' as const, '-' as const),
  identity,
  type,
);
const history = fc.array(said, { maxLength: 40 });

describe('whatever is said, in whatever order', () => {
  test('one identity alone condemns nothing', () => {
    fc.assert(
      fc.property(history, (all) => {
        const own = all.filter(([sign, who]) => sign === '+' || who === 'a/1');
        expect(toStanding(answersOf(...own), reachesOne)).not.toBe('condemned');
      }),
    );
  });

  test('one namespace condemns nothing that reaches others, and what an outsider accepts not at all', () => {
    fc.assert(
      fc.property(history, type, (all, accepted) => {
        const own = all.filter(([, who]) => who.startsWith('a/'));
        expect(standingOf(...own)).not.toBe('condemned');
        const standing = standingOf(...own, ['+', 'b/1', accepted]);
        // Three of the attackers may have been kept before him; what counts is that one speaks against.
        expect(['unrefused', 'disputed']).toContain(standing);
      }),
    );
  });

  test('two namespaces that refuse what nobody accepts are heard, whoever refuses beside them', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(['a/1', 'a/2', 'a/3', 'a/4', 'b/1']), (refusing) => {
        fc.pre(refusing.includes('b/1') && refusing.length > 1);
        expect(standingOf(...refusing.map((who): Said => ['-', who]))).toBe('condemned');
      }),
    );
  });

  test('what is kept is bounded, and hearing it twice is hearing it once', () => {
    fc.assert(
      fc.property(history, (all) => {
        const answers = answersOf(...all);
        expect(answers.refused.length).toBeLessThanOrEqual(2);
        for (const known of Object.values(answers.accepted)) {
          expect(known.length).toBeLessThanOrEqual(3);
        }
        expect(mergeAnswers(answers, answers)).toEqual(answers);
      }),
    );
  });

  test('two control planes that tell each other see no less than one of them', () => {
    fc.assert(
      fc.property(history, history, (here, there) => {
        const [one, two] = [answersOf(...here), answersOf(...there)];
        const [first, second] = [mergeAnswers(one, two), mergeAnswers(two, one)];
        for (const merged of [first, second]) {
          for (const known of Object.keys({ ...one.accepted, ...two.accepted })) {
            expect(merged.accepted).toHaveProperty(known);
          }
        }
      }),
    );
  });
});

test('words without end are cut', () => {
  const answers = withRefusal(noAnswers, {
    identity: 'a/x',
    type: 'Cluster',
    message: 'x'.repeat(5_000),
  });
  expect(answers.refused[0]?.message).toHaveLength(1_000);
});
