/** The law of the protocol over random histories: the client ends with what is true, by safe steps. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { typeUrls } from '../envoy/index.js';
import { createResourceCache } from './cache.js';
import type { ResourceChange, XdsResource } from './resource.js';
import { createStreamState, type StreamState } from './stream-state.js';
import { createModelEnvoy, isBadText, type ModelRequest } from './testing/model-envoy.js';
import { deltaRequest, sotwRequest, testRules } from './testing/rig.js';
import {
  cluster,
  endpoints,
  listener,
  meshScope,
  noEndpoints,
  readResponse,
  route,
  virtualHost,
  type ReadResponse,
} from './testing/resources.js';

const { cluster: cds, endpoint: eds, listener: lds, route: rds, virtualHost: vhds } = typeUrls;
const routeNames = ['r0', 'r1'];

type Step =
  | { readonly kind: 'change'; readonly edits: readonly Edit[] }
  | { readonly kind: 'deliver'; readonly count: number }
  | { readonly kind: 'reconnect' }
  | { readonly kind: 'ask'; readonly at: number }
  | { readonly kind: 'leave'; readonly at: number };

interface Edit {
  readonly what: 'cluster' | 'endpoints' | 'empty' | 'route' | 'host' | 'listener' | 'drop';
  readonly at: number;
  readonly to: number;
  readonly isBad: boolean;
}

interface Faults {
  /** What the client may be given that it refuses. */
  readonly bad: 'nothing' | 'routes' | 'anything';
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

/** What is true: resources by type and name; references always close. */
class Truth {
  readonly tables = new Map<string, Map<string, XdsResource>>();
  readonly targets = new Map<string, string>();
  private count = 0;
  private readonly bad: Faults['bad'];

  constructor(bad: Faults['bad']) {
    this.bad = bad;
    for (const typeUrl of [cds, eds, lds, rds, vhds]) this.tables.set(typeUrl, new Map());
  }

  table(typeUrl: string): Map<string, XdsResource> {
    return this.tables.get(typeUrl) ?? new Map<string, XdsResource>();
  }

  put(resource: XdsResource): ResourceChange {
    const { typeUrl, name } = resource;
    this.table(typeUrl).set(name, resource);
    return { scope: meshScope, typeUrl, name, resource };
  }

  text(typeUrl: string, isBad: boolean): string {
    this.count += 1;
    const mayBeBad =
      this.bad === 'anything' ? typeUrl !== eds : typeUrl === rds || typeUrl === vhds;
    return isBad && mayBeBad ? `bad${this.count}` : `v${this.count}`;
  }

  cluster(name: string, isBad: boolean): ResourceChange[] {
    const isEager = !name.startsWith('lazy');
    const own = cluster(name, this.text(cds, isBad), isEager);
    const made = [this.put(this.count % 3 === 0 ? { ...own, isEmpty: true } : own)];
    if (!this.table(eds).has(name)) made.push(this.put(endpoints(name, this.text(eds, false))));
    return made;
  }

  apply(edit: Edit): ResourceChange[] {
    const name = `c${edit.to}`;
    switch (edit.what) {
      case 'cluster':
        return this.cluster(name, edit.isBad);
      case 'endpoints':
        return this.table(cds).has(name) ? [this.put(endpoints(name, this.text(eds, false)))] : [];
      case 'empty':
        return this.table(cds).has(name)
          ? [this.put(noEndpoints(name, this.text(eds, false)))]
          : [];
      case 'route':
      case 'host': {
        const [typeUrl, own] =
          edit.what === 'route' ? [rds, `r${edit.at % 2}`] : [vhds, `http/h${edit.at}`];
        const made = this.table(cds).has(name) ? [] : this.cluster(name, false);
        this.targets.set(`${typeUrl} ${own}`, name);
        const text = this.text(typeUrl, edit.isBad);
        const one = edit.what === 'route' ? route(own, text, name) : virtualHost(own, text, name);
        return [...made, this.put(one)];
      }
      case 'listener':
        return [this.put(listener(`l${edit.at}`, this.text(lds, edit.isBad)))];
      case 'drop':
        return this.drop(edit);
    }
  }

  private drop({ at, to }: Edit): ResourceChange[] {
    const gone: ResourceChange[] = [];
    const remove = (typeUrl: string, name: string): void => {
      if (this.table(typeUrl).delete(name)) gone.push({ scope: meshScope, typeUrl, name });
      this.targets.delete(`${typeUrl} ${name}`);
    };
    remove(vhds, `http/h${at}`);
    remove(lds, `l${at}`);
    const name = `c${to}`;
    if (![...this.targets.values()].includes(name)) {
      remove(cds, name);
      remove(eds, name);
    }
    return gone;
  }
}

class World {
  readonly cache = createResourceCache();
  readonly truth: Truth;
  readonly envoy;
  /** How often each content was refused, by type, name and text. */
  readonly refusals = new Map<string, number>();
  private state: StreamState;
  private toServer: ModelRequest[] = [];
  private toClient: ReadResponse[] = [];
  private unanswered = new Map<string, string>();
  private nowMs = 1_000_000;
  private readonly isDelta: boolean;

  constructor(isDelta: boolean, keepsVersions: boolean, bad: Faults['bad']) {
    this.isDelta = isDelta;
    this.truth = new Truth(bad);
    this.envoy = createModelEnvoy({ isDelta, keepsVersions, routes: routeNames });
    this.state = this.open();
    this.toServer.push(...this.envoy.connect());
  }

  private open(): StreamState {
    return createStreamState({
      isDelta: this.isDelta,
      rules: testRules,
      open: (heard) => this.cache.open([meshScope], heard),
      onDirty: () => undefined,
      now: () => this.nowMs,
      events: {
        // The outside makes what is asked for.
        onDemand: (_typeUrl, name, isWanted) => {
          if (!isWanted || this.truth.table(cds).has(name)) return;
          this.change(this.truth.cluster(name, false));
        },
        onAck: () => undefined,
        onNack: () => undefined,
        onNamesRefused: () => undefined,
      },
    });
  }

  change(changes: readonly ResourceChange[]): void {
    this.cache.apply(this.cache.generation() + 1, changes);
  }

  reconnect(): void {
    this.state.end();
    this.nowMs += 5_000;
    this.state = this.open();
    this.toServer = [...this.envoy.connect()];
    this.toClient = [];
    this.unanswered.clear();
  }

  send(requests: readonly ModelRequest[]): void {
    this.toServer.push(...requests);
  }

  /** One message moves, either way; false when nothing does. */
  deliver(): boolean {
    const request = this.toServer.shift();
    if (request !== undefined) {
      this.take(request);
      return true;
    }
    this.pump();
    const response = this.toClient.shift();
    if (response === undefined) return this.toServer.length > 0;
    const answers = this.envoy.receive(response);
    if (answers.some(({ error }) => error !== undefined)) this.countRefusals(response);
    this.toServer.push(...answers);
    return true;
  }

  /** Messages until nothing moves; no time passes. */
  quiesce(): void {
    while (this.deliver());
  }

  /** Time for removals, and messages until nothing moves. */
  settle(): void {
    for (let round = 0; round < 4; round += 1) {
      this.quiesce();
      this.send(this.envoy.expire());
      this.nowMs += 3_000;
    }
  }

  private pump(): void {
    for (const { bytes, typeUrl } of this.state.pump()) {
      const response = readResponse(bytes, this.isDelta);
      expect(this.unanswered.has(typeUrl)).toBe(false);
      this.unanswered.set(typeUrl, response.nonce);
      this.toClient.push(response);
    }
  }

  private take(request: ModelRequest): void {
    const { typeUrl, nonce, error } = request;
    if (this.unanswered.get(typeUrl) === nonce) this.unanswered.delete(typeUrl);
    const said = { nonce, ...(error === undefined ? {} : { error }) };
    if (this.isDelta) this.state.receiveDelta(deltaRequest(typeUrl, { ...request, ...said }));
    else this.state.receiveSotw(sotwRequest(typeUrl, request.names, said));
    this.pump();
  }

  private countRefusals(response: ReadResponse): void {
    for (const { name, text } of response.resources) {
      if (!isBadText(text)) continue;
      const key = `${response.typeUrl} ${name} ${text ?? ''}`;
      this.refusals.set(key, (this.refusals.get(key) ?? 0) + 1);
    }
  }

  /** What the client should hold where nothing is bad. */
  expected(): Record<string, Record<string, string>> {
    const wanted: Record<string, Record<string, string>> = {};
    for (const [typeUrl, table] of this.truth.tables) {
      if (typeUrl === vhds && !this.isDelta) continue;
      wanted[typeUrl] = {};
      for (const [name, resource] of table) {
        if (!this.covers(typeUrl, name, resource)) continue;
        wanted[typeUrl][name] = resource.version;
      }
    }
    return wanted;
  }

  held(): Record<string, Record<string, string>> {
    const held: Record<string, Record<string, string>> = {};
    for (const [typeUrl, table] of this.envoy.held) {
      if (typeUrl === vhds && !this.isDelta) continue;
      held[typeUrl] = {};
      for (const [name, { version, text }] of table) {
        held[typeUrl][name] = this.isDelta
          ? version
          : (this.versionOf(typeUrl, name, text) ?? text);
      }
    }
    return held;
  }

  private versionOf(typeUrl: string, name: string, text: string): string | undefined {
    const resource = this.truth.table(typeUrl).get(name);
    return Buffer.from(resource?.bytes ?? []).includes(text) ? resource?.version : undefined;
  }

  private covers(typeUrl: string, name: string, resource: XdsResource): boolean {
    if (typeUrl === rds) return routeNames.includes(name);
    if (typeUrl === eds) return this.envoy.held.get(cds)?.has(name) === true;
    return resource.isEager || this.asked.has(name);
  }

  readonly asked = new Set<string>();
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
function within(
  held: Record<string, Record<string, string>>,
  wanted: Record<string, Record<string, string>>,
): Record<string, Record<string, string>> {
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
