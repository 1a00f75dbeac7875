/** Logging: one line of JSON per event on standard error. */
import pino from 'pino';

/** How much is logged; each level includes those after it. */
export type LogLevel = 'info' | 'warn' | 'error' | 'silent';

/** What varies from one event of a kind to the next. Secrets go in as `Redacted`; an Error goes under `error`. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Says what happened. Messages are constants, lower case; values go in fields. */
export interface Logger {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/**
 * A logger of lines `{"level":"info","time":"<ISO 8601>",…fields,"message":"…"}`. `write` gets each
 * line with its line feed; absent: standard error, synchronously, so that no last word is lost.
 */
export function createLogger(options: {
  readonly level: LogLevel;
  readonly write?: (line: string) => void;
}): Logger {
  const { level, write } = options;
  const destination = write === undefined ? pino.destination({ fd: 2, sync: true }) : { write };
  const logger = pino(
    {
      level,
      base: null,
      messageKey: 'message',
      errorKey: 'error',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return {
    info: (message, fields = {}) => {
      logger.info(fields, message);
    },
    warn: (message, fields = {}) => {
      logger.warn(fields, message);
    },
    error: (message, fields = {}) => {
      logger.error(fields, message);
    },
  };
}

/** Says nothing; for tests and for commands that print their own. */
export const silentLogger: Logger = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
