/** Spans of time as flags take them. */
import { CommandError, exitCode } from './io.js';

const unitSeconds: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600 };

/** `90`, `90s`, `5m` or `1h`, in seconds; at least one second, at most a day. */
export function parseWaitLimit(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,6})([smh]?)$/.exec(text) ?? [];
  const seconds = Number(digits) * (unitSeconds[unit] ?? 1);
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= 86_400) return seconds;
  throw new CommandError(`expected a time such as 90s or 5m, found ${text}`, exitCode.usage);
}
