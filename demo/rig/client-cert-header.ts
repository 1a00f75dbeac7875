/** Reads the caller's identity out of the x-forwarded-client-cert header that a server saw. */

/**
 * The SPIFFE id of the last hop: the `URI` of the header's last element. Undefined when there is
 * none. Format: https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-client-cert
 * (elements part by commas, pairs by semicolons; either may stand inside double quotes).
 */
export function callerSpiffeId(header: string): string | undefined {
  const last = split(header, ',').at(-1);
  if (last === undefined) return undefined;
  for (const pair of split(last, ';')) {
    const [key, value] = splitOnce(pair.trim(), '=');
    if (key.toLowerCase() === 'uri' && value !== undefined) return unquote(value);
  }
  return undefined;
}

/** Splits at `separator`, but not inside double quotes, where `\"` does not end the quote. */
function split(text: string, separator: string): readonly string[] {
  const parts: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === '\\') at += 1;
    else if (char === '"') isQuoted = !isQuoted;
    else if (char === separator && !isQuoted) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

function splitOnce(text: string, separator: string): readonly [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function unquote(text: string): string {
  return text.startsWith('"') && text.endsWith('"') && text.length > 1 ? text.slice(1, -1) : text;
}
