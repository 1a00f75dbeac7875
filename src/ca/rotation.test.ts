/** A rotation, phase by phase: who signs, who is trusted, who is waited for, and by what names. */
import { beforeEach, expect, test } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { spiffeId } from '../model/index.js';
import type { RotationView } from './rotation.js';
import { createWorld, leafMs, type Replica, type World } from './testing/rotation-world.js';
import { freshRequest, verifyChain } from './test-kit.js';

let world: World;
let leader: Replica;
let other: Replica;

beforeEach(async () => {
  world = createWorld({ replicas: 2, sidecars: 2 });
  const [first, second] = world.replicas;
  if (first === undefined || second === undefined) throw new Error('expected two replicas');
  leader = first;
  other = second;
  for (const replica of world.replicas) await world.start(replica);
  world.publish(leader);
  for (const [at, sidecar] of world.sidecars.entries()) {
    await world.connect(sidecar, at === 0 ? leader : other);
  }
});

function runningOf(replica: Replica): NonNullable<Replica['running']> {
  if (replica.running === undefined) throw new Error(`${replica.name} does not run`);
  return replica.running;
}

function viewOf(replica: Replica): RotationView {
  return runningOf(replica).rotation.view();
}

async function rotate(mode: 'staged' | 'forced' = 'staged'): Promise<RotationView> {
  const begun = await runningOf(leader).rotation.start(mode);
  if (!begun.ok) throw new Error(begun.error);
  return begun.value;
}

/** What everybody does by themselves; the sidecars accept what they are given. */
async function round(sidecars: readonly number[] = [0, 1]): Promise<void> {
  for (const replica of world.replicas) await world.reload(replica);
  for (const at of sidecars) {
    const sidecar = world.sidecars[at];
    if (sidecar === undefined) continue;
    world.acceptBundle(sidecar);
    await world.acceptCertificate(sidecar);
  }
  world.publish(leader);
  for (const replica of world.replicas) world.tell(replica);
  await runningOf(leader).rotation.look();
}

async function reconnect(): Promise<void> {
  for (const [at, sidecar] of world.sidecars.entries()) {
    world.disconnect(sidecar);
    await world.connect(sidecar, at === 0 ? leader : other);
  }
}

async function chainOf(replica: Replica): Promise<string> {
  const { authority } = runningOf(replica);
  const id = spiffeId('example.org', 'shop', 'x');
  const issued = await authority.issue({ spiffeId: id, csr: freshRequest(), podUid: 'u' });
  if (!issued.ok) throw new Error(issued.error.detail);
  return issued.value.chainPem;
}

function rootPem(slot: 'active' | 'next' | 'retired'): string {
  return runningOf(leader).authority.slots()[slot]?.rootPem ?? '';
}

test('at each stage openssl accepts what is signed, by the root whose turn it is alone', async () => {
  const before = rootPem('active');
  await rotate();
  const next = rootPem('next');
  expect(verifyChain(await chainOf(leader), before).isOk).toBe(true);
  expect(verifyChain(await chainOf(leader), next).isOk).toBe(false);
  await round();
  expect(viewOf(leader).phase).toBe('draining');
  expect(verifyChain(await chainOf(leader), next).isOk).toBe(true);
  expect(verifyChain(await chainOf(leader), before).isOk).toBe(false);
  expect(verifyChain(await chainOf(other), before).isOk).toBe(true);
  await world.reload(other);
  const bundle = runningOf(other).authority.bundle();
  expect(verifyChain(await chainOf(other), bundle).isOk).toBe(true);
  await world.advance(leafMs * 1.2);
  await reconnect();
  await round();
  expect(viewOf(leader).phase).toBe('none');
  expect(runningOf(leader).authority.bundle()).toBe(next);
});

test('the bundle is the same text whichever of its roots signs', async () => {
  await rotate();
  const { authority } = runningOf(leader);
  const before = authority.bundle();
  await round();
  expect(viewOf(leader).phase).toBe('draining');
  expect(authority.bundle()).toBe(before);
});

test('a sidecar that has not accepted the bundle is waited for by name', async () => {
  await rotate();
  await round([0]);
  expect(viewOf(leader)).toMatchObject({
    phase: 'publishing',
    waiting: [
      { kind: 'sidecar', name: 'shop/p1', why: 'has not accepted the bundle with the next root' },
    ],
  });
  await round();
  expect(viewOf(leader).phase).toBe('draining');
});

test('a pod that is not connected is waited for as long as its certificate may be valid', async () => {
  await rotate();
  const [, away] = world.sidecars;
  if (away !== undefined) world.disconnect(away);
  await round();
  expect(viewOf(leader).waiting).toMatchObject([{ name: 'shop/p1' }]);
  expect(viewOf(leader).waiting[0]?.why).toContain('is not connected; it counts for 13 h more');
  await world.advance(leafMs);
  await round([0]);
  expect(viewOf(leader).phase).toBe('publishing');
  await world.advance(leafMs);
  await round([0]);
  expect(viewOf(leader).phase).toBe('draining');
});

test('a replica that has not taken the slots into use, or has not told of it, is waited for', async () => {
  await rotate();
  world.tell(other);
  await world.reload(leader);
  world.acceptBundle(world.sidecars[0] ?? never());
  world.publish(leader);
  await runningOf(leader).rotation.look();
  expect(viewOf(leader).waiting).toContainEqual({
    ...{ kind: 'replica', name: 'r1' },
    why: 'has not taken the slots into use yet',
  });
  other.note = undefined;
  await runningOf(leader).rotation.look();
  expect(viewOf(leader).waiting).toContainEqual({
    ...{ kind: 'replica', name: 'r1' },
    why: 'has not told of its sidecars',
  });
});

function never(): never {
  throw new Error('expected a sidecar');
}

test('where the bundle is not published yet, it is waited for', async () => {
  await rotate();
  for (const replica of world.replicas) await world.reload(replica);
  for (const sidecar of world.sidecars) world.acceptBundle(sidecar);
  for (const replica of world.replicas) world.tell(replica);
  await runningOf(leader).rotation.look();
  expect(viewOf(leader).waiting).toMatchObject([{ kind: 'publication', name: 'namespace shop' }]);
});

test('a replica that does not lead takes no step', async () => {
  leader.isLeader = false;
  await rotate();
  leader.isLeader = true;
  world.publish(leader);
  leader.isLeader = false;
  await round();
  expect(viewOf(leader)).toMatchObject({ phase: 'publishing', waiting: [] });
  leader.isLeader = true;
  await round();
  expect(viewOf(leader).phase).toBe('draining');
});

test('the server shows the former root until files have spread, and retirement waits for connections after that', async () => {
  await rotate();
  await round();
  const { authority } = runningOf(leader);
  const { active, retired } = authority.slots();
  const shown = async (): Promise<string> => (await authority.serverCertificate(['a.b'])).root;
  expect(await shown()).toBe(retired?.fingerprint);
  await world.advance(11 * 60_000);
  expect(await shown()).toBe(active.fingerprint);
  await world.advance(leafMs * 1.2);
  await round();
  expect(viewOf(leader)).toMatchObject({
    phase: 'draining',
    waiting: [{ name: 'shop/p0' }, { name: 'shop/p1' }],
  });
  await reconnect();
  await round();
  expect(viewOf(leader).phase).toBe('none');
});

test('one that is under way survives the end of every replica', async () => {
  const { sinceMs, roots } = await rotate();
  for (const replica of world.replicas) world.crash(replica);
  for (const replica of world.replicas) await world.start(replica);
  expect(viewOf(other)).toMatchObject({ phase: 'publishing', sinceMs, roots });
  await reconnect();
  await round();
  expect(viewOf(leader).phase).toBe('draining');
});

test('there is one at a time, and only while there is one can it be aborted', async () => {
  expect(await runningOf(leader).rotation.abort()).toEqual({
    ok: false,
    error: 'no rotation is under way',
  });
  await rotate();
  const second = await runningOf(other).rotation.start('staged');
  expect(second).toMatchObject({ ok: false });
  expect(second.ok ? '' : second.error).toContain('a rotation is under way (publishing)');
});

test('aborted while it is published, the next root is gone and its key with it', async () => {
  const before = rootPem('active');
  await rotate();
  expect(await runningOf(other).rotation.abort()).toMatchObject({ ok: true });
  await round();
  expect(runningOf(leader).authority.bundle()).toBe(before);
  expect([...world.memory.slots.keys()]).toEqual(['active']);
});

test('aborted while it drains, the former root signs again and the new one is drained', async () => {
  const before = rootPem('active');
  await rotate();
  await round();
  const turned = await runningOf(leader).rotation.abort();
  expect(turned).toMatchObject({ ok: true, value: { phase: 'draining' } });
  expect(verifyChain(await chainOf(leader), before).isOk).toBe(true);
  await round();
  await world.advance(leafMs * 1.2);
  await reconnect();
  await round();
  expect(viewOf(leader).phase).toBe('none');
  expect(runningOf(leader).authority.bundle()).toBe(before);
});

test('turned back at once, the server goes on with the root that every file holds', async () => {
  const former = runningOf(leader).authority.slots().active.fingerprint;
  await rotate();
  await round();
  await runningOf(leader).rotation.abort();
  const { root } = await runningOf(leader).authority.serverCertificate(['a.b']);
  expect(root).toBe(former);
});

test('a forced one waits a minute for those who are connected, and for nobody else', async () => {
  await rotate('forced');
  await round([0]);
  expect(viewOf(leader)).toMatchObject({ phase: 'publishing', waiting: [{ name: 'shop/p1' }] });
  await world.advance(61_000);
  await round([0]);
  expect(viewOf(leader).phase).toBe('draining');
  const { authority } = runningOf(leader);
  const { root } = await authority.serverCertificate(['a.b']);
  expect(root).toBe(authority.slots().active.fingerprint);
  await round();
  expect(viewOf(leader).phase).toBe('none');
});

test('one that is under way can be forced', async () => {
  await rotate();
  await world.advance(61_000);
  await round([0]);
  expect(viewOf(leader)).toMatchObject({ phase: 'publishing', mode: 'staged' });
  await rotate('forced');
  expect(viewOf(leader)).toMatchObject({ phase: 'publishing', mode: 'forced' });
  await round([0]);
  expect(viewOf(leader).phase).toBe('draining');
});

test('slots of which nobody knows since when they are so are counted from now on', async () => {
  await rotate();
  world.memory.records = new Map(
    [...world.memory.records].filter(([name]) => name !== 'rotation.json'),
  );
  world.memory.revision += 1;
  await world.reload(leader);
  expect(viewOf(leader).sinceMs).toBeUndefined();
  await runningOf(leader).rotation.look();
  expect(viewOf(leader).sinceMs).toBe(world.clock.now());
});

test('a store that holds another CA by now is not taken over, and what is held goes on', async () => {
  const stranger = createWorld({ replicas: 1, sidecars: 0 });
  const [replica] = stranger.replicas;
  if (replica !== undefined) await stranger.start(replica);
  const { authority } = runningOf(leader);
  const before = authority.bundle();
  world.memory.slots = stranger.memory.slots;
  world.memory.records = stranger.memory.records;
  world.memory.revision += 1;
  await expect(authority.reload()).rejects.toMatchObject({ code: 'CaMismatch' });
  expect(authority.bundle()).toBe(before);
  expect(verifyChain(await chainOf(leader), before).isOk).toBe(true);
});

test('the key of a root that is taken out of the store is used no more', async () => {
  const { authority } = runningOf(leader);
  const active = new Map(world.memory.slots.get('active'));
  active.delete('root-key.pem');
  world.memory.slots = new Map([['active', active]]);
  await authority.reload();
  expect(authority.slots().active.rootKey).toBeUndefined();
  expect(new X509Certificate(await chainOf(leader)).subjectAltName).toContain('spiffe://');
});
