/** The admission review: what is answered to the API server, and to whoever sends something else. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isMap, mapAt, textOf, type JsonMap } from './json.js';
import type { SpelledOperation } from './patch.js';
import { reviewPod } from './review.js';
import { defaultSettings as settings } from './settings.js';
import { applyPatch } from './testing/apply-patch.js';

const pod: JsonMap = {
  metadata: { name: 'web' },
  spec: { containers: [{ name: 'app', image: 'web:1' }] },
};

function review(request: JsonMap = {}): JsonMap {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u-1',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      operation: 'CREATE',
      namespace: 'shop',
      object: pod,
      ...request,
    },
  };
}

function responseTo(request: JsonMap): JsonMap {
  const { status, body } = reviewPod(review(request), settings);
  expect(status).toBe(200);
  return mapAt(body, 'response');
}

test('a pod is admitted with a patch that adds its sidecar', () => {
  const response = responseTo({});
  expect(response).toMatchObject({ uid: 'u-1', allowed: true, patchType: 'JSONPatch' });
  const patch = JSON.parse(
    Buffer.from(textOf(response, 'patch') ?? '', 'base64').toString(),
  ) as readonly SpelledOperation[];
  expect(patch.map(({ path }) => path)).toEqual([
    '/metadata/annotations',
    '/spec/initContainers',
    '/spec/containers/0/lifecycle',
    '/spec/volumes',
  ]);
  expect(applyPatch(pod, patch)).toMatchObject({
    spec: { initContainers: [{}, {}, { name: 'skerry-proxy' }] },
  });
});

test('a pod is refused with what is wrong and what to do', () => {
  const spec = { containers: [{ name: 'app', securityContext: { runAsUser: 1774 } }] };
  const response = responseTo({ object: { spec } });
  expect(response).toMatchObject({ allowed: false, status: { code: 422, reason: 'Invalid' } });
  expect(textOf(mapAt(response, 'status'), 'message')).toMatch(/runAsUser 1774.*choose another id/);
});

test('a misspelled annotation is admitted with a warning', () => {
  const object = { ...pod, metadata: { annotations: { 'skerry.dev/exclude-ports': '1' } } };
  expect(responseTo({ object })).toMatchObject({
    allowed: true,
    warnings: [expect.stringContaining('is it misspelled?')],
  });
});

test.each([
  ['another kind', { kind: { group: '', version: 'v1', kind: 'Service' } }],
  ['a Pod of another group', { kind: { group: 'example.com', version: 'v1', kind: 'Pod' } }],
  ['an update', { operation: 'UPDATE' }],
  ['the control plane itself', { namespace: 'skerry-system' }],
])('%s is admitted unchanged', (_, request) => {
  expect(responseTo(request)).toEqual({ uid: 'u-1', allowed: true });
});

describe('a body that is no review is answered 400', () => {
  const deep = (levels: number): unknown =>
    Array.from({ length: levels }).reduce<unknown>((inner) => ({ inner }), 1);

  test.each([
    ['nothing', undefined],
    ['a text', 'hello'],
    ['a list', []],
    ['another version', { ...review(), apiVersion: 'admission.k8s.io/v1beta1' }],
    ['no uid', review({ uid: null })],
    ['an endless uid', review({ uid: 'u'.repeat(200) })],
    ['depth', { ...review(), extra: deep(100) }],
    ['very great depth', deep(100_000)],
    ['many parts', { ...review(), extra: Array.from({ length: 200_000 }, () => 1) }],
  ])('%s', (_, body) => {
    const answer = reviewPod(body, settings);
    expect([answer.status, answer.outcome]).toEqual([400, 'malformed']);
    expect(typeof answer.body['error']).toBe('string');
  });
});

test('a pod of any shape gets an answer that repeats the uid and is short', () => {
  fc.assert(
    fc.property(podLike, (object) => {
      const { status, body } = reviewPod(review({ object }), settings);
      const response = mapAt(body, 'response');
      expect([status, response['uid']]).toEqual([200, 'u-1']);
      expect(textOf(mapAt(response, 'status'), 'message')?.length ?? 0).toBeLessThanOrEqual(2048);
    }),
    { numRuns: 300 },
  );
});

const anything = fc.jsonValue({ maxDepth: 3 }).filter((value) => value === null || isMap(value));
const named = fc.record({
  name: fc.constantFrom('app', 'skerry-proxy', 'skerry-redirect', '__proto__'),
  ports: fc.jsonValue(),
  livenessProbe: fc.oneof(fc.record({ httpGet: fc.jsonValue() }), fc.jsonValue()),
  securityContext: fc.jsonValue(),
  lifecycle: fc.jsonValue(),
  volumeMounts: fc.jsonValue(),
});
const podLike = fc.oneof(
  fc.jsonValue(),
  fc.record({
    metadata: fc.oneof(fc.record({ annotations: anything, labels: anything }), anything),
    spec: fc.record({
      containers: fc.oneof(fc.array(named, { maxLength: 3 }), fc.jsonValue()),
      initContainers: fc.oneof(fc.array(named, { maxLength: 2 }), fc.jsonValue()),
      securityContext: fc.jsonValue(),
      os: fc.jsonValue(),
    }),
  }),
) as fc.Arbitrary<JsonMap>;
