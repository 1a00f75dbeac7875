/** What every room may use; no word of the mesh. */
export { backoffDelayMs, wait, type Backoff } from './backoff.js';
export { systemClock, type Clock } from './clock.js';
export { boundConnections, type Connections } from './connections.js';
export {
  derBits,
  derContext,
  derImplicit,
  derOctets,
  derOid,
  derSequence,
  derTime,
  derTrue,
  derUnsigned,
  derValue,
  pemOf,
} from './der.js';
export {
  each,
  excluding,
  fewOf,
  includes,
  including,
  membersOf,
  packed,
  sizeOf,
  type Few,
} from './few.js';
export { flatText } from './flat-text.js';
export { withSignals } from './joined-signals.js';
export { leanList } from './lean-list.js';
export {
  createLogger,
  silentLogger,
  type LogFields,
  type Logger,
  type LogLevel,
} from './logger.js';
export { Redacted } from './redacted.js';
export { fail, ok, type Result } from './result.js';
