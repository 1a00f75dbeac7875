/** What sharing an encoded resource rests on. */
import { expect, test } from '@jest/globals';
import type { InboundIr } from '../ir/index.js';
import { spellInbound } from './to-envoy/spell.js';

test('the inbound side is spelled from its shape alone, so that alike workloads share it', () => {
  const nothing = {
    deny: [],
    allow: [],
    otherwise: { verdict: 'allow', name: '', origins: [] },
  } as const;
  const ports: InboundIr['ports'] = [
    { port: 8080, protocol: 'http', mtls: 'Strict', http: nothing, tcp: nothing, origins: [] },
    { protocol: 'sniff', mtls: 'Permissive', http: nothing, tcp: nothing, origins: [] },
  ];
  const settings = { trustDomain: 'cluster.local', accessLog: 'Errors' } as const;
  const nobody = { pod: '', namespace: '', serviceAccount: '', labels: {}, ips: [] };
  const shape = { ports, isDraining: false };
  const somebody: InboundIr = {
    pod: 'shop/cart-1',
    namespace: 'shop',
    serviceAccount: 'cart',
    labels: { app: 'cart' },
    ips: ['10.1.0.1'],
    ...shape,
  };
  expect(spellInbound(somebody, settings)).toEqual(spellInbound({ ...nobody, ...shape }, settings));
});
