/** The texts of a TrafficPolicy's leaves: names, hosts, paths, headers, durations, patterns. */
import { RE2JS } from 're2js';
import { z } from 'zod';
import { canonicalCidr, canonicalIp } from '../address.js';
import { parseDuration } from '../duration.js';
import { dnsLabel, subdomain } from '../header.js';
import { text } from './check.js';

/** RFC 9110, section 5.6.2. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Nothing that could end a header or a log line: RFC 9110, section 5.5. */
const hasControls = /[\u0000-\u001f\u007f]/;

const maxText = 4096;

const anyDuration = 'expected a duration such as 200ms, 5s or 1h30m';

/** A duration that may be zero, as text; milliseconds come from {@link durationMs}. */
export const duration = text((value) => parseDuration(value).problem, anyDuration);

/** A duration of at least a millisecond. */
export const positiveDuration = text((value) => {
  const parsed = parseDuration(value);
  if (parsed.problem !== undefined) return parsed.problem;
  return parsed.ms > 0 ? undefined : 'expected more than 0s';
}, anyDuration);

/** Sidecars close an idle connection that they have accepted a minute after an hour: callers are first. */
const maxIdleMs = 3_600_000;

/** A duration of at least a millisecond and at most an hour. */
export const idleDuration = text((value) => {
  const parsed = parseDuration(value);
  if (parsed.problem !== undefined) return parsed.problem;
  if (parsed.ms > maxIdleMs) return 'expected at most 1h, when the callee’s sidecar closes it';
  return parsed.ms > 0 ? undefined : 'expected more than 0s';
}, anyDuration);

/** Sidecars fill their buckets at most 20 times a second. */
const minRatePeriodMs = 50;

/** The time in which a rate counts. */
export const ratePeriod = text((value) => {
  const parsed = parseDuration(value);
  if (parsed.problem !== undefined) return parsed.problem;
  return parsed.ms < minRatePeriodMs ? 'expected at least 50ms' : undefined;
}, anyDuration);

/** Zero, or whole seconds, as TCP counts them. */
export const keepaliveDuration = text((value) => {
  const parsed = parseDuration(value);
  if (parsed.problem !== undefined) return parsed.problem;
  return parsed.ms % 1000 === 0 ? undefined : 'expected whole seconds';
}, anyDuration);

/** Milliseconds of a text that {@link duration} has admitted. */
export function durationMs(value: string): number {
  const parsed = parseDuration(value);
  return parsed.problem === undefined ? parsed.ms : 0;
}

/** The name of a rule. */
export const ruleName = text((value) =>
  /^[a-z0-9-]{1,63}$/.test(value)
    ? undefined
    : 'expected 1 to 63 lower case letters, digits and dashes',
);

/** The name of a namespace. */
export const namespaceName = text((value) =>
  dnsLabel.test(value) ? undefined : 'expected the name of a namespace',
);

/** The name of a Service, ConfigMap or Secret. */
export const objectName = text((value) =>
  value.length <= 253 && subdomain.test(value) ? undefined : 'expected the name of an object',
);

/** A port's name: RFC 6335, section 5.1, as Kubernetes has it for Services. */
export const portName = text((value) =>
  dnsLabel.test(value) ? undefined : 'expected the name of a port of the Service',
);

/** A port number. */
export const portNumber = z.int().min(1).max(65535);

/** `namespace/name` of a service account. */
export const serviceAccountRef = text((value) => {
  const [namespace = '', name = '', ...rest] = value.split('/');
  return rest.length === 0 && dnsLabel.test(namespace) && name.length <= 253 && subdomain.test(name)
    ? undefined
    : 'expected <namespace>/<service account>';
});

/** A SPIFFE ID, or the beginning of one followed by `*`. */
export const spiffePattern = text((value) => {
  if (value.length > 2048) return 'expected at most 2048 characters';
  if (!/^spiffe:\/\/./.test(value)) return 'expected a text that begins with spiffe://';
  if (value.slice(0, -1).includes('*')) return 'expected * at the end only';
  return /^[A-Za-z0-9._/:-]+\*?$/.test(value)
    ? undefined
    : 'expected the characters of a SPIFFE ID';
});

/** A CIDR such as `10.0.0.0/8`. */
export const cidr = text((value) =>
  canonicalCidr(value) === undefined ? 'expected a CIDR such as 10.0.0.0/8 or fd00::/8' : undefined,
);

const usualMethods = 'GET HEAD POST PUT PATCH DELETE OPTIONS CONNECT TRACE'.split(' ');

/** An HTTP method; methods are case-sensitive, so `get` would never match: RFC 9110, section 9.1. */
export const method = text((value) => {
  if (!token.test(value) || value.length > 64) return 'expected an HTTP method such as GET';
  const upper = value.toUpperCase();
  return value !== upper && usualMethods.includes(upper) ? `expected ${upper}` : undefined;
});

/** A path without query or fragment. */
export const path = text(pathProblem);

/** A path that may end in `*`. */
export const pathPattern = text((value) => {
  if (value.slice(0, -1).includes('*')) return 'expected * at the end only';
  return pathProblem(value) ?? unreachableProblem(value);
});

/**
 * Sidecars normalise a request's path before they compare it, so that a rule for another spelling
 * would never match: a deny that guards nothing.
 */
function unreachableProblem(value: string): string | undefined {
  if (value.includes('//')) return 'expected single slashes: sidecars merge them in requests';
  if (value.includes('\\')) return 'expected / for \\: sidecars turn it in requests';
  // What stands before a final * is the beginning of a segment, not a whole one.
  const whole = value.endsWith('*') ? value.slice(0, value.lastIndexOf('/')) : value;
  if (/\/\.{1,2}(\/|$)/.test(whole)) return 'expected a path without . and .. as segments';
  const escaped = value.match(/%[0-9a-f]{2}/gi) ?? [];
  for (const code of escaped) {
    const character = String.fromCharCode(Number.parseInt(code.slice(1), 16));
    if (/[\w.~-]/.test(character)) return `expected ${character} for ${code}: it means the same`;
    if (/[/\\\0]/.test(character)) {
      return `expected no ${code}: such requests are answered with 400`;
    }
  }
  const unescaped = /["<>^`{|}]|[^\u0020-\u007e]/u.exec(value)?.[0];
  return unescaped === undefined
    ? undefined
    : `expected ${encodeURIComponent(unescaped)} for ${unescaped}: sidecars escape it in requests`;
}

function pathProblem(value: string): string | undefined {
  if (!value.startsWith('/')) return 'expected a path that begins with /';
  if (value.length > maxText) return `expected at most ${maxText} characters`;
  if (hasControls.test(value) || value.includes(' '))
    return 'expected no spaces or control characters';
  if (/[?#]/.test(value)) return 'expected a path without query or fragment';
  return undefined;
}

/** What is wrong with a regular expression; undefined when RE2 compiles it. */
export function regexProblem(value: string): string | undefined {
  if (value === '') return 'expected a regular expression, found an empty text';
  if (value.length > 1024) return 'expected at most 1024 characters';
  try {
    RE2JS.compile(value);
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 120) : 'no reason given';
    return `expected a regular expression in RE2 syntax: ${reason}`;
  }
}

/** A text to compare with: no control characters, at most 4096 characters. */
export const plainText = text((value) => {
  if (value.length > maxText) return `expected at most ${maxText} characters`;
  return hasControls.test(value) ? 'expected no control characters' : undefined;
});

/** A header's name, to compare or to read. */
export const headerName = text(headerNameProblem);

function headerNameProblem(value: string): string | undefined {
  return token.test(value) && value.length <= 256 ? undefined : 'expected the name of a header';
}

/** A header's name that a rule may ask for, as sidecars see requests. */
export const comparedHeader = text((value) =>
  value.toLowerCase().startsWith('x-envoy-')
    ? 'expected another header: sidecars drop x-envoy-* from requests'
    : headerNameProblem(value),
);

/** What is wrong with a header's value to compare with, besides what is so for every value. */
export function headerValueProblem(value: string): string | undefined {
  if (value.includes(',')) return 'expected no comma: each of several values is compared by itself';
  if (value !== value.trim()) return 'expected no spaces at the ends: a value never has them';
  return /^[\u0020-\u007e]*$/.test(value) ? undefined : 'expected printable ASCII characters';
}

/** Headers that frame the message: changing them breaks the connection or smuggles requests. */
const framing = new Set(['content-length', 'transfer-encoding', 'connection', 'upgrade', 'te']);

/** A header's name that a policy may change. */
export const changeableHeader = text((value) => {
  const lower = value.toLowerCase();
  if (lower === 'host' || lower === ':authority')
    return 'expected another header: use rewrite.hostname';
  if (lower === ':path') return 'expected another header: use rewrite.path';
  if (framing.has(lower)) return 'expected a header that does not frame the message';
  return headerNameProblem(value);
});

/** A header's name that a claim may be copied to. */
export const claimHeader = text((value) => {
  const lower = value.toLowerCase();
  if (lower === 'host' || framing.has(lower)) return 'expected a header of its own for the claim';
  if (lower === 'x-forwarded-client-cert' || lower.startsWith('x-envoy-')) {
    return 'expected another header: this one is the sidecar’s own';
  }
  return headerNameProblem(value);
});

/** An issuer or an audience of tokens. */
export const tokenText = text((value) => {
  if (value === '' || value.length > 1024) return 'expected 1 to 1024 characters';
  return hasControls.test(value) ? 'expected no control characters' : undefined;
});

/** The name of a claim; a dot also leads into a map. */
export const claimName = text((value) => {
  if (value === '' || value.length > 256) return 'expected 1 to 256 characters';
  return /\s/.test(value) || hasControls.test(value) ? 'expected the name of a claim' : undefined;
});

/** A value that a rule compares with, which may end in `*`. */
export const valuePattern = text((value) => {
  if (value === '' || value.length > 1024) return 'expected 1 to 1024 characters';
  if (value.slice(0, -1).includes('*')) return 'expected * at the end only';
  return hasControls.test(value) ? 'expected no control characters' : undefined;
});

/** The name of a query parameter. */
export const queryName = text((value) => {
  if (value === '' || value.length > 256) return 'expected 1 to 256 characters';
  return /[\s&=#]/.test(value) || hasControls.test(value)
    ? 'expected the name of a query parameter'
    : undefined;
});

/** A host without port: a DNS name or an IP address. */
export const hostname = text((value) =>
  value.length <= 253 && subdomain.test(value)
    ? undefined
    : 'expected a lower case host name without port',
);

/**
 * A host outside the mesh, or `*.` and one. Sidecars look it up as it is, without search domains,
 * and never their own `localhost`.
 */
export const egressHost = text((value) => {
  const name = value.startsWith('*.') ? value.slice(2) : value;
  if (/^[0-9.]+$/.test(value) || canonicalIp(value) !== undefined) {
    return 'expected a host name: an address is written as a cidr such as 192.0.2.1/32';
  }
  if (name === 'localhost' || name.endsWith('.localhost')) return 'expected a host outside the pod';
  return value.length <= 253 && subdomain.test(name)
    ? undefined
    : 'expected a lower case host name without port such as api.example.com or *.example.com';
});

/** A DNS name: what TLS asks for and certificates carry; RFC 6066, section 3, knows no addresses. */
export const dnsName = text((value) =>
  value.length <= 253 && subdomain.test(value) && /(^|\.)[a-z][^.]*$/.test(value)
    ? undefined
    : 'expected a lower case DNS name, no address',
);

/** Labels to select by: at least one, in the syntax of Kubernetes. */
export const labels = z.record(z.string(), text(labelValueProblem)).superRefine((map, context) => {
  const keys = Object.keys(map);
  if (keys.length === 0 || keys.length > 32) {
    context.addIssue({ code: 'custom', message: 'expected 1 to 32 labels' });
  }
  for (const key of keys) {
    const message = labelKeyProblem(key);
    if (message !== undefined) context.addIssue({ code: 'custom', path: [key], message });
  }
});

function labelKeyProblem(key: string): string | undefined {
  const cut = key.indexOf('/');
  const name = key.slice(cut + 1);
  const isPrefixFine = cut < 0 || (cut <= 253 && subdomain.test(key.slice(0, cut)));
  return isPrefixFine && /^[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/.test(name)
    ? undefined
    : 'expected a label key';
}

function labelValueProblem(value: string): string | undefined {
  return value === '' || /^[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/.test(value)
    ? undefined
    : 'expected a label value';
}
