/** Claim: a sidecar whose clock is wrong works as far as certificates allow, is refused in clear words, and is named. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import type { CallResult, Mesh } from '../../../demo/rig/index.js';
import { claim } from '../../kit/claim.js';
import { eventually, sidecarOf, stat, untilLogged } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';
import { createFalseClocks, type FalseClocks } from './false-clock.js';

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;
const skewed = 'far/app';
const right = 'near/app';

let clocks: FalseClocks;
let mesh: Mesh;

beforeAll(async () => {
  const { SKERRY_ENVOY: envoy } = process.env;
  if (envoy === undefined) throw new Error('SKERRY_ENVOY does not name an Envoy: npm run setup');
  clocks = await createFalseClocks(envoy, [skewed]);
  // The script is what pods run; the rig takes its name from the environment.
  process.env['SKERRY_ENVOY'] = clocks.envoy;
  mesh = await startSuiteMesh({ suite: import.meta.url, base: 'own' });
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
  await clocks.remove();
});

const isOk = ({ status }: CallResult): boolean => status === 200;

async function call(from: string, host: string): Promise<CallResult> {
  return await (await mesh.agent(from)).http({ url: `http://${host}/`, timeoutMs: 5_000 });
}

/** A call of the skewed pod to the other, and one the other way. */
async function bothWays(): Promise<{ readonly out: CallResult; readonly in: CallResult }> {
  const [out, into] = await Promise.all([call(skewed, 'app.near'), call(right, 'app.far')]);
  return { out, in: into };
}

interface Proxy {
  readonly name: string;
  readonly clockAheadMs?: number;
}

async function proxies(): Promise<readonly Proxy[]> {
  const { stdout } = await mesh
    .controlPlane()
    .skerry([...['proxies', '--admin-socket', mesh.controlPlane().adminSocket, '-o', 'json']]);
  return JSON.parse(stdout) as readonly Proxy[];
}

async function clockOf(pod: string): Promise<number | undefined> {
  return (await proxies()).find(({ name }) => name === pod)?.clockAheadMs;
}

/** Starts the skewed pod's Envoy anew, with a clock so far ahead; where its log is now. */
async function restartAt(aheadSeconds: number): Promise<number> {
  const sidecar = sidecarOf(mesh, skewed);
  await clocks.set(skewed, aheadSeconds);
  const { length } = await sidecar.log();
  await sidecar.restart();
  return length;
}

async function untilConnected(): Promise<number> {
  return await eventually(
    'the skewed sidecar at the control plane',
    async () => {
      const open = await proxies();
      // The one before may still be listed.
      const own = open.filter(({ name }) => name === skewed);
      const [only] = own;
      return own.length === 1 ? only?.clockAheadMs : undefined;
    },
    30_000,
  );
}

async function untilReady(): Promise<void> {
  await mesh.untilReady([skewed, right], 30_000);
}

/** The line that says why the control plane is not reached. */
async function untilComplaint(from: number): Promise<void> {
  const words = /config stream to skerry_control_plane closed.*certificate_is_not_yet_valid/;
  await eventually(
    'what its log says of the certificate',
    async () => (words.test((await sidecarOf(mesh, skewed).log()).slice(from)) ? true : undefined),
    60_000,
  );
}

const seen: string[] = [];

afterAll(() => {
  claim('clock-skew', 'a sidecar’s clock, and what comes of it:', seen.join('; '));
});

test.each([
  ['4 minutes behind', -4 * minute],
  ['10 minutes ahead', 10 * minute],
  ['an hour ahead', hour],
])('%s: it connects, calls and is called, and the control plane names it', async (how, seconds) => {
  await restartAt(seconds);
  const aheadMs = await untilConnected();
  expect(Math.abs(aheadMs / 1000 - seconds)).toBeLessThan(30);
  await untilReady();
  await eventually('calls both ways', async () => {
    const found = await bothWays();
    return isOk(found.out) && isOk(found.in) ? true : undefined;
  });
  const log = await readFile(mesh.controlPlane().logFile, 'utf8');
  const lines = log.split('\n').filter((line) => line.includes('the clock of a sidecar and ours'));
  expect(lines.at(-1)).toContain(`"proxy":"${skewed}"`);
  expect(lines.at(-1)).toMatch(seconds < 0 ? /\d+ s behind/ : /\d+ s ahead/);
  // Whose clock is right is not accused.
  expect(Math.abs((await clockOf(right)) ?? Infinity)).toBeLessThan(30_000);
  seen.push(`${how} works and is named`);
});

test('a day ahead: it connects and is named, and others’ certificates have ended for it, in these words', async () => {
  await restartAt(day);
  const aheadMs = await untilConnected();
  expect(Math.abs(aheadMs / 1000 - day)).toBeLessThan(30);
  await untilReady();
  const { length } = await sidecarOf(mesh, skewed).log();
  const { out, in: into } = await bothWays();
  expect([out.status, into.status]).toEqual([503, 503]);
  const words = 'certificate_has_expired';
  await untilLogged(
    mesh,
    skewed,
    [words, '"authority":"app.near"', '"direction":"outbound"'],
    length,
  );
  await untilLogged(mesh, skewed, [words, '"direction":"inbound"'], length);
  seen.push('a day ahead connects, is named and calls nobody (“certificate has expired”)');
});

test.each([
  ['10 minutes behind', -10 * minute, false],
  ['an hour behind', -hour, false],
  // Envoy says so only after half a minute: once will do.
  ['a day behind', -day, true],
])(
  '%s: certificates that are new are not valid yet for it, and its log says so; put right, it comes by itself',
  async (how, seconds, hasWords) => {
    const from = await restartAt(seconds);
    await eventually('certificates that are refused', async () => {
      const count = await stat(mesh, skewed, 'cluster.skerry_control_plane.ssl.fail_verify_error');
      return count > 1 ? true : undefined;
    });
    expect(await clockOf(skewed)).toBeUndefined();
    if (hasWords) await untilComplaint(from);
    await clocks.set(skewed, 0);
    const aheadMs = await untilConnected();
    expect(Math.abs(aheadMs)).toBeLessThan(30_000);
    await untilReady();
    await eventually('calls both ways', async () => {
      const found = await bothWays();
      return isOk(found.out) && isOk(found.in) ? true : undefined;
    });
    seen.push(`${how} does not connect (“certificate is not yet valid”) until it is put right`);
  },
);

test('the clock of a sidecar that runs falls back an hour: its stream stays, new connections are refused until it is right', async () => {
  await restartAt(0);
  await untilConnected();
  await untilReady();
  await clocks.set(skewed, -hour);
  const { length } = await sidecarOf(mesh, skewed).log();
  await eventually('a call that is refused', async () => {
    const { out } = await bothWays();
    return out.status === 503 ? true : undefined;
  });
  const words = 'certificate_is_not_yet_valid';
  await untilLogged(mesh, skewed, [words, '"authority":"app.near"'], length);
  expect(await clockOf(skewed)).toBeDefined();
  await clocks.set(skewed, 0);
  await eventually('calls both ways', async () => {
    const found = await bothWays();
    return isOk(found.out) && isOk(found.in) ? true : undefined;
  });
});
