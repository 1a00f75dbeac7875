/** The one RouteConfiguration of the app's HTTP calls. */
import type { OutboundListenerIr, RetryIr } from '../../ir/index.js';
import { destinationHeader, outboundRoutesName } from './contract.js';
import type { RouteConfiguration } from '../../envoy/index.js';
import { spellRetry } from './retry.js';
import { spellAdsSource } from './values.js';

/**
 * `http`: a catch-all that goes to the cluster named after the address that was called. Virtual
 * hosts with policy come over VHDS and are found by the same name; the Host header decides nothing.
 */
export function spellOutboundRoutes(
  _ir: OutboundListenerIr,
  defaults: { readonly retry: RetryIr },
): RouteConfiguration {
  const retry = spellRetry(defaults.retry);
  return {
    name: outboundRoutesName,
    vhost_header: destinationHeader,
    request_headers_to_remove: [destinationHeader],
    virtual_hosts: [
      {
        name: 'any',
        domains: ['*'],
        routes: [
          {
            name: 'any',
            match: { prefix: '' },
            route: {
              cluster_header: destinationHeader,
              timeout: '0s',
              ...(retry === undefined ? {} : { retry_policy: retry }),
            },
          },
        ],
      },
    ],
    vhds: { config_source: spellAdsSource() },
  };
}
