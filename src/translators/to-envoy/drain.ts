/** Lets callers go from a pod that is being deleted. */
import type { HttpFilter, TypedMessage } from '../../envoy/index.js';

/** The filter that does it where a route says so. */
export const drainFilter = 'envoy.filters.http.lua';

/**
 * Stands in every inbound chain, switched off until routes bring {@link spellDraining}: a change of
 * the listener would cut requests that last longer than its drain time.
 */
export function spellDrainFilter(): HttpFilter {
  return {
    name: drainFilter,
    typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua' },
    disabled: true,
  };
}

/**
 * Every connection is closed with the answer to its next request: by `connection: close` in HTTP/1.1
 * and GOAWAY in HTTP/2. What the app itself says of its connection ends at the sidecar, so callers
 * that keep connections to one pod (those without a sidecar) would stay until it is gone.
 */
export function spellDraining(): TypedMessage<'envoy.extensions.filters.http.lua.v3.LuaPerRoute'> {
  return {
    '@type': 'type.googleapis.com/envoy.extensions.filters.http.lua.v3.LuaPerRoute',
    source_code: {
      inline_string:
        'function envoy_on_request(request) request:streamInfo():drainConnectionUponCompletion() end',
    },
  };
}
