/** What an operator hears before the authority ends: the metric, the log and `skerry ca status` of a real control plane. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { openAuthority } from '../../ca/index.js';
import { systemClock } from '../../lib/index.js';
import { createSecretCaStore } from './secret-ca-store.js';
import { eventually } from './test-kit.js';
import { install, type Installed } from './testing/installed.js';

const dayMs = 86_400_000;
const namespace = 'skerry-system';
const program = join(import.meta.dirname, '../../../dist/skerry.js');

let installed: Installed;

beforeAll(async () => {
  installed = await install();
}, 120_000);

afterAll(async () => {
  await installed.stop();
}, 60_000);

/** Whatever mesh was here is forgotten, and one begins whose root ends after so many days. */
async function beginWith(days: number): Promise<number> {
  const core = `/api/v1/namespaces/${namespace}`;
  for (const path of [`${core}/secrets/skerry-ca`, `${core}/configmaps/skerry-root`]) {
    await installed.client.send({ method: 'DELETE', path }).catch(() => undefined);
  }
  const store = createSecretCaStore({ client: installed.client, namespace });
  const lifetimes = { rootMs: days * dayMs };
  const made = { store, trustDomain: 'cluster.local', clock: systemClock, lifetimes };
  return (await openAuthority(made)).slots().active.rootNotAfterMs;
}

/** Seconds since the epoch by the certificate that ends then. */
function endsIn(metrics: string): ReadonlyMap<string, number> {
  const pattern = /^skerry_ca_not_after_seconds\{certificate="([^"]+)"\} (\S+)$/gm;
  return new Map([...metrics.matchAll(pattern)].map(([, name = '', at]) => [name, Number(at)]));
}

interface Said {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

function saidOf(text: string): readonly Said[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => {
      const fields = JSON.parse(line) as Readonly<Record<string, unknown>>;
      return { level: String(fields['level']), message: String(fields['message']), fields };
    });
}

const endsSoon = 'a certificate of the authority ends soon';

test.each([
  // Days left, the alarm as a rule on the metric would raise it, and how the log says it.
  [120, 'no', undefined],
  [89, 90, 'warn'],
  [29, 30, 'warn'],
  [6, 7, 'error'],
] as const)(
  'with %d days left the alarm of %s days is raised, by the metric, the log and the status',
  async (days, alarm, logLevel) => {
    const level = alarm === 'no' ? undefined : alarm;
    const endsAtMs = await beginWith(days);
    const replica = await installed.startProcess(`days-${String(days)}`);
    try {
      const ends = endsIn(await (await fetch(`${replica.healthUrl}/metrics`)).text());
      expect(ends.get('root')).toBe(endsAtMs / 1000);
      // No intermediate outlives its root.
      expect([...ends.keys()].sort()).toEqual(['root', 'server-issuer', 'workload-issuer']);
      for (const at of ends.values()) expect(at).toBeLessThanOrEqual(endsAtMs / 1000);
      const leftDays = ((ends.get('root') ?? 0) - Date.now() / 1000) / 86_400;
      const raised = [90, 30, 7].filter((threshold) => leftDays < threshold);
      expect(raised.at(-1)).toBe(level);
      const told = (): readonly Said[] =>
        saidOf(replica.said()).filter(
          ({ message, fields }) => message === endsSoon && fields['what'] === 'root',
        );
      if (level !== undefined) {
        await eventually(() => Promise.resolve(told().length > 0 ? true : undefined));
      }
      expect(told().map((one) => [one.level, one.fields['withinDays']])).toEqual(
        level === undefined ? [] : [[logLevel, level]],
      );
      const argv = [program, 'ca', 'status', '--admin-socket', replica.adminSocket];
      const status = spawnSync(process.execPath, argv, { encoding: 'utf8' });
      expect([status.status, status.stdout.includes('skerry ca rotate')]).toEqual(
        level === undefined ? [0, false] : [1, true],
      );
    } finally {
      replica.signal('SIGKILL');
    }
  },
  60_000,
);
