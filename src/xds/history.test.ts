/** The law of the protocol over random histories: the client ends with what is true, by safe steps. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { typeUrls } from '../envoy/index.js';
import { listener, route, virtualHost } from './testing/resources.js';
import type { BadTypes, Edit } from './testing/truth.js';
import { World, type Held } from './testing/world.js';

const { cluster: cds, listener: lds, route: rds } = typeUrls;

type Step =
  | { readonly kind: 'change'; readonly edits: readonly Edit[] }
  | { readonly kind: 'deliver'; readonly count: number }
  | { readonly kind: 'reconnect' }
  | { readonly kind: 'ask'; readonly at: number }
  | { readonly kind: 'leave'; readonly at: number };

interface Faults {
  /** What the client may be given that it refuses. */
  readonly bad: BadTypes;
  readonly reconnects: boolean;
}

function histories(faults: Faults): fc.Arbitrary<readonly Step[]> {
  const edit = fc.record({
    what: fc.constantFrom<Edit['what'][]>(
      'cluster',
      'endpoints',
      'empty',
      'route',
      'route',
      'host',
      'listener',
      'drop',
    ),
    at: fc.nat(3),
    to: fc.nat(4),
    isBad:
      faults.bad === 'nothing' ? fc.constant(false) : fc.integer({ max: 3 }).map((n) => n === 0),
  });
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('change' as const),
        edits: fc.array(edit, { minLength: 1, maxLength: 5 }),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('deliver' as const),
        count: fc.integer({ min: 1, max: 8 }),
      }),
    },
    { weight: faults.reconnects ? 1 : 0, arbitrary: fc.constant<Step>({ kind: 'reconnect' }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('ask' as const), at: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), at: fc.nat(2) }) },
  );
  return fc.array(step, { minLength: 5, maxLength: 60 });
}

function play(world: World, steps: readonly Step[]): void {
  for (const step of steps) {
    switch (step.kind) {
      case 'change':
        world.change(step.edits.flatMap((edit) => world.truth.apply(edit)));
        break;
      case 'deliver':
        for (let at = 0; at < step.count; at += 1) world.deliver();
        break;
      case 'reconnect':
        world.reconnect();
        break;
      case 'ask':
        world.asked.add(`lazy${step.at}`);
        world.send(world.envoy.ask(cds, `lazy${step.at}`));
        break;
      case 'leave':
        world.asked.delete(`lazy${step.at}`);
        world.send(world.envoy.leave(cds, `lazy${step.at}`));
        break;
    }
  }
  world.quiesce();
}

/** Leaves out what the client has and should not have: removals may wait. */
function within(held: Held, wanted: Held): Held {
  return Object.fromEntries(
    Object.entries(wanted).map(([typeUrl, names]) => [
      typeUrl,
      Object.fromEntries(
        Object.keys(names).flatMap((name) => {
          const version = held[typeUrl]?.[name];
          return version === undefined ? [] : [[name, version]];
        }),
      ),
    ]),
  );
}

test('delta: everything but removals arrives without a wait for the clock', () => {
  fc.assert(
    fc.property(histories({ bad: 'nothing', reconnects: true }), (steps) => {
      const world = new World(true, true, 'nothing');
      play(world, steps);
      const wanted = world.expected();
      // The endpoints of clusters that are about to be removed do not matter.
      expect(within(world.held(), wanted)).toEqual(wanted);
    }),
    { numRuns: 100 },
  );
});

const variants = [
  { variant: 'delta', isDelta: true, keepsVersions: true },
  { variant: 'delta without initial versions', isDelta: true, keepsVersions: false },
  { variant: 'state of the world', isDelta: false, keepsVersions: false },
] as const;

test.each(variants)(
  '$variant: any history ends with the client holding what is true',
  ({ isDelta, keepsVersions }) => {
    fc.assert(
      fc.property(histories({ bad: 'nothing', reconnects: true }), (steps) => {
        const world = new World(isDelta, keepsVersions, 'nothing');
        play(world, steps);
        world.settle();
        expect(world.held()).toEqual(world.expected());
      }),
      { numRuns: 100 },
    );
  },
);

test.each([
  { variant: 'delta', isDelta: true, reconnects: true, bad: 'routes' as const },
  { variant: 'delta', isDelta: true, reconnects: true, bad: 'nothing' as const },
  // After a reconnect nobody knows what such a client holds, so an older route may lose its cluster.
  { variant: 'state of the world', isDelta: false, reconnects: false, bad: 'routes' as const },
])(
  '$variant, bad $bad: no route that the client has ever names a cluster that it lacks',
  ({ isDelta, reconnects, bad }) => {
    fc.assert(
      fc.property(histories({ bad, reconnects }), (steps) => {
        const world = new World(isDelta, true, bad);
        play(world, steps);
        world.settle();
        expect(world.envoy.dangling).toEqual([]);
      }),
      { numRuns: 100 },
    );
  },
);

test.each(variants)(
  '$variant: bad contents are refused a bounded number of times and do not stick',
  ({ isDelta, keepsVersions }) => {
    fc.assert(
      fc.property(histories({ bad: 'anything', reconnects: false }), (steps) => {
        const world = new World(isDelta, keepsVersions, 'anything');
        play(world, steps);
        world.settle();
        // At most ten resources of a type: the whole response, and halves down to one.
        for (const count of world.refusals.values()) expect(count).toBeLessThanOrEqual(5);
        const before = new Map(world.refusals);
        world.settle();
        expect(world.refusals).toEqual(before);
        mend(world);
        world.settle();
        expect(world.held()).toEqual(world.expected());
      }),
      { numRuns: 100 },
    );
  },
);

/** Gives everything that is bad a good form. */
function mend(world: World): void {
  const { truth } = world;
  const changes = [...truth.table(cds).keys()].flatMap((name) => truth.cluster(name, false));
  for (const name of truth.table(lds).keys()) {
    changes.push(truth.put(listener(name, truth.text(lds, false))));
  }
  for (const [key, to] of truth.targets) {
    const [typeUrl = '', name = ''] = key.split(' ');
    const text = truth.text(typeUrl, false);
    changes.push(truth.put(typeUrl === rds ? route(name, text, to) : virtualHost(name, text, to)));
  }
  world.change(changes);
}
