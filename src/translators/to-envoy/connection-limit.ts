/** Limits of connections: a filter that stands first in each chain of a port that has one. */
import type { InboundConnectionsIr } from '../../ir/index.js';
import type { NetworkFilter } from '../../envoy/index.js';

/**
 * Closes what comes beyond the limit before its handshake. Its message is not among those of the
 * envoy room, hence the TypedStruct, which Envoy reads as the message that it names.
 */
export function spellConnectionLimit(
  connections: InboundConnectionsIr | undefined,
): readonly NetworkFilter[] {
  if (connections === undefined) return [];
  return [
    {
      name: 'envoy.filters.network.connection_limit',
      typed_config: {
        '@type': 'type.googleapis.com/xds.type.v3.TypedStruct',
        type_url:
          'type.googleapis.com/envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit',
        value: { stat_prefix: connections.name, max_connections: connections.max },
      },
    },
  ];
}
