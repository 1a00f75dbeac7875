/** What explain says of settings: each line names the YAML behind it, from every caller's point of view. */
import { describe, expect, test } from '@jest/globals';
import { explainQuery } from '../index.js';
import { aPod, aPolicy, aService, aSlice, compile } from '../testing/mesh-builder.js';

const cart = aService('cart');
const server = aPod('cart', { ips: ['10.1.0.1'] });
const client = aPod('client', { namespace: 'web', ips: ['10.1.0.9'], labels: { app: 'client' } });
const other = aPod('other', { namespace: 'web', ips: ['10.1.0.8'] });
const far = aPod('far', { namespace: 'far', ips: ['10.1.0.7'] });
const onCart = [{ kind: 'Service' as const, namespace: 'shop', name: 'cart' }];

const pipeline = compile(
  ...[cart, aSlice('cart', ['10.1.0.1']), server, client, other, far],
  aPolicy('everywhere', {
    namespace: 'skerry-system',
    targets: [{ kind: 'Mesh' }],
    outbound: { timeouts: { connectMs: 2000, requestMs: 60_000, idleMs: 30_000 } },
  }),
  aPolicy('producer', { targets: onCart, outbound: { timeouts: { requestMs: 5000 } } }),
  aPolicy('consumer', {
    namespace: 'web',
    targets: onCart,
    outbound: { timeouts: { connectMs: 1500 } },
  }),
  aPolicy('own', {
    namespace: 'web',
    targets: [{ kind: 'Pod', selector: { app: 'client' } }],
    outbound: { timeouts: { requestMs: 700 } },
  }),
);

function settingsFor(from: string, to = 'cart.shop:80'): readonly string[] {
  const query = { from, to, method: 'GET', path: '/', headers: {} };
  const explained = explainQuery(pipeline.view, query, 'cluster.local');
  if (!explained.ok) throw new Error(explained.error);
  return explained.value.steps
    .filter(({ from: origins }) => origins.some((origin) => origin.includes('spec.outbound')))
    .map(({ at, says, from: origins }) => `${at}: ${says} from ${origins.join()}`);
}

const idle =
  'cluster: idle timeout 30s from TrafficPolicy skerry-system/everywhere spec.outbound.timeouts.idle';

describe('explain names each setting with its YAML', () => {
  test('to a caller of whom nothing is said', () => {
    expect(settingsFor('far/far')).toEqual([
      'route: request timeout 5s from TrafficPolicy shop/producer spec.outbound.timeouts.request',
      'cluster: connect timeout 2s from TrafficPolicy skerry-system/everywhere spec.outbound.timeouts.connect',
      idle,
    ]);
  });

  test('to a caller in a namespace with a word of its own', () => {
    expect(settingsFor('web/other')).toEqual([
      'route: request timeout 5s from TrafficPolicy shop/producer spec.outbound.timeouts.request',
      'cluster: connect timeout 1500ms from TrafficPolicy web/consumer spec.outbound.timeouts.connect',
      idle,
    ]);
  });

  test('to a caller with a word of its own', () => {
    expect(settingsFor('web/client')).toEqual([
      'route: request timeout 700ms from TrafficPolicy web/own spec.outbound.timeouts.request',
      'cluster: connect timeout 1500ms from TrafficPolicy web/consumer spec.outbound.timeouts.connect',
      idle,
    ]);
  });

  test('of calls that no virtual host takes', () => {
    const [route] = settingsFor('far/far', '10.1.0.9:9000');
    expect(route).toBe(
      'route: request timeout 1m from TrafficPolicy skerry-system/everywhere spec.outbound.timeouts.request',
    );
  });
});

describe('TLS', () => {
  const plain = aPod('plain', { ips: ['10.1.0.2'], isInMesh: false });
  const tlsSteps = (mode: 'Auto' | 'Mesh' | 'None'): readonly (readonly string[])[] => {
    const compiled = compile(
      ...[cart, aSlice('cart', ['10.1.0.1', '10.1.0.2']), server, plain, client],
      aPolicy('secure', { targets: onCart, outbound: { tls: { mode } } }),
    );
    const query = { from: 'web/client', to: 'cart.shop:80', method: 'GET', path: '/', headers: {} };
    const explained = explainQuery(compiled.view, query, 'cluster.local');
    if (!explained.ok) throw new Error(explained.error);
    return explained.value.steps
      .filter(({ at }) => at === 'tls')
      .map(({ says, from }) => [says, ...from]);
  };
  const yaml = 'TrafficPolicy shop/secure spec.outbound.tls.mode';
  const mutual =
    'mutual TLS to 10.1.0.1:8080, which must prove spiffe://cluster.local/ns/shop/sa/cart';

  test.each([
    [
      'Auto' as const,
      [
        [mutual, yaml],
        ['plaintext to 10.1.0.2:8080, which is not in the mesh', yaml],
      ],
    ],
    ['Mesh' as const, [[mutual, yaml]]],
    [
      'None' as const,
      [
        ['plaintext to 10.1.0.1:8080', yaml],
        ['plaintext to 10.1.0.2:8080, which is not in the mesh', yaml],
      ],
    ],
  ])('%s', (mode, expected) => {
    expect(tlsSteps(mode)).toEqual(expected);
  });

  test('to a port that takes none says by whose word', () => {
    const { view } = compile(
      ...[cart, aSlice('cart', ['10.1.0.1']), server, client],
      aPolicy('bare', {
        targets: onCart,
        mtls: { mode: 'Disabled', ports: new Map(), isFloor: false },
      }),
    );
    const query = { from: 'web/client', to: 'cart.shop:80', method: 'GET', path: '/', headers: {} };
    const explained = explainQuery(view, query, 'cluster.local');
    if (!explained.ok) throw new Error(explained.error);
    expect(explained.value.steps.find(({ at }) => at === 'tls')).toEqual({
      at: 'tls',
      says: 'plaintext to 10.1.0.1:8080, where mTLS is Disabled',
      from: ['TrafficPolicy shop/bare spec.inbound.mtls'],
    });
  });
});
