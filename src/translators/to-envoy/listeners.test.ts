/** Filter chains and listener filters of both listeners, by table. */
import { describe, expect, test } from '@jest/globals';
import type { FilterChain, HttpConnectionManager, Listener } from '../../envoy/index.js';
import type { InboundPortIr, OutboundListenerIr } from '../../ir/index.js';
import { spellInbound } from './inbound.js';
import { spellOutboundListener } from './outbound-listener.js';
import { egressOf, inboundOf, inboundPortOf, outboundOf, settings } from './testing/samples.js';

/** What a chain matches, in short. */
function shortOf({ filter_chain_match: match = {} }: FilterChain): string {
  return [
    match.destination_port ?? '*',
    ...(match.prefix_ranges ?? []).map(
      (one) => `${one.address_prefix ?? ''}/${String(one.prefix_len)}`,
    ),
    ...(match.transport_protocol === undefined ? [] : [match.transport_protocol]),
    ...(match.application_protocols ?? []),
  ].join(' ');
}

function chainsOf(listener: Listener): Record<string, string> {
  const chains: Record<string, string> = {};
  for (const chain of listener.filter_chains ?? []) chains[chain.name ?? ''] = shortOf(chain);
  const fallback = listener.default_filter_chain?.name;
  return fallback === undefined ? chains : { ...chains, default: fallback };
}

function filtersOf(listener: Listener): unknown[] {
  return (listener.listener_filters ?? []).map((one) => {
    const kind = one.name?.replace('envoy.filters.listener.', '');
    return one.filter_disabled === undefined ? kind : [kind, one.filter_disabled];
  });
}

const range = (start: number, end: number): object => ({ destination_port_range: { start, end } });

describe('the outbound listener', () => {
  const guards = { 'refused/15001': '15001', 'refused/15006': '15006' };
  const sniffed = 'http/1.0 http/1.1 h2c';

  test.each<{ fact: string; ir: Partial<OutboundListenerIr>; chains: Record<string, string> }>([
    {
      fact: 'takes every address for the mesh where none is named',
      ir: {},
      chains: { http: `* ${sniffed}`, default: 'tcp' },
    },
    {
      fact: 'passes other addresses through',
      ir: { meshCidrs: ['10.0.0.0/8', 'fd00::/8'] },
      chains: {
        http: `* 10.0.0.0/8 fd00::/8 ${sniffed}`,
        tcp: '* 10.0.0.0/8 fd00::/8',
        default: 'passthrough',
      },
    },
    {
      fact: 'refuses other addresses where only the known are allowed',
      ir: { meshCidrs: ['10.0.0.0/8'], egress: egressOf({ mode: 'KnownOnly' }) },
      chains: { http: `* 10.0.0.0/8 ${sniffed}`, tcp: '* 10.0.0.0/8', default: 'refused' },
    },
    {
      fact: 'hands other addresses to the inner listener where something is allowed',
      ir: {
        meshCidrs: ['10.0.0.0/8'],
        egress: egressOf({ mode: 'KnownOnly', allow: [{ kind: 'cidr', cidr: '192.0.2.0/24' }] }),
      },
      chains: { http: `* 10.0.0.0/8 ${sniffed}`, tcp: '* 10.0.0.0/8', default: 'egress' },
    },
    {
      fact: 'parses declared HTTP on an opaque port, and repeats the TCP chain there',
      ir: {
        meshCidrs: ['10.0.0.0/8'],
        opaquePorts: [80],
        httpOnOpaquePorts: [{ port: 80, ips: ['10.0.0.1', 'fd00::1'] }],
      },
      chains: {
        http: `* 10.0.0.0/8 ${sniffed}`,
        tcp: '* 10.0.0.0/8',
        'http/80': '80 10.0.0.1/32 fd00::1/128',
        'tcp/80': '80 10.0.0.0/8',
        default: 'passthrough',
      },
    },
    {
      fact: 'leaves an opaque port alone where no address speaks HTTP',
      ir: { opaquePorts: [80], httpOnOpaquePorts: [{ port: 80, ips: [] }] },
      chains: { http: `* ${sniffed}`, default: 'tcp' },
    },
  ])('$fact', ({ ir, chains }) => {
    const listener = spellOutboundListener(outboundOf(ir), settings);
    expect(chainsOf(listener)).toEqual({ ...guards, ...chains });
  });

  test.each([
    { opaquePorts: [], inspector: 'http_inspector' },
    { opaquePorts: [3306], inspector: ['http_inspector', range(3306, 3307)] },
    {
      opaquePorts: [3306, 3307, 5432],
      inspector: [
        'http_inspector',
        { or_match: { rules: [range(3306, 3308), range(5432, 5433)] } },
      ],
    },
  ])('opaque ports $opaquePorts are not inspected', ({ opaquePorts, inspector }) => {
    const listener = spellOutboundListener(outboundOf({ opaquePorts }), settings);
    expect(filtersOf(listener)).toEqual(['original_dst', inspector]);
  });

  test.each([
    { layout: 'on-demand', asks: true },
    { layout: 'eager', asks: false },
  ] as const)('the $layout layout asks for clusters: $asks', ({ layout, asks }) => {
    const text = JSON.stringify(spellOutboundListener(outboundOf({ layout }), settings));
    expect(text.includes('odcds')).toBe(asks);
  });
});

describe('the inbound listener', () => {
  const mesh = { 'mesh-http': 'tls skerry-http', 'mesh-tcp': 'tls skerry-tcp' };
  const plain = { 'plain-http': 'raw_buffer', 'app-tls': 'tls' };
  const sniffed = {
    'plain-http': 'raw_buffer http/1.0 http/1.1 h2c',
    'plain-tcp': 'raw_buffer',
    'app-tls': 'tls',
  };

  test.each<Pick<InboundPortIr, 'mtls' | 'protocol'> & { chains: Record<string, string> }>([
    { mtls: 'Strict', protocol: 'http', chains: mesh },
    { mtls: 'Strict', protocol: 'sniff', chains: mesh },
    { mtls: 'Strict', protocol: 'tcp', chains: { 'mesh-tcp': 'tls skerry-tcp skerry-http' } },
    { mtls: 'Permissive', protocol: 'http', chains: { ...mesh, ...plain } },
    { mtls: 'Permissive', protocol: 'sniff', chains: { ...mesh, ...sniffed } },
    { mtls: 'Disabled', protocol: 'http', chains: plain },
    { mtls: 'Disabled', protocol: 'sniff', chains: sniffed },
    { mtls: 'Disabled', protocol: 'tcp', chains: { 'plain-tcp': 'raw_buffer', 'app-tls': 'tls' } },
  ])('a $mtls port of $protocol has the chains it needs', ({ mtls, protocol, chains }) => {
    const entries = [
      inboundPortOf({ mtls, protocol, port: 80 }),
      inboundPortOf({ mtls, protocol }),
    ];
    const { listener } = spellInbound(inboundOf(entries), settings);
    const named = (name: string, port: string): [string, string][] =>
      Object.entries(chains).map(([kind, match]) => [`${name}/${kind}`, `${port} ${match}`]);
    const guards = [15001, 15006, 15021, 15090].map((port) => [
      `refused/${String(port)}`,
      String(port),
    ]);
    expect(chainsOf(listener)).toEqual(
      Object.fromEntries([...guards, ...named('80', '80'), ...named('other', '*')]),
    );
  });

  test.each<{ fact: string; ports: Partial<InboundPortIr>[]; filters: unknown[] }>([
    {
      fact: 'TLS alone is looked for under Strict, since the ALPN tells the rest',
      ports: [{ port: 80, protocol: 'sniff' }, {}],
      filters: ['original_dst', 'tls_inspector'],
    },
    {
      fact: 'declared plaintext ports are not inspected at all',
      ports: [{ port: 3306, protocol: 'tcp', mtls: 'Disabled' }, {}],
      filters: ['original_dst', ['tls_inspector', range(3306, 3307)]],
    },
    {
      fact: 'HTTP is looked for where it is not declared',
      ports: [
        { port: 80, mtls: 'Permissive' },
        { protocol: 'sniff', mtls: 'Permissive' },
      ],
      filters: ['original_dst', 'tls_inspector', ['http_inspector', range(80, 81)]],
    },
    {
      fact: 'HTTP is looked for on the one port that needs it',
      ports: [{ port: 80, protocol: 'sniff', mtls: 'Permissive' }, {}],
      filters: ['original_dst', 'tls_inspector', ['http_inspector', { not_match: range(80, 81) }]],
    },
  ])('$fact', ({ ports, filters }) => {
    const { listener } = spellInbound(inboundOf(ports.map(inboundPortOf)), settings);
    expect(filtersOf(listener)).toEqual(filters);
  });

  test('only the rules and the router of an HTTP chain work until routes ask for more', () => {
    const { listener } = spellInbound(inboundOf([inboundPortOf({ port: 80 })]), settings);
    const chain = listener.filter_chains?.find(({ name }) => name === '80/mesh-http');
    const { http_filters: filters } = chain?.filters?.[0]?.typed_config as HttpConnectionManager;
    const working = filters?.filter(({ disabled }) => disabled !== true);
    expect(working?.map(({ name }) => name)).toEqual([
      'envoy.filters.http.rbac',
      'envoy.filters.http.router',
    ]);
  });

  test('a pod that declares a port of the sidecar cannot open it', () => {
    const ports = [inboundPortOf({ port: 15006, mtls: 'Permissive' })];
    const { listener, routes } = spellInbound(inboundOf(ports), settings);
    expect(Object.keys(chainsOf(listener))).not.toContain('15006/plain-http');
    expect(routes).toEqual([]);
  });

  test('routes are named after their port, none for declared TCP', () => {
    const ports = [
      inboundPortOf({ port: 80 }),
      inboundPortOf({ port: 81, protocol: 'tcp' }),
      inboundPortOf({ protocol: 'sniff' }),
    ];
    const { routes } = spellInbound(inboundOf(ports), settings);
    expect(routes.map(({ name }) => name)).toEqual(['inbound/80', 'inbound/other']);
  });
});
