/** The laws of a rotation over random histories of crashes, partitions, changes of the leader and late sidecars. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createWorld, leafMs, type World } from './testing/rotation-world.js';

const minuteMs = 60_000;

/** What may happen next; `who` picks among replicas or sidecars. */
interface Happening {
  readonly what: keyof typeof happenings;
  readonly who: number;
  readonly other: number;
}

function pick<T>(all: readonly T[], at: number): T {
  const found = all[at % all.length];
  if (found === undefined) throw new Error('expected somebody');
  return found;
}

type Act = (world: World, who: number, other: number) => Promise<void> | void;

const happenings = {
  crash: (world, who) => {
    world.crash(pick(world.replicas, who));
  },
  start: (world, who) => world.start(pick(world.replicas, who)),
  cutOff: (world, who) => {
    pick(world.replicas, who).isCutOff = true;
  },
  heal: (world, who) => {
    pick(world.replicas, who).isCutOff = false;
  },
  lead: (world, who) => {
    for (const [at, replica] of world.replicas.entries()) {
      replica.isLeader = at === who % world.replicas.length;
    }
  },
  leadToo: (world, who) => {
    pick(world.replicas, who).isLeader = true;
  },
  reload: (world, who) => world.reload(pick(world.replicas, who)),
  tell: (world, who) => {
    world.tell(pick(world.replicas, who));
  },
  publish: (world, who) => {
    world.publish(pick(world.replicas, who));
  },
  look: async (world, who) => {
    const replica = pick(world.replicas, who);
    if (!replica.isCutOff) await replica.running?.rotation.look();
  },
  rotate: async (world, who) => {
    const replica = pick(world.replicas, who);
    if (!replica.isCutOff) await replica.running?.rotation.start('staged');
  },
  abort: async (world, who, other) => {
    if (other > 0) return;
    const replica = pick(world.replicas, who);
    if (!replica.isCutOff) await replica.running?.rotation.abort();
  },
  connect: (world, who, other) =>
    world.connect(pick(world.sidecars, who), pick(world.replicas, other)),
  disconnect: (world, who) => {
    world.disconnect(pick(world.sidecars, who));
  },
  stick: (world, who) => {
    pick(world.sidecars, who).mood = 'stuck';
  },
  leave: (world, who) => {
    const sidecar = pick(world.sidecars, who);
    sidecar.mood = 'away';
    world.disconnect(sidecar);
  },
  recover: (world, who) => {
    pick(world.sidecars, who).mood = 'well';
  },
  acceptBundle: (world, who) => {
    world.acceptBundle(pick(world.sidecars, who));
  },
  acceptCertificate: (world, who) => world.acceptCertificate(pick(world.sidecars, who)),
  neglectFile: (world, who) => {
    pick(world.sidecars, who).fileCare = 'neglected';
  },
  mendFile: (world, who) => {
    const sidecar = pick(world.sidecars, who);
    if (sidecar.fileCare === 'neglected') sidecar.fileCare = 'behind';
  },
  jump: (world, who) => {
    world.jump((1 + who) * 180 * minuteMs);
  },
  round: (world, who) => ordinaryRound(world, who),
  seconds: (world) => world.advance(5_000),
  minutes: (world, who) => world.advance((1 + who) * minuteMs),
  hours: (world, who) => world.advance((1 + who) * 120 * minuteMs),
} satisfies Readonly<Record<string, Act>>;

const weights: Readonly<Partial<Record<Happening['what'], number>>> = {
  round: 24,
  hours: 4,
  minutes: 3,
  recover: 4,
  mendFile: 2,
  start: 3,
  heal: 3,
  rotate: 2,
};

const history = fc.array(
  fc.record({
    what: fc.oneof(
      ...Object.keys(happenings).map((what) => ({
        weight: weights[what as Happening['what']] ?? 1,
        arbitrary: fc.constant(what as Happening['what']),
      })),
    ),
    who: fc.nat(5),
    other: fc.nat(2),
  }),
  { minLength: 30, maxLength: 100, size: 'max' },
);

async function begin(): Promise<World> {
  const world = createWorld({ replicas: 3, sidecars: 4 });
  for (const replica of world.replicas) await world.start(replica);
  for (const replica of world.replicas) world.publish(replica);
  for (const [at, sidecar] of world.sidecars.entries()) {
    await world.connect(sidecar, pick(world.replicas, at));
  }
  return world;
}

/** Everybody who can does what they should; `from` says who is the first. */
async function ordinaryRound(world: World, from: number): Promise<void> {
  for (const replica of world.replicas) await world.reload(replica);
  // Streams are aged out, so that everybody connects anew now and then.
  world.disconnect(pick(world.sidecars, from));
  for (const [at, sidecar] of world.sidecars.entries()) {
    await world.connect(sidecar, pick(world.replicas, at + from));
    world.acceptBundle(sidecar);
    await world.acceptCertificate(sidecar);
  }
  for (const replica of world.replicas) {
    world.publish(replica);
    world.tell(replica);
  }
  for (const { isLeader, isCutOff, running } of world.replicas) {
    if (isLeader && !isCutOff) await running?.rotation.look();
  }
}

/** Nothing is wrong any more. */
async function calmRound(world: World, from: number): Promise<void> {
  for (const [at, replica] of world.replicas.entries()) {
    replica.isCutOff = false;
    replica.isLeader = at === 0;
    await world.start(replica);
  }
  for (const sidecar of world.sidecars) {
    sidecar.mood = 'well';
    if (sidecar.fileCare === 'neglected') sidecar.fileCare = 'behind';
    world.disconnect(sidecar);
  }
  await ordinaryRound(world, from);
}

const numRuns = Number(process.env['SKERRY_RUNS'] ?? 40);

test('no history makes a sidecar meet a certificate, or a control plane, whose root it does not trust', async () => {
  const seen = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(history, async (steps) => {
      const world = await begin();
      for (const [at, { what, who, other }] of steps.entries()) {
        await happenings[what](world, who, other);
        expect({ at, what, faults: world.faults() }).toEqual({ at, what, faults: [] });
      }
      for (const step of world.steps) seen.set(step, (seen.get(step) ?? 0) + 1);
    }),
    { numRuns, endOnFailure: true },
  );
  // A law about rotations that never get anywhere would be none.
  expect([...seen.keys()]).toEqual(expect.arrayContaining(['started', 'signing']));
}, 900_000);

test('once calm is back, whatever has begun comes to its end', async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(history, async (steps) => {
      const world = await begin();
      for (const { what, who, other } of steps) await happenings[what](world, who, other);
      for (let round = 0; round < 12; round += 1) {
        await calmRound(world, round);
        expect(world.faults()).toEqual([]);
        await world.advance(leafMs / 8);
      }
      for (const step of world.steps) seen.add(step);
      for (const { running } of world.replicas) {
        expect(running?.rotation.view()).toMatchObject({ phase: 'none', waiting: [] });
      }
      const active = world.replicas[0]?.running?.authority.slots().active.fingerprint;
      const held = new Set(world.sidecars.map(({ certificate }) => certificate?.root));
      expect(held).toEqual(new Set([active]));
    }),
    { numRuns: Math.ceil(numRuns / 3), endOnFailure: true },
  );
  expect(seen).toContain('retired');
}, 900_000);
