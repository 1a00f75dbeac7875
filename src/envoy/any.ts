// Puts a message into the form that a field of type Any takes.
import type { AnyMessage, AnyTypes } from '../../gen/envoy.js';

/**
 * The message with its type beside its fields; the compiler checks the fields against the type.
 * A literal with `'@type'` is checked just as well: this saves spelling the prefix.
 */
export function any<N extends keyof AnyTypes>(fullName: N, message: AnyTypes[N]): AnyMessage {
  // The union cannot be narrowed by a generic name.
  return { '@type': `type.googleapis.com/${fullName}`, ...message } as unknown as AnyMessage;
}
