/** The listener that takes calls to the app: mutual TLS and authorization, port by port. */
import type { InboundIr, InboundPortIr } from '../../ir/index.js';
import { spellListenerAccessLog } from './access-log.js';
import { inboundPort, ownPorts } from './contract.js';
import { spellInboundChains } from './inbound-chains.js';
import { spellInboundRoutes } from './inbound-http.js';
import {
  spellHttpInspector,
  spellOriginalDst,
  spellPortPredicate,
  spellTlsInspector,
} from './listener-filters.js';
import type {
  FilterChain,
  Listener,
  ListenerFilter,
  RouteConfiguration,
} from '../../envoy/index.js';
import type { SpellSettings } from './settings.js';
import { spellRefusal } from './tcp-connection.js';
import { spellAnyAddress } from './values.js';

/**
 * The listener `inbound` and its route configurations, one for each port that may carry HTTP.
 * Envoy never goes back from a port's chains to those without a port, and there is no default
 * chain: what no chain of its port admits is closed.
 */
export function spellInbound(
  ir: InboundIr,
  settings: SpellSettings,
): { listener: Listener; routes: RouteConfiguration[] } {
  // A chain for such a port would be nearer than its guard.
  const ports = ir.ports.filter(({ port }) => port === undefined || !ownPorts.includes(port));
  const listener: Listener = {
    name: 'inbound',
    address: spellAnyAddress(inboundPort),
    traffic_direction: 'INBOUND',
    listener_filters: [spellOriginalDst(), ...spellInspectors(ports)],
    listener_filters_timeout: '5s',
    continue_on_listener_filters_timeout: true,
    access_log: spellListenerAccessLog('inbound', settings),
    filter_chains: [
      ...spellLoopGuards(settings),
      ...ports.flatMap((port) => spellInboundChains(port, settings)),
    ],
  };
  const routes = ports
    .filter((port) => port.protocol !== 'tcp')
    .map((port) => spellInboundRoutes(port, ir.isDraining));
  return { listener, routes };
}

/** The sidecar's own ports are no destination: they would loop, or serve the caller Envoy itself. */
function spellLoopGuards(settings: SpellSettings): FilterChain[] {
  return ownPorts.map((port) => ({
    name: `refused/${String(port)}`,
    filter_chain_match: { destination_port: port },
    filters: [spellRefusal('inbound', settings)],
  }));
}

/** Ports where nothing depends on the first bytes are not inspected, so that servers may speak first. */
function spellInspectors(ports: readonly InboundPortIr[]): ListenerFilter[] {
  const filters: ListenerFilter[] = [];
  const tls = spellDisabled(ports, (port) => port.mtls === 'Disabled' && port.protocol !== 'sniff');
  if (tls !== 'everywhere') filters.push(spellTlsInspector(tls));
  const http = spellDisabled(ports, (port) => port.protocol !== 'sniff' || port.mtls === 'Strict');
  if (http !== 'everywhere') filters.push(spellHttpInspector(http));
  return filters;
}

/** Where a filter is off, given for which entries it is not needed. */
function spellDisabled(
  ports: readonly InboundPortIr[],
  isNeedless: (port: InboundPortIr) => boolean,
): ReturnType<typeof spellPortPredicate> | 'everywhere' {
  if (ports.every(isNeedless)) return 'everywhere';
  const listed = (wanted: boolean): number[] =>
    ports.flatMap((entry) =>
      entry.port !== undefined && isNeedless(entry) === wanted ? [entry.port] : [],
    );
  const others = ports.find((entry) => entry.port === undefined);
  if (others === undefined || !isNeedless(others)) return spellPortPredicate(listed(true));
  const needed = spellPortPredicate(listed(false));
  return needed === undefined ? 'everywhere' : { not_match: needed };
}
