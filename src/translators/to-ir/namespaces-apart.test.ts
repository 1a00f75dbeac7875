/** What an object of one namespace cannot do to the workloads and callers of another. */
import { expect, test } from '@jest/globals';
import { namespaceScope } from '../../ir/index.js';
import { serviceKey, sliceKey } from '../../model/index.js';
import { aPod, aPolicy, aService, aSlice, compile } from '../testing/mesh-builder.js';

const victim = aPod('victim', { namespace: 'web', ips: ['10.1.0.1'] });
const caller = aPod('caller', { namespace: 'third', ips: ['10.1.0.3'] });
const own = aPod('own', { ips: ['10.1.0.2'] });
const trap = aService('trap', {
  ports: [{ name: 'http', port: 80, transport: 'TCP', protocol: 'tcp' }],
});
const lie = aSlice('trap', ['10.1.0.1']);
const onTrap = [{ kind: 'Service', namespace: 'shop', name: 'trap' }] as const;

test('a slice that lists another namespace’s pod does not bring that pod under one’s policies', () => {
  const pipeline = compile(
    victim,
    trap,
    lie,
    aPolicy('p', {
      targets: onTrap,
      mtls: { mode: 'Disabled', ports: new Map(), isFloor: false },
      authorization: { default: 'Deny', deny: [], allow: [] },
    }),
  );
  expect(pipeline.inbound(victim.key)?.ports).toMatchObject([
    { mtls: 'Permissive', http: { otherwise: { verdict: 'allow' } } },
  ]);
});

test('a slice that lists another namespace’s pod does not declare that pod’s ports', () => {
  const web = aService('web', { namespace: 'web', clusterIPs: ['10.96.0.2'] });
  const truth = aSlice('web', ['10.1.0.1'], {
    key: sliceKey('web', 'web-1'),
    service: serviceKey('web', 'web'),
  });
  const pipeline = compile(victim, trap, lie, web, truth);
  expect(pipeline.inbound(victim.key)?.ports[0]).toMatchObject({ port: 8080, protocol: 'http' });
});

test('routes of a headless Service stand for everybody on its own pods, and elsewhere for its own callers', () => {
  const headless = aService('trap', { clusterIPs: [], isHeadless: true });
  const pipeline = compile(
    victim,
    own,
    caller,
    headless,
    aSlice('trap', ['10.1.0.1', '10.1.0.2', '203.0.113.5']),
    aPolicy('p', { targets: onTrap, routes: [] }),
  );
  const addresses = (pod: typeof own) =>
    pipeline.virtualHosts(pod.key).flatMap(({ addresses: called }) => called);
  expect(addresses(caller)).toEqual(['10.1.0.2:8080']);
  expect(addresses(own)).toEqual(['10.1.0.1:8080', '10.1.0.2:8080', '203.0.113.5:8080']);
});

test('an address that is declared HTTP by somebody else is not read on a TCP port', () => {
  const mysql = aService('mysql', {
    namespace: 'web',
    clusterIPs: ['10.96.0.2'],
    ports: [{ name: 'mysql', port: 8080, transport: 'TCP', protocol: 'tcp' }],
  });
  const headless = aService('trap', { clusterIPs: [], isHeadless: true });
  const pipeline = compile(victim, own, mysql, headless, aSlice('trap', ['10.1.0.1', '10.1.0.2']));
  expect(pipeline.view.outboundListener(own).httpOnOpaquePorts).toEqual([
    { port: 8080, ips: ['10.1.0.2'] },
  ]);
});

test('a consumer’s routes hold for its own namespace only', () => {
  const cart = aService('cart', { namespace: 'web' });
  const pipeline = compile(
    own,
    caller,
    cart,
    aPolicy('mine', { targets: [{ kind: 'Service', namespace: 'web', name: 'cart' }], routes: [] }),
  );
  expect(pipeline.virtualHosts(caller.key)).toEqual([]);
  expect(pipeline.virtualHosts(own.key)).toHaveLength(1);
  const scopes = pipeline.resources(own.key).map(({ scope }) => scope);
  expect(scopes).toContain(namespaceScope('shop'));
});
