/** Go duration strings (`200ms`, `1h30m`) to milliseconds. */

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

const maxMs = 24 * 3_600_000;

/** Milliseconds, or what is wrong with the text. Whole milliseconds up to 24h, without a sign. */
export function parseDuration(
  text: string,
): { readonly ms: number; readonly problem?: undefined } | { readonly problem: string } {
  const example = 'expected a duration such as 200ms, 5s or 1h30m';
  if (text.length > 64) return { problem: example };
  if (/^[-+]/.test(text)) return { problem: `${example}, without a sign` };
  if (/^[\d.]+$/.test(text) && text !== '0') return { problem: `${example}, found no unit` };
  if (text === '0') return { ms: 0 };
  const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;
  let ms = 0;
  let end = 0;
  for (let match = part.exec(text); match !== null; match = part.exec(text)) {
    ms += Number(match[1]) * (unitMs[match[2] ?? ''] ?? NaN);
    end = part.lastIndex;
  }
  if (end === 0 || end !== text.length) return { problem: example };
  const whole = Math.round(ms);
  if (Math.abs(whole - ms) > 1e-6) return { problem: 'expected whole milliseconds' };
  if (whole > maxMs) return { problem: 'expected at most 24h' };
  return { ms: whole };
}
