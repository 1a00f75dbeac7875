/** Which targets and sections of a TrafficPolicy are refused, and what is known of it all the same. */
import { describe, expect, test } from '@jest/globals';
import { parseTrafficPolicy } from './traffic-policy.js';
import { found, namespace, parse, repeat, selector, service } from './testing/refused-policies.js';

describe('targets', () => {
  test.each<readonly [unknown, readonly string[]]>([
    [undefined, ['Invalid spec.targetRefs']],
    [[], ['Invalid spec.targetRefs']],
    [service, ['Invalid spec.targetRefs']],
    [repeat(17, service), ['Invalid spec.targetRefs']],
    [['reviews'], ['Invalid spec.targetRefs[0]']],
    [[{ kind: 'Deployment', name: 'a' }], ['Invalid spec.targetRefs[0].kind']],
    [[{ kind: 'Service' }], ['Invalid spec.targetRefs[0].name']],
    [[{ kind: 'Service', name: 'A_B' }], ['Invalid spec.targetRefs[0].name']],
    [[{ kind: 'Service', name: 'a', port: 80 }], ['Invalid spec.targetRefs[0].port']],
    [[{ kind: 'Pod' }], ['Invalid spec.targetRefs[0].selector']],
    [[{ kind: 'Pod', selector: {} }], ['Invalid spec.targetRefs[0].selector.matchLabels']],
    [
      [{ kind: 'Pod', selector: { matchLabels: {} } }],
      ['Invalid spec.targetRefs[0].selector.matchLabels'],
    ],
    [
      [{ kind: 'Pod', selector: { matchLabels: { a: 1 } } }],
      ['Invalid spec.targetRefs[0].selector.matchLabels.a'],
    ],
    [[{ kind: 'Namespace', name: 'shop' }], ['Invalid spec.targetRefs[0].name']],
    [[{ kind: 'Namespace', selector }], ['TargetNotAllowed spec.targetRefs[0].selector']],
    [[{ kind: 'Mesh' }], ['TargetNotAllowed spec.targetRefs[0].kind']],
    [[service, namespace], ['Invalid spec.targetRefs[1].kind']],
    [[service, service], ['Invalid spec.targetRefs[1]']],
  ])('targetRefs %j', (targetRefs, expected) => {
    expect(found({ targetRefs })).toEqual(expected);
  });
});

describe('sections that the target cannot have', () => {
  test.each<readonly [unknown, object, string]>([
    [{ kind: 'Pod', selector }, { routes: [] }, 'Invalid spec.routes'],
    [namespace, { routes: [{}] }, 'Invalid spec.routes'],
    [service, { outbound: { egress: { mode: 'AllowAny' } } }, 'Invalid spec.outbound.egress'],
    [
      { kind: 'Pod', selector },
      { outbound: { egress: { mode: 'AllowAny' } } },
      'Invalid spec.outbound.egress',
    ],
    [service, { telemetry: {} }, 'Invalid spec.telemetry'],
    [
      { ...service, namespace: 'other' },
      { inbound: { mtls: {} } },
      'TargetNotAllowed spec.inbound',
    ],
  ])('target %j with %j', (target, sections, expected) => {
    const { diagnostics } = parse({ targetRefs: [target], ...sections });
    expect(diagnostics.map(({ code, field }) => `${code} ${field ?? ''}`)).toEqual([expected]);
    expect(diagnostics[0]?.remedy).toMatch(/^(write|move)/);
  });

  test('the root namespace has no word on what others’ Services accept', () => {
    const spec = { targetRefs: [{ ...service, namespace: 'shop' }], inbound: { mtls: {} } };
    expect(found(spec, 'skerry-system')).toEqual(['TargetNotAllowed spec.inbound']);
  });
});

describe('what this version cannot carry out', () => {
  test.each<readonly [unknown, string]>([
    [
      { targetRefs: [namespace], telemetry: { accessLog: { mode: 'Errors', format: 'JSON' } } },
      'spec.telemetry.accessLog',
    ],
    [
      {
        targetRefs: [namespace],
        telemetry: { tracing: { samplePercent: 1, collector: { service: 'otel', port: 4317 } } },
      },
      'spec.telemetry.tracing',
    ],
  ])('%j is refused whole', (spec, field) => {
    expect(found(spec)).toEqual([`NotImplemented ${field}`]);
    expect(parse(spec).policy).toBeUndefined();
    expect(parse(spec).refused).toBeDefined();
  });
});

describe('what is known of a refused policy', () => {
  const bad = { typo: 1 };

  test.each<readonly [string, object, readonly [boolean, boolean]]>([
    ['mtls', { inbound: { mtls: { mode: 'x' } } }, [true, false]],
    ['authorization', { inbound: { authorization: { allow: [] } } }, [false, true]],
    ['a misspelled authorization', { inbound: { authorisation: {} } }, [false, true]],
    ['a misspelled inbound', { inbuond: { mtls: {} } }, [true, false]],
    ['an inbound that is not a map', { inbound: 'x' }, [true, true]],
    ['routes only', { routes: [] }, [false, false]],
    ['both, in Audit', { mode: 'Audit', inbound: { mtls: {}, authorization: {} } }, [false, false]],
    [
      'both, in a mode that is not one',
      { mode: 'audit', inbound: { mtls: {}, authorization: {} } },
      [true, true],
    ],
  ])('it spoke of %s', (_, sections, expected) => {
    const { refused } = parse({ targetRefs: [service], ...sections, ...bad });
    expect([refused?.spokeOfMtls, refused?.spokeOfAuthorization]).toEqual(expected);
  });

  test('the targets that can be read are known', () => {
    expect(parse({ targetRefs: [service], ...bad }).refused?.targets).toEqual([
      { kind: 'Service', namespace: 'shop', name: 'reviews' },
    ]);
  });

  test('with a target that cannot be read, nobody knows whom it was about', () => {
    const targetRefs = [service, { kind: 'Service', name: 7 }];
    expect(parse({ targetRefs, ...bad }).refused).not.toHaveProperty('targets');
    expect(parse(bad).refused).not.toHaveProperty('targets');
  });

  test('nobody can close what is not theirs', () => {
    const inboundOfAll = { inbound: { mtls: {}, authorization: {} } };
    expect(parse({ targetRefs: [{ kind: 'Mesh' }], ...inboundOfAll }).refused?.targets).toEqual([]);
    const foreign = { ...service, namespace: 'other' };
    expect(parse({ targetRefs: [foreign], ...inboundOfAll }).refused?.targets).toEqual([]);
    const all = [{ kind: 'Namespace', selector }];
    expect(parse({ targetRefs: all, ...inboundOfAll }).refused?.targets).toEqual([]);
  });

  test('an object without a usable name gives diagnostics only', () => {
    const object = {
      apiVersion: 'skerry.dev/v1alpha1',
      kind: 'TrafficPolicy',
      metadata: { name: 'a/b' },
    };
    const parsed = parseTrafficPolicy(object, { rootNamespace: 'skerry-system' });
    expect(parsed).not.toHaveProperty('refused');
    expect(parsed.diagnostics.map(({ code, field }) => [code, field])).toEqual([
      ['NotAnObject', 'metadata.name'],
    ]);
  });
});
