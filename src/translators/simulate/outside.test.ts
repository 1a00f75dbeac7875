/** What explain says of calls that leave the mesh: who lets them pass or refuses them, by which field. */
import { describe, expect, test } from '@jest/globals';
import { explainQuery } from '../index.js';
import { aPod, aPolicy, aService, compileWith, type MeshObject } from '../testing/mesh-builder.js';

const client = aPod('client', { namespace: 'web', ips: ['10.1.0.9'] });
const far = aPod('far', { namespace: 'far', ips: ['10.1.0.7'] });
const objects: readonly MeshObject[] = [
  ...[client, far, aService('cart')],
  aPolicy('lock', {
    namespace: 'skerry-system',
    targets: [{ kind: 'Mesh' }],
    egress: { mode: 'KnownOnly' },
  }),
  aPolicy('partners', {
    namespace: 'web',
    targets: [{ kind: 'Namespace' }],
    egress: {
      allow: [
        { kind: 'host', host: 'api.partner.example', ports: [443] },
        { kind: 'host', host: '*.cdn.example', ports: [80, 443] },
        { kind: 'host', host: 'short.example', ports: [443] },
        { kind: 'cidr', cidr: '192.0.2.0/24', ports: [5432] },
      ],
    },
  }),
];
const bounded = compileWith({ meshCidrs: ['10.0.0.0/8'] }, ...objects);

function verdictOf(
  to: string,
  from = 'web/client',
  headers: Readonly<Record<string, string>> = {},
): readonly string[] {
  const query = { from, to, method: 'GET', path: '/', headers };
  const explained = explainQuery(bounded.view, query, 'cluster.local');
  if (!explained.ok) throw new Error(explained.error);
  const { steps, outcomes } = explained.value;
  const last = steps.at(-1);
  return [outcomes.map(({ verdict }) => verdict).join(), ...(last?.from ?? [])];
}

const mode = 'TrafficPolicy skerry-system/lock spec.outbound.egress.mode';
const allow = 'TrafficPolicy web/partners spec.outbound.egress.allow';

describe('a call that leaves the mesh', () => {
  test.each([
    ['api.partner.example:443', ['admitted', allow]],
    ['short.example:443', ['admitted', allow]],
    ['www.cdn.example:80', ['admitted', allow]],
    ['192.0.2.7:5432', ['admitted', allow]],
    ['api.partner.example:80', ['refused', mode, allow]],
    ['www.other.example:443', ['refused', mode, allow]],
    ['192.0.2.7:443', ['refused', mode, allow]],
    ['198.51.100.1:443', ['refused', mode, allow]],
  ])('to %s is judged by the fields that decide', (to, expected) => {
    expect(verdictOf(to)).toEqual(expected);
  });

  test('goes by the Host that it shows, and its port', () => {
    expect(verdictOf('198.51.100.1:443', 'web/client', { host: 'API.partner.example' })).toEqual([
      ...['admitted', allow],
    ]);
    expect(verdictOf('www.cdn.example:80', 'web/client', { host: 'evil.example' })[0]).toBe(
      'refused',
    );
    expect(verdictOf('www.cdn.example:80', 'web/client', { host: 'a.cdn.example:22' })[0]).toBe(
      'refused',
    );
  });

  test('of a namespace without a list of its own is refused by the mesh’s policy alone', () => {
    expect(verdictOf('api.partner.example:443', 'far/far')).toEqual(['refused', mode]);
  });

  test('a short name of no Service stays a mistake of the caller', () => {
    expect(verdictOf('nothing.shop:80')[0]).toBe('no endpoint');
  });
});

test('without a policy it passes', () => {
  const open = compileWith({ meshCidrs: ['10.0.0.0/8'] }, client);
  const query = { from: 'web/client', to: '192.0.2.1:443', method: 'GET', path: '/', headers: {} };
  const explained = explainQuery(open.view, query, 'cluster.local');
  if (!explained.ok) throw new Error(explained.error);
  expect(explained.value.outcomes).toMatchObject([{ verdict: 'admitted' }]);
});
