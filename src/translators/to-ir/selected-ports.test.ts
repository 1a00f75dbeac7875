/** What a Service says of its workloads holds for every pod it selects, with and without EndpointSlices. */
import { describe, expect, test } from '@jest/globals';
import type { InboundPortIr } from '../../ir/index.js';
import type { Pod, Service, TrafficPolicy } from '../../model/index.js';
import {
  aPod,
  aPolicy,
  aService,
  aSlice,
  compile,
  toBatch,
  type MeshObject,
} from '../testing/mesh-builder.js';

const cart = aPod('cart', {
  ips: ['10.1.0.1'],
  labels: { app: 'cart', tier: 'web' },
  containerPorts: [{ name: 'web', port: 8080 }],
});

function cartService(targetPort?: number | string): Service {
  return aService('cart', {
    selector: { app: 'cart', tier: 'web' },
    ports: [
      {
        name: 'http',
        port: 80,
        transport: 'TCP',
        protocol: 'http',
        ...(targetPort === undefined ? {} : { targetPort }),
      },
    ],
  });
}

function closed(sectionName?: string): TrafficPolicy {
  return aPolicy('closed', {
    targets: [
      {
        kind: 'Service',
        namespace: 'shop',
        name: 'cart',
        ...(sectionName === undefined ? {} : { sectionName }),
      },
    ],
    authorization: { default: 'Inherit', deny: [], allow: [] },
  });
}

function portsOf(pod: Pod, ...objects: readonly MeshObject[]): readonly InboundPortIr[] {
  return compile(...objects).inbound(pod.key)?.ports ?? [];
}

function verdicts(ports: readonly InboundPortIr[]): readonly string[] {
  return ports.map(({ port, http }) => `${String(port ?? 'other')} ${http.otherwise.verdict}`);
}

describe('a policy on a Service, before any EndpointSlice lists the pod', () => {
  test('closes every port of the pod that the Service selects', () => {
    const ports = portsOf(cart, cart, cartService(8080), closed());
    expect(verdicts(ports)).toEqual(['8080 deny', 'other deny']);
  });

  test('closes it too where the slice lists other pods only', () => {
    const slice = aSlice('cart', ['10.1.0.9']);
    expect(verdicts(portsOf(cart, cart, cartService(8080), slice, closed()))).toContain(
      '8080 deny',
    );
  });

  test.each([
    ['a number', 8080, '8080'],
    ['a name of a container port', 'web', '8080'],
    ['nothing, so the port of the Service', undefined, '80'],
  ])('finds the port of a section whose target port is %s', (_, targetPort, port) => {
    const ports = portsOf(cart, cart, cartService(targetPort), closed('http'));
    expect(verdicts(ports)).toEqual([`${port} deny`, 'other allow']);
    expect(ports[0]?.protocol).toBe('http');
  });

  test('a name that the pod does not have leads nowhere', () => {
    expect(verdicts(portsOf(cart, cart, cartService('none'), closed()))).toEqual(['other allow']);
  });

  test('leaves alone pods of other labels, of other namespaces, and all where nothing is selected', () => {
    const other = aPod('other', { ips: ['10.1.0.2'], labels: { app: 'cart' } });
    const foreign = aPod('foreign', { namespace: 'far', ips: ['10.1.0.3'], labels: cart.labels });
    for (const pod of [other, foreign]) {
      expect(verdicts(portsOf(pod, pod, cartService(8080), closed()))).toEqual(['other allow']);
    }
    const unselected = { ...cartService(8080), selector: {} };
    expect(verdicts(portsOf(cart, cart, unselected, closed()))).toEqual(['other allow']);
  });
});

test('a slice that comes later changes nothing of what the pod enforces', () => {
  const pipeline = compile(cart, cartService(8080), closed());
  const before = pipeline.inbound(cart.key);
  pipeline.apply(toBatch([aSlice('cart', ['10.1.0.1'])]));
  expect(pipeline.inbound(cart.key)).toEqual(before);
});
