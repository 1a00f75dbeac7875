/** Claim: whoever refuses all he is sent, with one identity's token, holds no policy back from others, not even for a moment. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { readManifests, type Mesh } from '../../../demo/rig/index.js';
import { typeUrls } from '../../../src/envoy/index.js';
import type { AdsOutcome } from '../../apps/ads-contract.js';
import { streamAs } from '../../kit/ads-stream.js';
import { claim, since } from '../../kit/claim.js';
import { diagnostics, proxiesCommand, proxyViews, untilSettled } from '../../kit/control-plane.js';
import { manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually, sidecarOf } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

/** Its own sidecar does not run: whoever has its token speaks for it alone. */
const robbed = 'b/reviews-v1';
const honest = ['a/frontend', 'b/greeter', 'c/ratings'];
const words = 'I take nothing';
const contain = 'skerry-system/contain';
/** As long as the control plane waits for others to speak. */
const answerMs = 5_000;
const attackMs = 30_000;

let mesh: Mesh;
let attack: Promise<AdsOutcome>;

beforeAll(async () => {
  mesh = await startSuiteMesh({ suite: import.meta.url, pods: honest });
  await untilSettled(mesh);
  const { pods } = await readManifests(mesh.directory);
  const pod = pods.find(({ namespace, name }) => `${namespace}/${name}` === robbed);
  if (pod === undefined) throw new Error(`${robbed} is in no manifest`);
  attack = streamAs(mesh, pod, {
    subscribe: { [typeUrls.secret]: ['default'], [typeUrls.cluster]: [], [typeUrls.listener]: [] },
    ...{ waitMs: attackMs, refuses: words },
  });
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

function toAll(keys: readonly string[], signal: 'SIGSTOP' | 'SIGCONT'): void {
  for (const key of keys) sidecarOf(mesh, key).process().signal(signal);
}

async function untilRefused(origin: string): Promise<void> {
  await eventually(`a refusal of ${origin}`, async () => {
    const views = await proxyViews(mesh.controlPlane());
    const refused = views.find(({ name }) => name === robbed)?.rejected ?? [];
    return refused.some(({ origins }) => origins.includes(`TrafficPolicy ${origin}`)) || undefined;
  });
}

async function statusFor(key: string): Promise<number | string | null> {
  const agent = await mesh.agent(key);
  return (await agent.http({ url: 'http://ratings.c:8080/' })).status;
}

async function errors(): Promise<readonly string[]> {
  const found = await diagnostics(mesh.controlPlane());
  return found.flatMap(({ code, severity }) =>
    code === 'Rejected' && severity === 'error' ? [code] : [],
  );
}

test('a deny that is to contain him is in force by traffic, though he is the first to speak', async () => {
  await untilRefused('skerry-system/mesh');
  expect(await statusFor('b/greeter')).toBe(200);
  toAll(honest, 'SIGSTOP');
  await mesh.writeManifest(
    '70-contain.yaml',
    manifest(
      trafficPolicy(contain, {
        targetRefs: [{ kind: 'Mesh' }],
        inbound: { authorization: { deny: [{ name: 'b-out', from: [{ namespace: 'b' }] }] } },
      }),
    ),
  );
  await untilRefused(contain);
  const refusedAt = performance.now();
  expect(await errors()).toEqual([]);
  toAll(honest, 'SIGCONT');
  await eventually('the deny', async () => (await statusFor('b/greeter')) === 403 || undefined);
  claim('refusal', 'from his refusal to the deny in force elsewhere', since(refusedAt));
  await pause(answerMs + 1_000 - (performance.now() - refusedAt));
  expect(await statusFor('b/greeter')).toBe(403);
  expect(await errors()).toEqual([]);
}, 60_000);

test('he is named, with his words, and was sent the deny', async () => {
  const { code, stdout } = await proxiesCommand(mesh.controlPlane());
  expect(code).toBe(1);
  expect(stdout).toMatch(new RegExp(`${robbed} refused .*${contain}.*: ${words}`));
  const { status, resources } = await attack;
  expect(status).toBe('open');
  const listeners = resources.filter(({ typeUrl }) => typeUrl === typeUrls.listener);
  expect(JSON.stringify(listeners)).toContain(`${contain}/b-out`);
}, 60_000);

test('a form that is bad is withheld from a sidecar that starts, and is the only one to speak', async () => {
  await mesh.writeManifest('70-contain.yaml', undefined);
  await eventually('the end of the deny', async () =>
    (await statusFor('b/greeter')) === 200 ? true : undefined,
  );
  const silent = honest.filter((key) => key !== 'b/greeter');
  await mesh.stopPod('b/greeter');
  toAll(silent, 'SIGSTOP');
  // Valid RE2, but its program is above Envoy's limit.
  const path = { type: 'RegularExpression', value: '/[a-z]{300}' };
  await mesh.writeManifest(
    '71-bad.yaml',
    manifest(
      trafficPolicy('c/pattern', {
        targetRefs: [{ kind: 'Service', name: 'ratings' }],
        routes: [{ name: 'pattern', matches: [{ path }] }],
      }),
    ),
  );
  const startedAt = performance.now();
  await mesh.startPod('b/greeter');
  await eventually('the verdict', async () => (await errors()).length > 0 || undefined, 20_000);
  claim(
    'refusal',
    'from its start to the last good form, with nobody else to ask',
    since(startedAt),
  );
  toAll(silent, 'SIGCONT');
  await mesh.untilReady(['b/greeter']);
  await eventually('an answer', async () => (await statusFor('b/greeter')) === 200 || undefined);
}, 60_000);
