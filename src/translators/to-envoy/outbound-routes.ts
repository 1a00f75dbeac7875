/** The one RouteConfiguration of the app's HTTP calls. */
import type { OutboundRoutesIr } from '../../ir/index.js';
import { destinationHeader, outboundRoutesName, unprocessedHeader } from './contract.js';
import type { RouteConfiguration } from '../../envoy/index.js';
import { spellAdsSource } from './values.js';
import { spellRoute } from './virtual-host.js';

/**
 * `http`: a catch-all that goes to the cluster named after the address that was called. Virtual
 * hosts with policy come over VHDS and are found by the same name; the Host header decides nothing.
 */
export function spellOutboundRoutes({ route }: OutboundRoutesIr): RouteConfiguration {
  return {
    name: outboundRoutesName,
    vhost_header: destinationHeader,
    request_headers_to_remove: [destinationHeader],
    response_headers_to_remove: [unprocessedHeader],
    virtual_hosts: [
      {
        name: 'any',
        domains: ['*'],
        routes: [spellRoute(route)],
      },
    ],
    vhds: { config_source: spellAdsSource() },
  };
}
