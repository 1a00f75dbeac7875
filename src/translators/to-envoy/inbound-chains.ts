/** Filter chains of one inbound port, by what the connection turns out to be. */
import type { InboundPortIr } from '../../ir/index.js';
import { spellAuditLog, spellRefusalCount } from './access-log.js';
import { spellConnectionLimit } from './connection-limit.js';
import { httpAlpn, inboundClusterName, tcpAlpn } from './contract.js';
import { spellGate } from './gate.js';
import { spellInboundHttp } from './inbound-http.js';
import { sniffedHttp } from './listener-filters.js';
import type { FilterChain, FilterChainMatch, NetworkFilter } from '../../envoy/index.js';
import { auditPrefix, spellRbac } from './rbac.js';
import type { SpellSettings } from './settings.js';
import { spellTcpProxy } from './tcp-connection.js';
import { spellDownstreamTls } from './tls.js';

/** How long a caller may take for its handshake. */
const handshakeTimeout = '10s';

/**
 * Strict: mesh TLS and nothing else. Permissive: also plaintext and the app's own TLS. Disabled:
 * these only.
 */
export function spellInboundChains(entry: InboundPortIr, settings: SpellSettings): FilterChain[] {
  switch (entry.mtls) {
    case 'Strict':
      return spellMesh(entry, settings);
    case 'Permissive':
      return [...spellMesh(entry, settings), ...spellPlain(entry, settings)];
    case 'Disabled':
      return spellPlain(entry, settings);
  }
}

/** A declared protocol beats what the client says is inside. */
function spellMesh(entry: InboundPortIr, settings: SpellSettings): FilterChain[] {
  const secure = (
    kind: string,
    alpn: readonly string[],
    filters: readonly NetworkFilter[],
  ): FilterChain => ({
    name: nameChain(entry, kind),
    filter_chain_match: {
      ...matchPort(entry),
      transport_protocol: 'tls',
      application_protocols: alpn,
    },
    transport_socket: spellDownstreamTls(settings.trustDomain),
    transport_socket_connect_timeout: handshakeTimeout,
    filters: [...spellConnectionLimit(entry.connections), ...filters],
  });
  const tcp = spellTcp(entry, 'mesh', settings);
  if (entry.protocol === 'tcp') return [secure('mesh-tcp', [tcpAlpn, httpAlpn], tcp)];
  return [
    secure('mesh-http', [httpAlpn], [spellInboundHttp(entry, 'mesh', settings)]),
    secure('mesh-tcp', [tcpAlpn], tcp),
  ];
}

function spellPlain(entry: InboundPortIr, settings: SpellSettings): FilterChain[] {
  const plain = (
    kind: string,
    match: FilterChainMatch,
    filters: readonly NetworkFilter[],
  ): FilterChain => ({
    name: nameChain(entry, kind),
    filter_chain_match: { ...matchPort(entry), ...match },
    filters: [...spellConnectionLimit(entry.connections), ...filters],
  });
  const http = [spellInboundHttp(entry, 'plain', settings)];
  const tcp = spellTcp(entry, 'plain', settings);
  const raw = { transport_protocol: 'raw_buffer' };
  const tls = plain('app-tls', { transport_protocol: 'tls' }, tcp);
  switch (entry.protocol) {
    case 'http':
      return [plain('plain-http', raw, http), tls];
    case 'tcp':
      return [plain('plain-tcp', raw, tcp), tls];
    case 'sniff':
      return [
        plain('plain-http', { ...raw, application_protocols: sniffedHttp }, http),
        plain('plain-tcp', raw, tcp),
        tls,
      ];
  }
}

/**
 * Rules on a TCP chain rule new connections; Envoy drains the old ones when the chain changes. The
 * app is connected to after the handshake, when the gate has seen who calls.
 */
function spellTcp(
  { tcp, shadow }: InboundPortIr,
  transport: 'mesh' | 'plain',
  settings: SpellSettings,
): NetworkFilter[] {
  const gate = spellGate(tcp, transport);
  return [
    ...(gate === undefined ? [] : [gate]),
    {
      name: 'envoy.filters.network.rbac',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC',
        stat_prefix: 'inbound_tcp_',
        rules: spellRbac(tcp, 'tcp'),
        ...(shadow === undefined
          ? {}
          : { shadow_rules: spellRbac(shadow.tcp, 'tcp'), shadow_rules_stat_prefix: auditPrefix }),
      },
    },
    spellTcpProxy(
      {
        direction: 'inbound',
        stat: 'tcp',
        cluster: inboundClusterName,
        logs: [
          ...spellRefusalCount('tcp', settings),
          ...(shadow === undefined ? [] : [spellAuditLog('tcp', auditPrefix)]),
        ],
        more: { upstream_connect_mode: 'ON_DOWNSTREAM_TLS_HANDSHAKE', max_early_data_bytes: 0 },
      },
      settings,
    ),
  ];
}

function nameChain(entry: InboundPortIr, kind: string): string {
  return `${entry.port === undefined ? 'other' : String(entry.port)}/${kind}`;
}

function matchPort(entry: InboundPortIr): FilterChainMatch {
  return entry.port === undefined ? {} : { destination_port: entry.port };
}
