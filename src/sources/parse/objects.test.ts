/** Dispatch by kind, and the law that parsing never throws. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseObject } from './objects.js';

const options = { rootNamespace: 'skerry-system' };
const kinds = [
  ['v1', 'Service'],
  ['discovery.k8s.io/v1', 'EndpointSlice'],
  ['v1', 'Pod'],
  ['v1', 'Namespace'],
  ['v1', 'Node'],
  ['skerry.dev/v1alpha1', 'TrafficPolicy'],
] as const;

describe('kinds', () => {
  test.each([
    ['apps/v1', 'Deployment'],
    ['v1', 'ConfigMap'],
    ['v1', 'ServiceAccount'],
    ['networking.k8s.io/v1', 'Ingress'],
    ['rbac.authorization.k8s.io/v1', 'Role'],
  ])('%s %s is passed over without a word', (apiVersion, kind) => {
    expect(parseObject({ apiVersion, kind, metadata: { name: 'a' } }, options)).toEqual({
      kind: 'foreign',
    });
  });

  test.each([
    ['v1', 'Servce', 'did you mean Service?'],
    ['discovery.k8s.io/v1', 'Service', 'did you mean apiVersion v1?'],
    ['v1', 'TrafficPolicy', 'did you mean apiVersion skerry.dev/v1alpha1?'],
    ['policy.linkerd.io/v1', 'TrafficPolicy', 'did you mean apiVersion skerry.dev/v1alpha1?'],
  ])('%s %s is an unknown kind with a hint', (apiVersion, kind, remedy) => {
    const parsed = parseObject({ apiVersion, kind, metadata: { name: 'a' } }, options);
    expect(parsed).toMatchObject({
      kind: 'unknown',
      diagnostics: [{ code: 'UnknownKind', severity: 'warning', remedy }],
    });
  });

  test.each([
    [{}, ['apiVersion', 'kind', 'metadata.name']],
    [{ apiVersion: 'v1', kind: 'Service' }, ['metadata.name']],
    [{ apiVersion: 1, kind: 'Service', metadata: { name: 'a' } }, ['apiVersion']],
    [{ apiVersion: 'v1', kind: 'Service', metadata: [] }, ['metadata', 'metadata.name']],
    [{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'a/b' } }, ['metadata.name']],
    [
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a', namespace: 'b/c' } },
      ['metadata.namespace'],
    ],
  ])('%j is not an object, because of %j', (object, fields) => {
    const parsed = parseObject(object, options);
    const found = parsed.kind === 'unknown' ? parsed.diagnostics : [];
    expect(found.map(({ field }) => field)).toEqual(fields);
    expect(new Set(found.map(({ code }) => code))).toEqual(new Set(['NotAnObject']));
  });

  test('a policy of another version of the group is refused and fails closed', () => {
    const metadata = { name: 'p', namespace: 'shop' };
    const spec = { targetRefs: [{ kind: 'Namespace' }], inbound: { mtls: { mode: 'Strict' } } };
    const object = { apiVersion: 'skerry.dev/v2', kind: 'TrafficPolicy', metadata, spec };
    expect(parseObject(object, options)).toMatchObject({
      outcome: { kind: 'refused', row: { value: { kind: 'RefusedPolicy', spokeOfMtls: true } } },
      diagnostics: [{ field: 'apiVersion' }],
    });
  });
});

describe('laws', () => {
  const anything = fc.anything({ withNullPrototype: true, withDate: true, withBigInt: true });

  test('arbitrary values never make parsing throw', () => {
    fc.assert(
      fc.property(anything, (value) => {
        expect(['foreign', 'unknown', 'ours']).toContain(parseObject(value, options).kind);
      }),
    );
  });

  test.each(kinds)(
    '%s %s with arbitrary contents is good, nothing, or refused with findings',
    (apiVersion, kind) => {
      const body = fc.record({
        metadata: fc.record(
          { labels: anything, annotations: anything, creationTimestamp: anything, uid: anything },
          { requiredKeys: [] },
        ),
        rest: fc.dictionary(
          fc.constantFrom('spec', 'status', 'endpoints', 'ports', 'addressType'),
          anything,
        ),
      });
      fc.assert(
        fc.property(body, ({ metadata, rest }) => {
          const object = { apiVersion, kind, metadata: { ...metadata, name: 'a' }, ...rest };
          const parsed = parseObject(object, options);
          if (parsed.kind !== 'ours') throw new Error(parsed.kind);
          expect(parsed.outcome.kind === 'refused').toBe(parsed.diagnostics.length > 0);
        }),
      );
    },
  );

  test('a policy with one arbitrary value anywhere never makes parsing throw', () => {
    const places = [
      ['mode'],
      ['targetRefs', 0],
      ['targetRefs', 0, 'name'],
      ['routes', 0],
      ['routes', 0, 'matches', 0, 'headers', 0],
      ['routes', 0, 'backends', 0, 'subset'],
      ['routes', 0, 'requestHeaders', 'set'],
      ['inbound', 'mtls', 'ports'],
      ['inbound', 'authorization', 'allow', 0, 'from', 0],
      ['outbound', 'egress'],
    ] as const;
    fc.assert(
      fc.property(fc.constantFrom(...places), anything, (place, value) => {
        const spec = [...place]
          .reverse()
          .reduce<unknown>((inner, key) => (key === 0 ? [inner] : { [key]: inner }), value);
        const object = {
          apiVersion: 'skerry.dev/v1alpha1',
          kind: 'TrafficPolicy',
          metadata: { name: 'p' },
          spec: { targetRefs: [{ kind: 'Service', name: 'a' }], ...(spec as object) },
        };
        const parsed = parseObject(object, options);
        expect(parsed.kind).toBe('ours');
      }),
      { numRuns: 500 },
    );
  });

  test('values that contain themselves are refused', () => {
    const cycle: Record<string, unknown> = {};
    cycle['cycle'] = cycle;
    for (const [apiVersion, kind] of kinds) {
      const object = { apiVersion, kind, metadata: { name: 'a' }, spec: cycle };
      const parsed = parseObject(object, options);
      expect(parsed).toMatchObject({ kind: 'ours', outcome: { kind: 'refused' } });
    }
  });
});
