/** Listener filters: what is read of a connection before its filter chain is chosen. */
import type { ListenerFilter, ListenerFilterChainMatchPredicate } from '../../envoy/index.js';

/** Restores the address that the caller meant, which redirection replaced. */
export function spellOriginalDst(): ListenerFilter {
  return {
    name: 'envoy.filters.listener.original_dst',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst',
    },
  };
}

/** Tells TLS from plaintext and reads the ALPN offered. */
export function spellTlsInspector(disabled?: ListenerFilterChainMatchPredicate): ListenerFilter {
  return {
    name: 'envoy.filters.listener.tls_inspector',
    ...(disabled === undefined ? {} : { filter_disabled: disabled }),
    typed_config: {
      '@type':
        'type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
    },
  };
}

/** Tells HTTP from other bytes. */
export function spellHttpInspector(disabled?: ListenerFilterChainMatchPredicate): ListenerFilter {
  return {
    name: 'envoy.filters.listener.http_inspector',
    ...(disabled === undefined ? {} : { filter_disabled: disabled }),
    typed_config: {
      '@type':
        'type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector',
    },
  };
}

/** The application protocols that the HTTP inspector finds. */
export const sniffedHttp: readonly string[] = ['http/1.0', 'http/1.1', 'h2c'];

/** True for these destination ports (any order); undefined for none. Neighbours become one range. */
export function spellPortPredicate(
  ports: readonly number[],
): ListenerFilterChainMatchPredicate | undefined {
  const ranges: { start: number; end: number }[] = [];
  for (const port of [...new Set(ports)].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    // `end` is not part of the range (envoy.type.v3.Int32Range).
    if (last?.end === port) last.end = port + 1;
    else ranges.push({ start: port, end: port + 1 });
  }
  const rules = ranges.map((range) => ({ destination_port_range: range }));
  return rules.length > 1 ? { or_match: { rules } } : rules[0];
}
