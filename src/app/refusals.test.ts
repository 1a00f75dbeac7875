/** Clients that are turned away: each is counted, and masses of them do not fill the log. */
import { expect, test } from '@jest/globals';
import { silentLogger, type LogFields } from '../lib/index.js';
import { createTurnAway, type TurnAway } from './refusals.js';

const refusal = { code: 'unauthenticated', reason: 'absent', message: 'no token' } as const;

interface Rig {
  readonly turnAway: TurnAway;
  readonly lines: LogFields[];
  readonly counted: () => number;
  nowMs: number;
}

function createRig(): Rig {
  const lines: LogFields[] = [];
  let count = 0;
  const time = { nowMs: 1_000 };
  const turnAway = createTurnAway(
    { refusedStreams: { inc: () => (count += 1) } } as unknown as Parameters<
      typeof createTurnAway
    >[0],
    { ...silentLogger, warn: (_message, fields = {}) => lines.push(fields) },
    { now: () => time.nowMs },
  );
  return Object.assign(time, { turnAway, lines, counted: () => count });
}

test('a refusal is logged with its reason, and told to the client', () => {
  const rig = createRig();
  expect(rig.turnAway(refusal, '10.0.0.1:5', 'shop/cart')).toEqual({
    code: 'unauthenticated',
    message: 'no token',
  });
  expect(rig.lines).toEqual([
    { reason: 'absent', detail: 'no token', peer: '10.0.0.1:5', node: 'shop/cart' },
  ]);
});

test('of thousands at once all are counted, a hundred logged, and the next line says how many were not', () => {
  const rig = createRig();
  for (let at = 0; at < 5_000; at += 1) rig.turnAway(refusal, 'somebody');
  expect([rig.counted(), rig.lines.length]).toEqual([5_000, 100]);
  rig.nowMs += 200;
  rig.turnAway(refusal, 'somebody');
  expect(rig.lines.at(-1)).toMatchObject({ unlogged: 4_900 });
  rig.nowMs += 60_000;
  rig.turnAway(refusal, 'somebody');
  expect(rig.lines.at(-1)).not.toHaveProperty('unlogged');
});

test('a clock that goes back silences nobody for long', () => {
  const rig = createRig();
  rig.nowMs -= 500;
  rig.turnAway(refusal, 'somebody');
  expect(rig.lines).toHaveLength(1);
});
