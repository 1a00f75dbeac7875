/** Claim: `inbound.connections` bounds the connections that a sidecar bears at once. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Mesh } from '../../../demo/rig/index.js';
import { claim } from '../../kit/claim.js';
import { manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

/** With a sidecar, and without. */
const callers = ['web/client', 'other/client'] as const;
const ledger = '10.66.2.2';
let mesh: Mesh;
let names = 0;

beforeAll(async () => {
  mesh = await startSuiteMesh({ suite: import.meta.url, base: 'own' });
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

afterEach(async () => {
  await mesh.writeManifest('50-policy.yaml', undefined);
});

async function limit(service: string, max: number): Promise<void> {
  const targetRefs = [{ kind: 'Service', name: service }];
  const policy = trafficPolicy('shop/policy', { targetRefs, inbound: { connections: { max } } });
  await mesh.writeManifest('50-policy.yaml', manifest(policy));
}

interface Held {
  /** Whether each of them echoes. */
  readonly echoes: readonly boolean[];
  close(): Promise<void>;
}

/** Opens connections one after another and says something over each. */
async function hold(from: string, count: number): Promise<Held> {
  const agent = await mesh.agent(from);
  const opened: string[] = [];
  const echoes: boolean[] = [];
  for (let index = 0; index < count; index += 1) {
    names += 1;
    const connection = `held-${String(names)}`;
    const { status } = await agent.tcpOpen({ connection, host: 'ledger.shop', port: 7000 });
    opened.push(connection);
    if (status !== 'open') {
      echoes.push(false);
      continue;
    }
    const said = await agent
      .tcpSend({ connection, send: 'hello', expectBytes: 5, timeoutMs: 3_000 })
      .catch(() => undefined);
    echoes.push(said?.body === 'hello');
  }
  return {
    echoes,
    close: async () => {
      for (const connection of opened) await agent.tcpClose(connection).catch(() => undefined);
    },
  };
}

const times = (count: number, value: boolean): readonly boolean[] =>
  Array.from({ length: count }, () => value);

describe.each(callers)('from %s', (from) => {
  test('without a policy as many are borne as come', async () => {
    // The policy of the test before goes a moment after its file.
    await eventually('no limit', async () => {
      const held = await hold(from, 20);
      await held.close();
      return held.echoes.includes(false) ? undefined : true;
    });
  });

  test('what comes beyond the limit is closed, and room is made again', async () => {
    await limit('ledger', 3);
    const held = await eventually('a limit', async () => {
      const found = await hold(from, 6);
      if (found.echoes.includes(false)) return found;
      await found.close();
      return undefined;
    });
    await held.close();
    const again = await eventually('room', async () => {
      const found = await hold(from, 6);
      await found.close();
      return found.echoes[0] === true ? found : undefined;
    });
    expect(again.echoes).toEqual([...times(3, true), ...times(3, false)]);
    claim('inbound-connections', `of 6 connections at once from ${from} at max 3, closed:`, 3);
  });
});

test('the sidecar’s own ports are not counted', async () => {
  await limit('ledger', 1);
  await eventually('a limit', async () => {
    const found = await hold('other/client', 2);
    await found.close();
    return found.echoes.includes(false) ? true : undefined;
  });
  const held = await hold('other/client', 1);
  for (let done = 0; done < 20; done += 1) {
    for (const path of [':15021/ready', ':15090/stats/prometheus']) {
      expect((await mesh.prober.http({ url: `http://${ledger}${path}` })).status).toBe(200);
    }
  }
  await held.close();
});

test('HTTP connections are bounded too', async () => {
  const url = 'http://catalog.shop/delay/300';
  const load = async (from: string) =>
    await (await mesh.agent(from)).load({ url, total: 12, concurrency: 12, timeoutMs: 20_000 });
  expect((await load('other/client')).statuses).toEqual({ 200: 12 });
  await limit('catalog', 2);
  const limited = await eventually('a limit', async () => {
    const result = await load('other/client');
    return Object.keys(result.errors).length > 0 ? result : undefined;
  });
  // Without a sidecar each call is a connection of its own, which is closed.
  expect(limited.statuses[200] ?? 0).toBeLessThanOrEqual(4);
});
