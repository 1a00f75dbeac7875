/** The way in: how many at once, whose turn it is, and who is waited for. */
import { afterEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { createDoorway, type Doorway } from './doorway.js';
import { makeCertificate, startMesh } from './testing/mesh.js';

interface Rig {
  readonly doorway: Doorway;
  readonly entered: string[];
  readonly come: (address: string, port: number, isSilent?: boolean) => void;
  /** One turn of the event loop; how many entered. */
  readonly turn: () => number;
  readonly passTime: (untilMs: number) => void;
}

function rig(places: number): Rig {
  const deferred: (() => void)[] = [];
  const timers = new Set<{ readonly ms: number; readonly task: () => void }>();
  const entered: string[] = [];
  const doorway = createDoorway({
    ...{ places, silenceMs: 20, patienceMs: 200 },
    clock: {
      after: (ms, task) => {
        const timer = { ms, task };
        timers.add(timer);
        return () => void timers.delete(timer);
      },
    },
    defer: (task) => void deferred.push(task),
  });
  return {
    doorway,
    entered,
    come: (address, port, isSilent = false) => {
      const peer = `${address}:${String(port)}`;
      const enter = (): void => void entered.push(peer);
      doorway.add({ peer, address, enter, isSilent: () => isSilent });
    },
    turn: () => {
      const before = entered.length;
      for (const task of deferred.splice(0)) task();
      return entered.length - before;
    },
    passTime: (untilMs) => {
      for (const timer of [...timers].filter(({ ms }) => ms <= untilMs)) {
        timers.delete(timer);
        timer.task();
      }
    },
  };
}

test('one enters in each turn, and no more than there are places', () => {
  const { come, turn, entered, doorway } = rig(2);
  for (const port of [1, 2, 3]) come('a', port);
  expect([turn(), turn(), turn()]).toEqual([1, 1, 0]);
  doorway.leave('a:1');
  expect(turn()).toBe(1);
  expect(entered).toEqual(['a:1', 'a:2', 'a:3']);
});

test('addresses take turns, so that many of one do not keep another out', () => {
  const { come, turn, entered, doorway } = rig(1);
  for (const port of [1, 2, 3, 4]) come('a', port);
  come('b', 1);
  come('c', 1);
  for (let at = 0; at < 6; at += 1) {
    turn();
    doorway.leave(entered.at(-1) ?? '');
  }
  expect(entered).toEqual(['a:1', 'a:2', 'b:1', 'c:1', 'a:3', 'a:4']);
});

test('who does not go on is waited for no longer than patience lasts, and leaves once', () => {
  const { come, turn, passTime, entered, doorway } = rig(1);
  for (const port of [1, 2, 3]) come('a', port);
  turn();
  passTime(20);
  expect(turn()).toBe(0);
  passTime(200);
  turn();
  expect(entered).toEqual(['a:1', 'a:2']);
  // Its place is another's by now.
  doorway.leave('a:1');
  expect(turn()).toBe(0);
});

test('who says nothing is waited for no longer than silence lasts', () => {
  const { come, turn, passTime, entered } = rig(1);
  come('a', 1, true);
  come('a', 2);
  turn();
  passTime(20);
  turn();
  expect(entered).toEqual(['a:1', 'a:2']);
});

test('who is gone before its turn leaves its place', () => {
  const { come, turn, doorway, passTime, entered } = rig(1);
  come('a', 1);
  come('a', 2);
  doorway.leave('a:1');
  turn();
  turn();
  // What the first one set must not end the second one's stay.
  come('a', 3);
  passTime(20);
  expect([turn(), entered]).toEqual([0, ['a:1', 'a:2']]);
});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

test('over TLS, connections that say nothing stand in nobody’s way', async () => {
  const certificate = makeCertificate();
  const one = await startMesh({ certificate });
  cleanups.push(() => one.stop());
  for (let at = 0; at < 100; at += 1) {
    const silent = connect(one.port, '127.0.0.1');
    silent.on('error', () => undefined);
    cleanups.push(() => silent.destroy());
    await once(silent, 'connect');
  }
  const shake = async (): Promise<TLSSocket> => {
    const socket = connectTls({
      ...{ port: one.port, host: '127.0.0.1', ALPNProtocols: ['h2'], rejectUnauthorized: false },
    });
    cleanups.push(() => socket.destroy());
    await once(socket, 'secureConnect');
    return socket;
  };
  const all = await Promise.all(Array.from({ length: 100 }, shake));
  expect(all.map(({ alpnProtocol }) => alpnProtocol)).toEqual(all.map(() => 'h2'));
});
