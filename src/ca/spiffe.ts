/** SPIFFE ids as text: what is well formed, and which of them name workloads of a mesh. */
import { fail, ok, type Result } from '../lib/index.js';
import { spiffeId, type SpiffeId } from '../model/index.js';

const maxIdBytes = 2048;
const maxTrustDomainLength = 255;
const trustDomainPattern = /^[a-z0-9._-]+$/;
const segmentPattern = /^[A-Za-z0-9._-]+$/;
const dnsLabelPattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** A SPIFFE id taken apart. */
export interface ParsedSpiffeId {
  readonly trustDomain: string;
  /** Path segments; empty for the trust domain's own id. */
  readonly segments: readonly string[];
}

/** A workload's SPIFFE id taken apart. */
export interface WorkloadSpiffeId {
  readonly id: SpiffeId;
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** Takes a trust domain name as it is or says why it is none (SPIFFE-ID, section 2.1). */
export function parseTrustDomain(text: string): Result<string, string> {
  if (text.length === 0) return fail('expected a trust domain, found an empty string');
  if (text.length > maxTrustDomainLength) {
    return fail(`expected a trust domain of at most 255 characters, found ${text.length}`);
  }
  if (!trustDomainPattern.test(text)) {
    return fail(
      `expected a trust domain of lower case letters, digits, dots, dashes and underscores, found ${JSON.stringify(text)}`,
    );
  }
  return ok(text);
}

/** Takes a SPIFFE id apart or says why it is none (SPIFFE-ID, sections 2.1 to 2.3). */
export function parseSpiffeId(text: string): Result<ParsedSpiffeId, string> {
  if (Buffer.byteLength(text) > maxIdBytes) {
    return fail('expected a SPIFFE id of at most 2048 bytes, found a longer one');
  }
  if (!text.startsWith('spiffe://')) {
    return fail(`expected an id that begins with spiffe://, found ${JSON.stringify(text)}`);
  }
  const [authority = '', ...segments] = text.slice('spiffe://'.length).split('/');
  const trustDomain = parseTrustDomain(authority);
  if (!trustDomain.ok) return trustDomain;
  for (const segment of segments) {
    if (segment === '.' || segment === '..' || !segmentPattern.test(segment)) {
      return fail(`expected a well-formed path segment, found ${JSON.stringify(segment)}`);
    }
  }
  return ok({ trustDomain: trustDomain.value, segments });
}

/** Whether `text` can name a Kubernetes namespace (RFC 1123 label). */
export function isDnsLabel(text: string): boolean {
  return dnsLabelPattern.test(text);
}

/** Whether `text` can name a Kubernetes service account or pod (RFC 1123 subdomain). */
export function isDnsSubdomain(text: string): boolean {
  return text.length <= 253 && text.split('.').every((label) => dnsLabelPattern.test(label));
}

/** Takes `spiffe://<trust domain>/ns/<namespace>/sa/<service account>` apart or says why it is none. */
export function parseWorkloadSpiffeId(text: string): Result<WorkloadSpiffeId, string> {
  const parsed = parseSpiffeId(text);
  if (!parsed.ok) return parsed;
  const { trustDomain, segments } = parsed.value;
  const [ns, namespace = '', sa, serviceAccount = ''] = segments;
  const isWorkload =
    segments.length === 4 &&
    ns === 'ns' &&
    sa === 'sa' &&
    isDnsLabel(namespace) &&
    isDnsSubdomain(serviceAccount);
  if (!isWorkload) {
    return fail(
      `expected an id of the form spiffe://<trust domain>/ns/<namespace>/sa/<service account>, found ${text}`,
    );
  }
  const id = spiffeId(trustDomain, namespace, serviceAccount);
  return ok({ id, trustDomain, namespace, serviceAccount });
}
