/** Inbound HTTP: the connection manager and the routes that carry its authorization. */
import type { InboundPortIr } from '../../ir/index.js';
import { inboundClusterName } from './contract.js';
import { spellHttpConnection } from './http-connection.js';
import type { HttpRbac, NetworkFilter, RouteConfiguration } from '../../envoy/index.js';
import { auditPrefix, spellRbac, spellRefuseAll } from './rbac.js';
import { gatherFilter, spellGatheredHeaders, spellGatherFilter } from './request-condition.js';
import type { SpellSettings } from './settings.js';

const rbacFilter = 'envoy.filters.http.rbac';

/** `inbound/<port>`, or `inbound/other` for ports that no Service declares. */
export function inboundRoutesName(entry: InboundPortIr): string {
  return `inbound/${entry.port === undefined ? 'other' : String(entry.port)}`;
}

/** The filter of an HTTP chain. Until the routes bring the rules, everybody is refused. */
export function spellInboundHttp(entry: InboundPortIr, settings: SpellSettings): NetworkFilter {
  return spellHttpConnection(
    {
      direction: 'inbound',
      routes: inboundRoutesName(entry),
      earlyMutations: [],
      filters: [
        spellGatherFilter(),
        {
          name: rbacFilter,
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC',
            rules: spellRefuseAll(),
          },
        },
      ],
      more: {
        // The app learns who calls from the certificate, never from what the caller wrote.
        forward_client_cert_details: 'SANITIZE_SET',
        set_current_client_cert_details: { uri: true },
      },
    },
    settings,
  );
}

/**
 * The routes of one port. Authorization travels here and not in the listener, because a change
 * of routes rules the next request on connections that are open already.
 */
export function spellInboundRoutes(entry: InboundPortIr): RouteConfiguration {
  const name = inboundRoutesName(entry);
  const { http, shadow } = entry;
  const headers = spellGatheredHeaders(shadow === undefined ? [http] : [http, shadow.http]);
  return {
    name,
    virtual_hosts: [
      {
        name,
        domains: ['*'],
        routes: [
          {
            name,
            match: { prefix: '' },
            route: { cluster: inboundClusterName, timeout: '0s' },
          },
        ],
        typed_per_filter_config: {
          ...(headers === undefined ? {} : { [gatherFilter]: headers }),
          [rbacFilter]: {
            '@type': 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute',
            rbac: spellHttpRbac(entry),
          },
        },
      },
    ],
  };
}

function spellHttpRbac({ http, shadow }: InboundPortIr): HttpRbac {
  const rules = spellRbac(http, 'http');
  if (shadow === undefined) return { rules };
  return {
    rules,
    shadow_rules: spellRbac(shadow.http, 'http'),
    shadow_rules_stat_prefix: auditPrefix,
  };
}
