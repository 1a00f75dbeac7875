/** The listener that says whether the sidecar is ready. */
import { readinessPort } from './contract.js';
import { spellRouter, wrapHttpConnection } from './http-connection.js';
import type { Listener } from '../../envoy/index.js';
import { spellAnyAddress } from './values.js';

/** `readiness` on 15021: `/ready` is 200 (503 once Envoy was told to fail), everything else 404. */
export function spellReadiness(): Listener {
  return {
    name: 'readiness',
    address: spellAnyAddress(readinessPort),
    filter_chains: [
      {
        filters: [
          wrapHttpConnection({
            stat_prefix: 'readiness',
            server_header_transformation: 'PASS_THROUGH',
            generate_request_id: false,
            route_config: {
              name: 'readiness',
              virtual_hosts: [
                {
                  name: 'readiness',
                  domains: ['*'],
                  routes: [
                    { name: 'other', match: { prefix: '' }, direct_response: { status: 404 } },
                  ],
                },
              ],
            },
            http_filters: [
              {
                name: 'envoy.filters.http.health_check',
                typed_config: {
                  '@type':
                    'type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck',
                  pass_through_mode: false,
                  headers: [{ name: ':path', string_match: { exact: '/ready' } }],
                },
              },
              spellRouter(),
            ],
          }),
        ],
      },
    ],
  };
}
