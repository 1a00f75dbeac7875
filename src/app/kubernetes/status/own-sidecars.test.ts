/** What a replica knows of its sidecars, from real streams over a real cache: who is behind, who drains, who refused. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { typeUrls } from '../../../envoy/index.js';
import { podKey, policyKey, type PolicyKey, type TrafficPolicy } from '../../../model/index.js';
import { createResourceCache, type ResourceCache, type XdsResource } from '../../../xds/index.js';
import { cluster, listener, route } from '../../../xds/testing/resources.js';
import { createRig, type Rig } from '../../../xds/testing/rig.js';
import { createEffectivePolicies, type EffectivePolicies } from '../../effective-policies.js';
import { createRejections, type Rejections } from '../../rejections.js';
import { createOwnSidecars, drainMs, type OwnSidecars } from './own-sidecars.js';
import { isBehind } from './summary.js';

const { cluster: cds, listener: lds, route: rds } = typeUrls;
const p = policyKey('shop', 'p');
const q = policyKey('shop', 'q');
const a = podKey('shop', 'a');
const b = podKey('shop', 'b');

let cache: ResourceCache;
let policies: EffectivePolicies;
let rejections: Rejections;
let own: OwnSidecars;
let rigs: Map<string, Rig>;
let now: number;
let generation: number;

beforeEach(() => {
  cache = createResourceCache();
  policies = createEffectivePolicies([], { save: () => undefined, forget: () => undefined });
  rejections = createRejections((key, hash) => policies.isRefused(key, hash));
  rigs = new Map();
  [now, generation] = [1_000_000, 0];
  own = createOwnSidecars({
    core: {
      policies,
      standing: (stream) => rigs.get(stream)?.state.standing(),
      rejections: (pod) => rejections.of(pod),
      wouldDeny: () => new Map(),
    },
    clock: { now: () => now },
    replica: 'one',
  });
});

function form(key: PolicyKey, hash: string): TrafficPolicy {
  const [namespace = '', name = ''] = key.split('/');
  return {
    ...{ kind: 'TrafficPolicy', key, namespace, name, creationTimestampMs: 0, hash },
    ...{ mode: 'Enforce', targets: [] },
  };
}

/** Made from policies, by name and hash. */
function made(resource: XdsResource, from: Readonly<Record<string, string>>): XdsResource {
  const origins = Object.entries(from).map(([name, hash]) => ({
    ...{ object: `TrafficPolicy shop/${name}`, hash },
  }));
  return { ...resource, isEager: true, origins };
}

/** A turn in which policies are set, by name and hash, and pods get resources. */
function turn(
  forms: Readonly<Record<string, string>>,
  scoped: Readonly<Record<string, readonly XdsResource[]>>,
): void {
  generation += 1;
  const set = Object.entries(forms).map(([name, hash]) => {
    const key = policyKey('shop', name);
    policies.set(key, form(key, hash));
    return key;
  });
  const resources = Object.entries(scoped).flatMap(([scope, all]) =>
    all.map((resource) => ({
      ...{ scope, typeUrl: resource.typeUrl, name: resource.name, resource },
    })),
  );
  cache.apply(generation, resources);
  own.onTurn({ generation, policies: set, resources });
}

function streamRef(pod: string, streamId: string): Parameters<OwnSidecars['onStream']>[0] {
  return { kind: 'opened', stream: { streamId, proxyId: pod, scopes: [] } };
}

/** A sidecar that has opened a stream and asked for everything, but answers only when told. */
function open(pod: string, streamId = `stream of ${pod}`): Rig {
  const scopes = ['mesh', 'namespace/shop', `pod/${pod}`];
  const rig = createRig({ isDelta: true, cache, scopes, now });
  rigs.set(streamId, rig);
  own.onStream(streamRef(pod, streamId));
  rig.delta(cds);
  rig.delta(lds);
  rig.delta(rds, { subscribe: ['r'] });
  return rig;
}

/** Lets time pass, for streams too. */
function pass(ms: number): void {
  now += ms;
  for (const rig of rigs.values()) rig.now = now;
}

/** The policies with which the pod is behind, after a look. */
function behindOn(pod: typeof a): readonly string[] {
  own.look();
  return [p, q].filter((policy) => isBehind(own.live, pod, policy));
}

const first = { mesh: [cluster('c')] };
const rules = (from: Readonly<Record<string, string>>, text = '1'): readonly XdsResource[] => [
  made(listener('in', '1'), from),
  made(route('r', text), from),
];

describe('a sidecar that connects', () => {
  test('has nothing in force before it holds everything, and then all', () => {
    turn({ p: '1', q: '1' }, { ...first, 'pod/shop/a': rules({ p: '1' }) });
    const rig = open(a);
    expect(behindOn(a)).toEqual([p, q]);
    rig.settle();
    expect(behindOn(a)).toEqual([]);
    expect([...own.live.served]).toEqual([a]);
    expect(own.isWaiting()).toBe(false);
  });

  test('again has to show that it holds everything; its older stream does not count', () => {
    turn({ p: '1' }, { ...first, 'pod/shop/a': rules({ p: '1' }) });
    open(a, 'old').settle();
    expect(behindOn(a)).toEqual([]);
    const rig = open(a, 'new');
    expect(behindOn(a)).toEqual([p, q]);
    own.onStream({ ...streamRef(a, 'old'), kind: 'closed' });
    expect(behindOn(a)).toEqual([p, q]);
    rig.settle();
    expect(behindOn(a)).toEqual([]);
    own.onStream({ ...streamRef(a, 'new'), kind: 'closed' });
    expect(own.live.served.size).toBe(0);
  });
});

describe('a change', () => {
  beforeEach(() => {
    turn({ p: '1', q: '1' }, {
      ...first,
      'pod/shop/a': rules({ p: '1', q: '1' }),
      'pod/shop/b': rules({ q: '1' }),
    }); // prettier-ignore
    for (const pod of [a, b]) open(pod).settle();
    own.look();
  });

  test('of routes is in force once it is accepted, and leaves other policies and pods alone', () => {
    turn({ p: '2' }, { 'pod/shop/a': rules({ p: '2', q: '1' }, '2') });
    expect([behindOn(a), behindOn(b)]).toEqual([[p], []]);
    rigs.get(`stream of ${a}`)?.settle();
    expect(behindOn(a)).toEqual([]);
  });

  test('counts from the moment of the turn, before anybody has looked', () => {
    turn({ p: '2' }, { 'pod/shop/a': rules({ p: '2', q: '1' }, '2') });
    expect(isBehind(own.live, a, p)).toBe(true);
    expect(isBehind(own.live, a, q)).toBe(false);
  });

  test('of a listener is in force only when its former connections have drained', () => {
    turn({ p: '2' }, { 'pod/shop/a': [made(listener('in', '2'), { p: '2', q: '1' })] });
    pass(100);
    rigs.get(`stream of ${a}`)?.settle();
    expect(behindOn(a)).toEqual([p]);
    pass(drainMs - 1);
    expect(behindOn(a)).toEqual([p]);
    pass(1);
    expect(behindOn(a)).toEqual([]);
  });

  test('of another policy while a listener drains does not bring back the first', () => {
    turn({ p: '2' }, { 'pod/shop/a': [made(listener('in', '2'), { p: '2', q: '1' })] });
    rigs.get(`stream of ${a}`)?.settle();
    pass(drainMs - 1_000);
    turn({ q: '2' }, { 'pod/shop/a': [made(listener('in', '3'), { p: '2', q: '2' })] });
    rigs.get(`stream of ${a}`)?.settle();
    expect(behindOn(a)).toEqual([p, q]);
    pass(1_000);
    expect(behindOn(a)).toEqual([q]);
    pass(drainMs - 1_000);
    expect(behindOn(a)).toEqual([]);
  });

  test('that gives no sidecar anything else leaves nobody behind', () => {
    turn({ p: '2' }, { 'pod/shop/a': rules({ p: '2', q: '1' }) });
    expect(behindOn(a)).toEqual([]);
  });

  test('of the endpoints of a cluster is no change of a policy', () => {
    turn({}, { mesh: [cluster('c', '2')] });
    expect([behindOn(a), behindOn(b)]).toEqual([[], []]);
  });

  test('that takes a policy from a pod leaves it behind until it has let go', () => {
    turn({ q: '2' }, { 'pod/shop/b': rules({}, '2'), 'pod/shop/a': rules({ p: '1' }, '2') });
    expect([behindOn(a), behindOn(b)]).toEqual([[q], [q]]);
    rigs.get(`stream of ${b}`)?.settle();
    expect([behindOn(a), behindOn(b)]).toEqual([[q], []]);
  });

  test('is told to others as what is true by the last look', () => {
    turn({ p: '2' }, { 'pod/shop/a': rules({ p: '2', q: '1' }, '2') });
    own.look();
    const told = own.summary('42');
    expect(told).toMatchObject({ replica: 'one', policiesVersion: '42' });
    expect([isBehind(told, a, p), isBehind(told, a, q), isBehind(told, b, p)]).toEqual([
      true,
      false,
      false,
    ]);
    rigs.get(`stream of ${a}`)?.settle();
    own.look();
    const later = own.summary('42');
    expect([...later.behind.keys(), ...later.changed.keys()]).toEqual([]);
    expect(isBehind(told, a, p)).toBe(true);
  });

  test('and only a change makes a look worth telling of', () => {
    expect(own.look()).toBe(false);
    turn({ p: '2' }, { 'pod/shop/a': rules({ p: '2', q: '1' }, '2') });
    expect([own.look(), own.look()]).toEqual([true, false]);
    rigs.get(`stream of ${a}`)?.settle();
    expect([own.look(), own.look()]).toEqual([true, false]);
  });
});

describe('a refusal', () => {
  const bad = made(route('r', 'bad'), { p: '2', q: '1' });

  beforeEach(() => {
    turn({ p: '1', q: '1' }, { ...first, 'pod/shop/a': rules({ p: '1', q: '1' }) });
    open(a).settle();
    own.look();
    turn({ p: '2' }, { 'pod/shop/a': [bad] });
    const rig = rigs.get(`stream of ${a}`);
    for (const response of rig?.pump() ?? []) rig?.nack(response, 'too bad');
    own.onStream({ ...streamRef(a, `stream of ${a}`), kind: 'refused' });
  });

  test('of a resource is a refusal of the policies that are new in it', () => {
    own.look();
    expect([...own.live.refused]).toEqual([
      [p, { hash: '2', message: 'too bad', first: a, pods: new Set([a]) }],
    ]);
  });

  test('of one identity is remembered while nobody accepts the form in such a resource', () => {
    const by = { identity: 'shop/a', type: 'RouteConfiguration' };
    policies.refuse(p, '2', { ...by, message: 'too bad' });
    rejections.note(a, { resource: bad, message: 'too bad' });
    own.onStream({ ...streamRef(a, `stream of ${a}`), kind: 'closed' });
    own.look();
    expect([...own.live.refused.keys()]).toEqual([p]);
    policies.accept(p, '2', { ...by, identity: 'shop/b' });
    own.look();
    expect([...own.live.refused.keys()]).toEqual([]);
  });

  test('is remembered while the form that was refused is the newest, whoever serves the pod', () => {
    policies.reject(p, '2', 'too bad');
    rejections.note(a, { resource: bad, message: 'too bad' });
    turn({}, { 'pod/shop/a': [made(route('r'), { p: '1', q: '1' })] });
    rigs.get(`stream of ${a}`)?.settle();
    own.onStream({ ...streamRef(a, `stream of ${a}`), kind: 'closed' });
    own.look();
    expect([...own.live.refused.keys()]).toEqual([p]);
    turn({ p: '3' }, { 'pod/shop/a': [made(route('r', '3'), { p: '3', q: '1' })] });
    expect(own.look()).toBe(true);
    expect([...own.live.refused.keys()]).toEqual([]);
  });
});
