/** TCP chains: bytes carried as they are. */
import { spellTcpAccessLog, type Direction } from './access-log.js';
import { refuseClusterName } from './contract.js';
import type { AccessLog, NetworkFilter, TcpProxy } from '../../envoy/index.js';
import type { SpellSettings } from './settings.js';

/** What differs between one TCP chain and another. */
export interface TcpConnectionOptions {
  readonly direction: Direction;
  /** Ends the stat prefix: `<direction>_<stat>`. */
  readonly stat: string;
  readonly cluster: string;
  /** Logs beside the one that the mesh is told to write. */
  readonly logs?: readonly AccessLog[];
  /** Fields that only this chain sets. */
  readonly more?: TcpProxy;
}

/** The filter that carries a connection to one cluster; closed after an hour of silence. */
export function spellTcpProxy(
  options: TcpConnectionOptions,
  settings: SpellSettings,
): NetworkFilter {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
      stat_prefix: `${options.direction}_${options.stat}`,
      cluster: options.cluster,
      idle_timeout: '3600s',
      access_log: [...spellTcpAccessLog(options.direction, settings), ...(options.logs ?? [])],
      ...options.more,
    },
  };
}

/** The filter of chains whose connections are closed at once. */
export function spellRefusal(direction: Direction, settings: SpellSettings): NetworkFilter {
  return spellTcpProxy({ direction, stat: 'refused', cluster: refuseClusterName }, settings);
}

/** Names the cluster of a connection by a format string when the connection is accepted. */
export function spellClusterChoice(format: string): NetworkFilter {
  return {
    name: 'envoy.filters.network.set_filter_state',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.set_filter_state.v3.Config',
      on_new_connection: [
        {
          object_key: 'envoy.tcp_proxy.cluster',
          format_string: { text_format_source: { inline_string: format } },
        },
      ],
    },
  };
}
