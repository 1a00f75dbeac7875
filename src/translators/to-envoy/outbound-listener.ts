/** The one listener that takes the app's calls, whatever they call. */
import type { OutboundListenerIr } from '../../ir/index.js';
import {
  destinationHeader,
  inboundPort,
  outboundPort,
  outboundRoutesName,
  refuseClusterName,
} from './contract.js';
import { spellEgressChain } from './egress.js';
import { spellFaultFilter } from './fault.js';
import { spellHttpConnection } from './http-connection.js';
import {
  spellHttpInspector,
  spellOriginalDst,
  spellPortPredicate,
  sniffedHttp,
} from './listener-filters.js';
import type {
  FilterChain,
  FilterChainMatch,
  HttpFilter,
  Listener,
  NetworkFilter,
} from '../../envoy/index.js';
import type { SpellSettings } from './settings.js';
import { spellClusterChoice, spellRefusal, spellTcpProxy } from './tcp-connection.js';
import { spellAnyAddress, spellBoundedAdsSource, spellCidr } from './values.js';

/** How long a call waits for the control plane to name its cluster. */
const discoveryTimeout = '5s';

/**
 * The listener `outbound`. Envoy matches chains by port, then prefix, then ALPN and never goes
 * back: a port with chains of its own therefore repeats the TCP chain; what then matches nothing
 * falls to the default chain.
 */
export function spellOutboundListener(ir: OutboundListenerIr, settings: SpellSettings): Listener {
  const { chains, fallback } = spellChains(ir, settings);
  return {
    name: 'outbound',
    address: spellAnyAddress(outboundPort),
    traffic_direction: 'OUTBOUND',
    listener_filters: [
      spellOriginalDst(),
      // Server-first protocols say nothing that could be read: such ports are not inspected.
      spellHttpInspector(spellPortPredicate(ir.opaquePorts)),
    ],
    // Long, because HTTP that comes later falls into the TCP chain, past its routes.
    listener_filters_timeout: '5s',
    continue_on_listener_filters_timeout: true,
    filter_chains: [...spellLoopGuards(settings), ...chains],
    default_filter_chain: fallback,
  };
}

function spellLoopGuards(settings: SpellSettings): FilterChain[] {
  return [outboundPort, inboundPort].map((port) => ({
    name: `refused/${String(port)}`,
    filter_chain_match: { destination_port: port },
    filters: [spellRefusal('outbound', settings)],
  }));
}

function spellChains(
  ir: OutboundListenerIr,
  settings: SpellSettings,
): { chains: FilterChain[]; fallback: FilterChain } {
  const http = [spellHttp(ir, settings)];
  const tcp = spellTcp(ir, settings);
  const isBounded = ir.meshCidrs.length > 0;
  const mesh: FilterChainMatch = isBounded ? { prefix_ranges: ir.meshCidrs.map(spellCidr) } : {};
  const chains: FilterChain[] = [
    {
      name: 'http',
      filter_chain_match: { ...mesh, application_protocols: sniffedHttp },
      filters: http,
    },
  ];
  if (isBounded) chains.push({ name: 'tcp', filter_chain_match: mesh, filters: tcp });
  for (const { port, ips } of ir.httpOnOpaquePorts) {
    // Without prefixes the chain would take every address.
    if (ips.length === 0) continue;
    chains.push({
      name: `http/${String(port)}`,
      filter_chain_match: { destination_port: port, prefix_ranges: ips.map(spellCidr) },
      filters: http,
    });
    if (!isBounded) continue;
    const match = { ...mesh, destination_port: port };
    chains.push({ name: `tcp/${String(port)}`, filter_chain_match: match, filters: tcp });
  }
  const fallback = isBounded ? spellEgressChain(ir, settings) : { name: 'tcp', filters: tcp };
  return { chains, fallback };
}

function spellHttp(ir: OutboundListenerIr, settings: SpellSettings): NetworkFilter {
  return spellHttpConnection(
    {
      direction: 'outbound',
      routes: outboundRoutesName,
      earlyMutations: [
        {
          append: {
            // Runs before the route is chosen and overwrites what the app may have forged.
            header: { key: destinationHeader, value: 'http|%DOWNSTREAM_LOCAL_ADDRESS%' },
            append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
          },
        },
      ],
      filters: [...(ir.layout === 'on-demand' ? [spellOnDemand()] : []), spellFaultFilter()],
      more: { forward_client_cert_details: 'SANITIZE' },
    },
    settings,
  );
}

function spellOnDemand(): HttpFilter {
  return {
    name: 'envoy.filters.http.on_demand',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.on_demand.v3.OnDemand',
      odcds: { source: spellBoundedAdsSource(), timeout: discoveryTimeout },
    },
  };
}

function spellTcp(ir: OutboundListenerIr, settings: SpellSettings): readonly NetworkFilter[] {
  const onDemand = { odcds_config: spellBoundedAdsSource(), timeout: discoveryTimeout };
  return [
    spellClusterChoice('tcp|%DOWNSTREAM_LOCAL_ADDRESS%'),
    spellTcpProxy(
      {
        direction: 'outbound',
        stat: 'tcp',
        cluster: refuseClusterName,
        more: {
          max_connect_attempts: 3,
          ...(ir.layout === 'on-demand' ? { on_demand: onDemand } : {}),
        },
      },
      settings,
    ),
  ];
}
