/** The ledger of demanded names. */
import { describe, expect, test } from '@jest/globals';
import { createDemandLedger, type DemandChange, type DemandLedger } from './demand.js';

interface Rig {
  readonly ledger: DemandLedger;
  readonly changes: DemandChange[];
  /** Lets the grace pass for everything released so far. */
  readonly pass: () => void;
}

function rig(): Rig {
  const changes: DemandChange[] = [];
  const due: (() => void)[] = [];
  const ledger = createDemandLedger({
    clock: {
      now: () => 0,
      after: (_delay, task) => {
        due.push(task);
        return () => undefined;
      },
    },
    graceMs: 1000,
    onChange: (change) => changes.push(change),
  });
  return {
    ledger,
    changes,
    pass: () => {
      for (const task of due.splice(0)) task();
    },
  };
}

describe('the demand ledger', () => {
  test('tells of a name once, however many sidecars ask', () => {
    const { ledger, changes } = rig();
    ledger.want('1', 'a', 'http|10.0.0.1:80');
    ledger.want('1', 'a', 'http|10.0.0.1:80');
    ledger.want('2', 'a', 'http|10.0.0.1:80');
    expect(changes).toEqual([{ name: 'http|10.0.0.1:80', namespace: 'a', isWanted: true }]);
  });

  test('tells each namespace apart', () => {
    const { ledger, changes } = rig();
    ledger.want('1', 'a', 'n');
    ledger.want('2', 'b', 'n');
    expect(changes.map((one) => one.namespace)).toEqual(['a', 'b']);
  });

  test('drops a name after the grace when its last asker has gone', () => {
    const { ledger, changes, pass } = rig();
    ledger.want('1', 'a', 'n');
    ledger.want('2', 'a', 'n');
    ledger.end('1');
    pass();
    expect(changes).toHaveLength(1);
    ledger.release('2', 'n');
    expect(changes).toHaveLength(1);
    pass();
    expect(changes[1]).toEqual({ name: 'n', namespace: 'a', isWanted: false });
    expect(ledger.size()).toBe(0);
  });

  test('keeps a name that is asked for again within the grace', () => {
    const { ledger, changes, pass } = rig();
    ledger.want('1', 'a', 'n');
    ledger.end('1');
    ledger.want('2', 'a', 'n');
    pass();
    expect(changes).toHaveLength(1);
    expect(ledger.size()).toBe(1);
  });
});
