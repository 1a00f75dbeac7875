/** Which policy decides what a workload accepts. */
import { describe, expect, test } from '@jest/globals';
import type { InboundPortIr } from '../../ir/index.js';
import type { Authorization, MtlsSetting, PolicyTarget, TrafficPolicy } from '../../model/index.js';
import type { Pipeline } from '../index.js';
import { aPod, aPolicy, aService, aSlice, compile } from '../testing/mesh-builder.js';

const cart = aPod('cart', { ips: ['10.1.0.1'], labels: { app: 'cart' } });
const world = [cart, aService('cart'), aSlice('cart', ['10.1.0.1'])];
const targets = {
  mesh: { kind: 'Mesh' },
  namespace: { kind: 'Namespace' },
  selected: { kind: 'Namespace', selector: {} },
  service: { kind: 'Service', namespace: 'shop', name: 'cart' },
  section: { kind: 'Service', namespace: 'shop', name: 'cart', sectionName: 'http' },
  pod: { kind: 'Pod', selector: { app: 'cart' } },
} as const satisfies Record<string, PolicyTarget>;
type TargetName = keyof typeof targets;

const shop = { kind: 'Namespace', name: 'shop', labels: {} } as const;

function on(target: TargetName, name: string, fields: Partial<TrafficPolicy>): TrafficPolicy {
  const isRoot = target === 'mesh' || target === 'selected';
  const namespace = isRoot ? 'skerry-system' : 'shop';
  return aPolicy(name, { namespace, targets: [targets[target]], ...fields });
}

function mtls(mode: MtlsSetting['mode'], fields: Partial<MtlsSetting> = {}): MtlsSetting {
  return { ...(mode === undefined ? {} : { mode }), ports: new Map(), isFloor: false, ...fields };
}

function allowing(fields: Partial<Authorization>): Authorization {
  return { default: 'Inherit', deny: [], ...fields };
}

function portOf(pipeline: Pipeline, port: number | undefined): InboundPortIr {
  const found = pipeline.inbound(cart.key)?.ports.find((each) => each.port === port);
  if (found === undefined) throw new Error(`no port ${String(port)}`);
  return found;
}

function codes(pipeline: Pipeline, object: string): readonly string[] {
  return (pipeline.diagnostics().get(object) ?? []).map(
    ({ code, field }) => `${code} ${field ?? ''}`,
  );
}

const nearer: readonly (readonly [TargetName, TargetName])[] = [
  ['namespace', 'mesh'],
  ['service', 'namespace'],
  ['section', 'service'],
  ['pod', 'section'],
  ['selected', 'pod'],
];

describe('mtls', () => {
  test.each(nearer)('%s is nearer than %s', (near, far) => {
    const pipeline = compile(
      ...world,
      shop,
      on(near, 'near', { mtls: mtls('Disabled') }),
      on(far, 'far', { mtls: mtls('Strict') }),
    );
    expect(portOf(pipeline, 8080).mtls).toBe('Disabled');
  });

  test.each(nearer)('a floor of %s or of %s holds', (near, far) => {
    for (const floor of [near, far]) {
      const other = floor === near ? far : near;
      const pipeline = compile(
        ...world,
        shop,
        on(floor, 'floor', { mtls: mtls('Strict', { isFloor: true }) }),
        on(other, 'other', { mtls: mtls('Permissive') }),
      );
      expect(portOf(pipeline, 8080).mtls).toBe('Strict');
    }
  });

  test('a policy of one port says nothing of the others', () => {
    const pipeline = compile(...world, on('section', 'one', { mtls: mtls('Strict') }));
    expect(portOf(pipeline, 8080).mtls).toBe('Strict');
    expect(portOf(pipeline, undefined).mtls).toBe('Permissive');
  });

  test('a nearer object that gives ports only leaves the others as they were', () => {
    const ports = new Map([[8080, 'Permissive' as const]]);
    const pipeline = compile(
      ...world,
      on('namespace', 'ns', { mtls: mtls('Strict') }),
      on('service', 'svc', { mtls: mtls(undefined, { ports }) }),
    );
    expect(portOf(pipeline, 8080).mtls).toBe('Permissive');
    expect(portOf(pipeline, undefined).mtls).toBe('Strict');
  });

  test('ports of a farther object do not survive a nearer one', () => {
    const ports = new Map([[8080, 'Disabled' as const]]);
    const pipeline = compile(
      ...world,
      on('namespace', 'ns', { mtls: mtls('Permissive', { ports }) }),
      on('service', 'svc', { mtls: mtls('Strict') }),
    );
    expect(portOf(pipeline, 8080).mtls).toBe('Strict');
  });

  test('a floor does not cover the ports that it leaves open itself', () => {
    const ports = new Map([[8080, 'Permissive' as const]]);
    const pipeline = compile(
      ...world,
      on('mesh', 'floor', { mtls: mtls('Strict', { ports, isFloor: true }) }),
      on('service', 'svc', { mtls: mtls('Disabled') }),
    );
    expect(portOf(pipeline, 8080).mtls).toBe('Disabled');
    expect(portOf(pipeline, undefined).mtls).toBe('Strict');
    expect(codes(pipeline, 'TrafficPolicy shop/svc')).toEqual([
      'Overridden spec.inbound.mtls.mode',
    ]);
  });

  test('a policy that may not speak for the mesh does not', () => {
    const pipeline = compile(
      ...world,
      aPolicy('upstart', { namespace: 'web', targets: [targets.mesh], mtls: mtls('Disabled') }),
    );
    expect(portOf(pipeline, 8080).mtls).toBe('Permissive');
    expect(codes(pipeline, 'TrafficPolicy web/upstart')).toEqual([
      'TargetNotAllowed spec.targetRefs[0]',
    ]);
  });

  test('a policy of another namespace does not say what a Service accepts', () => {
    const pipeline = compile(
      ...world,
      aPolicy('foreign', { namespace: 'web', targets: [targets.service], mtls: mtls('Strict') }),
    );
    expect(portOf(pipeline, 8080).mtls).toBe('Permissive');
    expect(codes(pipeline, 'TrafficPolicy web/foreign')).toEqual(['TargetNotAllowed spec.inbound']);
  });
});

describe('authorization', () => {
  const named = (name: string) => ({ name, from: [], to: [], when: [] });

  test('is the union of every policy that reaches the workload', () => {
    const pipeline = compile(
      ...world,
      on('mesh', 'm', { authorization: allowing({ deny: [named('x')], allow: [named('y')] }) }),
      on('pod', 'p', { authorization: allowing({ deny: [named('x')], allow: [named('y')] }) }),
    );
    const { http } = portOf(pipeline, 8080);
    expect(http.deny.map(({ name }) => name)).toEqual(['shop/p/x', 'skerry-system/m/x']);
    expect(http.allow.map(({ name }) => name)).toEqual(['shop/p/y', 'skerry-system/m/y']);
  });

  test.each(nearer)('the default of %s beats that of %s', (near, far) => {
    const pipeline = compile(
      ...world,
      shop,
      on(near, 'near', { authorization: allowing({ default: 'Allow' }) }),
      on(far, 'far', { authorization: allowing({ default: 'Deny' }) }),
    );
    expect(portOf(pipeline, 8080).http.otherwise.verdict).toBe('allow');
  });

  test('an allow list closes every port of the workload, whichever it lists', () => {
    const listed = {
      name: 'a',
      from: [],
      to: [{ ports: [8080], methods: [], paths: [] }],
      when: [],
    };
    const pipeline = compile(
      ...world,
      on('service', 's', { authorization: allowing({ allow: [listed] }) }),
    );
    const { otherwise } = portOf(pipeline, undefined).tcp;
    expect(otherwise).toMatchObject({ verdict: 'deny', name: 'shop/s/allow' });
  });

  test('an empty allow list admits nobody', () => {
    const pipeline = compile(
      ...world,
      on('service', 's', { authorization: allowing({ allow: [] }) }),
    );
    expect(portOf(pipeline, 8080).http).toMatchObject({
      allow: [],
      otherwise: { verdict: 'deny' },
    });
  });

  test('where HTTP is possible, bytes that are not HTTP meet no HTTP allow and every HTTP deny', () => {
    const conditional = {
      name: 'c',
      from: [],
      to: [{ ports: [], methods: ['GET'], paths: [] }],
      when: [],
    };
    const pipeline = compile(
      ...world,
      on('namespace', 'n', {
        authorization: allowing({ deny: [conditional], allow: [conditional] }),
      }),
    );
    const { http, tcp } = portOf(pipeline, 8080);
    expect(http.allow).toHaveLength(1);
    expect(tcp.allow).toEqual([]);
    expect(tcp.deny).toMatchObject([{ name: 'shop/n/c', to: [] }]);
  });

  test('a condition on headers is one on HTTP', () => {
    const condition = { kind: 'header', name: 'x-env', values: ['prod'] } as const;
    const conditional = { name: 'c', from: [], to: [], when: [condition] };
    const pipeline = compile(
      ...world,
      on('namespace', 'n', {
        authorization: allowing({ deny: [conditional], allow: [conditional] }),
      }),
    );
    const { http, tcp } = portOf(pipeline, 8080);
    expect(http.allow).toMatchObject([{ name: 'shop/n/c', when: [condition] }]);
    expect(tcp.allow).toEqual([]);
    expect(tcp.deny).toMatchObject([{ name: 'shop/n/c', when: [] }]);
  });

  test('a policy in Audit changes the shadow and nothing else', () => {
    const pipeline = compile(
      ...world,
      on('service', 's', { mode: 'Audit', authorization: allowing({ default: 'Deny' }) }),
    );
    const port = portOf(pipeline, 8080);
    expect(port.http.otherwise.verdict).toBe('allow');
    expect(port.shadow?.http.otherwise).toMatchObject({ verdict: 'deny', name: 'shop/s/default' });
  });

  test('a policy in Audit that changes nothing leaves no shadow', () => {
    const pipeline = compile(
      ...world,
      on('service', 's', { mode: 'Audit', authorization: allowing({}) }),
    );
    expect(portOf(pipeline, 8080).shadow).toBeUndefined();
  });
});

test('the inbound side does not change with endpoints elsewhere', () => {
  const pipeline = compile(...world, aService('other', { clusterIPs: ['10.96.0.2'] }));
  const before = pipeline.inbound(cart.key);
  const slice = aSlice('other', ['10.1.0.9']);
  const { resources } = pipeline.apply({ slices: new Map([[slice.key, slice]]) });
  expect(resources).toEqual([]);
  expect(pipeline.inbound(cart.key)).toBe(before);
});

test('two Services that declare one container port differently make it TCP, and both are told', () => {
  const db = aService('db', {
    clusterIPs: ['10.96.0.2'],
    ports: [{ name: 'http', port: 90, transport: 'TCP', protocol: 'tcp' }],
  });
  const pipeline = compile(...world, db, aSlice('db', ['10.1.0.1']));
  expect(portOf(pipeline, 8080).protocol).toBe('tcp');
  expect(codes(pipeline, 'Service shop/cart')).toEqual(['MixedPortProtocol spec.ports']);
  expect(codes(pipeline, 'Service shop/db')).toEqual(['MixedPortProtocol spec.ports']);
});
