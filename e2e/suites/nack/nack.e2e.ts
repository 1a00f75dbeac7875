/** Claim: a policy that Envoy refuses is named with Envoy's words, and its last good form stays in force for everybody. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Mesh } from '../../../demo/rig/index.js';
import { claim, since } from '../../kit/claim.js';
import { diagnostics, proxies, proxiesCommand, untilSettled } from '../../kit/control-plane.js';
import { manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

/** Valid RE2, but its program of 305 instructions is above Envoy's limit of 100. */
const tooLarge = '/[a-z]{300}';
const envoysWords = 'RE2 program size';
const pods = ['a/frontend', 'b/reviews-v1', 'b/reviews-v2', 'c/ratings'];
const reviewsFile = '60-reviews.yaml';
const ratingsFile = '61-ratings.yaml';

let mesh: Mesh;

beforeAll(async () => {
  mesh = await startSuiteMesh({ suite: import.meta.url, pods: [...pods, 'b/greeter'] });
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

/** Paths that match `pattern` are answered with the form's name in a header. */
function reviews(form: string, pattern: string): string {
  return manifest(
    trafficPolicy('b/reviews-pattern', {
      targetRefs: [{ kind: 'Service', name: 'reviews-v2' }],
      routes: [
        {
          name: 'pattern',
          matches: [{ path: { type: 'RegularExpression', value: pattern } }],
          responseHeaders: { set: { 'x-form': form } },
        },
        { name: 'rest', responseHeaders: { set: { 'x-form': `${form}, rest` } } },
      ],
    }),
  );
}

/** Admits namespace b to ratings, which another policy does as well, and routes by `pattern`. */
function ratings(pattern: string): string {
  return manifest(
    trafficPolicy('c/ratings-pattern', {
      targetRefs: [{ kind: 'Service', name: 'ratings' }],
      routes: [
        { name: 'pattern', matches: [{ path: { type: 'RegularExpression', value: pattern } }] },
        { name: 'rest' },
      ],
      inbound: { authorization: { allow: [{ name: 'from-b', from: [{ namespace: 'b' }] }] } },
    }),
  );
}

/** The form of the routes that is in force for a caller. */
async function formFor(key: string): Promise<string | undefined> {
  const agent = await mesh.agent(key);
  const { status, headers } = await agent.http({ url: 'http://reviews-v2.b/abc' });
  return status === 200 ? headers['x-form'] : `status ${String(status)}`;
}

async function statusOfRatings(): Promise<number | string | null> {
  const agent = await mesh.agent('b/greeter');
  return (await agent.http({ url: 'http://ratings.c:8080/' })).status;
}

async function untilRejected(object: string): Promise<void> {
  await eventually(`a rejection of ${object}`, async () =>
    (await diagnostics(mesh.controlPlane())).some(
      ({ code, severity, object: of }) =>
        code === 'Rejected' && severity === 'error' && of?.name === object,
    )
      ? true
      : undefined,
  );
}

async function untilNothingRejected(): Promise<void> {
  await eventually('the end of rejections', async () => {
    const found = await diagnostics(mesh.controlPlane());
    return found.some(({ code }) => code === 'Rejected') ? undefined : true;
  });
}

describe('a policy that was good and is edited into one that Envoy refuses', () => {
  test('is named by skerry proxies and the diagnostics, with Envoy’s message', async () => {
    await mesh.writeManifest(reviewsFile, reviews('good', '/[a-z]{3}'));
    await eventually('the good form', async () =>
      (await formFor('a/frontend')) === 'good' ? true : undefined,
    );
    const editedAt = performance.now();
    await mesh.writeManifest(reviewsFile, reviews('bad', tooLarge));
    await untilRejected('reviews-pattern');
    claim('nack', 'edit to the diagnostic that names the policy', since(editedAt));

    const found = (await diagnostics(mesh.controlPlane())).filter(
      ({ code }) => code === 'Rejected',
    );
    expect(found).toEqual([
      expect.objectContaining({
        object: {
          group: 'skerry.dev',
          kind: 'TrafficPolicy',
          namespace: 'b',
          name: 'reviews-pattern',
        },
        severity: 'error',
        message: expect.stringContaining(envoysWords),
      }),
    ]);
  });

  test('stays in force in its last good form for sidecars that run', async () => {
    for (const key of ['a/frontend', 'b/reviews-v1']) expect(await formFor(key)).toBe('good');
  });

  test('stays named in skerry proxies, which exits 1, while the good form is in force', async () => {
    const { code, stdout } = await proxiesCommand(mesh.controlPlane());
    expect(stdout).toContain('TrafficPolicy b/reviews-pattern');
    expect(stdout).toContain(envoysWords);
    expect(code).toBe(1);
  });

  test('stays so for a sidecar that starts afterwards', async () => {
    await mesh.stopPod('a/frontend');
    await mesh.startPod('a/frontend');
    await mesh.untilReady(['a/frontend']);
    expect(await formFor('a/frontend')).toBe('good');
  });

  test('stays so after a restart of the control plane, and for a sidecar that starts then', async () => {
    await mesh.controlPlane().kill();
    await mesh.controlPlane().start();
    await mesh.stopPod('a/frontend');
    await mesh.startPod('a/frontend');
    await mesh.untilReady(['a/frontend']);
    await untilSettled(mesh);
    expect(await formFor('a/frontend')).toBe('good');
    expect(await formFor('b/reviews-v1')).toBe('good');
    await untilRejected('reviews-pattern');
  });

  test('is mended by an edit', async () => {
    await mesh.writeManifest(reviewsFile, reviews('mended', '/[a-z]{3}'));
    await eventually('the mended form', async () =>
      (await formFor('a/frontend')) === 'mended' ? true : undefined,
    );
    await untilNothingRejected();
    const { code, stdout } = await proxiesCommand(mesh.controlPlane());
    expect(stdout).not.toContain('refused');
    expect(code).toBe(0);
  });
});

describe('a policy of which no good form is known', () => {
  test('fails closed where it spoke of authorization', async () => {
    expect(await statusOfRatings()).toBe(200);
    await mesh.writeManifest(ratingsFile, ratings(tooLarge));
    await untilRejected('ratings-pattern');
    await eventually('a refusal', async () =>
      (await statusOfRatings()) === 403 ? true : undefined,
    );
    await untilSettled(mesh);
    expect(await statusOfRatings()).toBe(403);
  });

  test('does so after a restart of the control plane too', async () => {
    await mesh.controlPlane().kill();
    await mesh.controlPlane().start();
    await untilSettled(mesh);
    expect(await statusOfRatings()).toBe(403);
    await untilRejected('ratings-pattern');
  });

  test('touches no other policy', async () => {
    expect(await formFor('a/frontend')).toBe('mended');
    const rejected = (await proxies(mesh.controlPlane())).flatMap((proxy) =>
      proxy.rejected.flatMap(({ origins }) => origins),
    );
    expect(rejected.filter((origin) => !origin.includes('ratings-pattern'))).toEqual([]);
  });

  test('is mended by an edit', async () => {
    await mesh.writeManifest(ratingsFile, ratings('/[a-z]{3}'));
    await eventually('an answer', async () =>
      (await statusOfRatings()) === 200 ? true : undefined,
    );
    await untilNothingRejected();
  });
});
