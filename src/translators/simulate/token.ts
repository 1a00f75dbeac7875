/** What a sidecar makes of the tokens of a request, taking their signatures and times for good. */
import type { JwtIr, JwtIssuerIr } from '../../ir/index.js';

/** The claims of a token that an issuer has vouched for. */
export type Claims = Readonly<Record<string, unknown>>;

/** A request once its tokens are verified. */
export interface VerifiedRequest {
  /** Why it is refused at once; undefined: rules decide. */
  readonly refusal?: string;
  /** By issuer. */
  readonly claims: ReadonlyMap<string, Claims>;
  /** As rules and the app see them. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Verifies all but signatures and times, and takes keys that are fetched for fetched; undefined:
 * tokens are not looked at.
 */
export function verifyTokens(
  jwt: JwtIr | undefined,
  headers: Readonly<Record<string, string>>,
): VerifiedRequest {
  if (jwt === undefined) return { claims: new Map(), headers };
  const claims = new Map<string, Claims>();
  const seen = new Map(Object.entries(headers));
  for (const { header } of jwt.issuers.flatMap(({ claimToHeaders }) => claimToHeaders)) {
    for (const name of seen.keys()) if (isSameHeader(name, header)) seen.delete(name);
  }
  const refuse = (refusal: string): VerifiedRequest => ({ refusal, claims: new Map(), headers });
  for (const header of new Set(jwt.issuers.flatMap(({ fromHeaders }) => fromHeaders))) {
    const token = tokenIn(header, headers[header]);
    if (token === undefined) continue;
    const payload = decodePayload(token);
    if (payload === undefined) return refuse(`401: the token in ${header} is malformed`);
    const named = typeof payload['iss'] === 'string' ? payload['iss'] : '';
    const issuer = jwt.issuers.find(
      (one) => one.issuer === named && one.fromHeaders.includes(header),
    );
    if (issuer === undefined) {
      return refuse(
        `the token in ${header} names the issuer ${named}, who is not configured there`,
      );
    }
    const problem = problemOf(issuer, payload);
    if (problem !== undefined) return refuse(problem);
    claims.set(named, withLists(payload));
    if (!issuer.forward) seen.delete(header);
    for (const { claim, header: target } of issuer.claimToHeaders) {
      const text = headerText(claimAt(payload, claim.split('.')));
      if (text !== undefined) seen.set(target, text);
    }
  }
  if (jwt.isRequired && claims.size === 0)
    return refuse('401: a token is required, and none is there');
  return { claims, headers: Object.fromEntries(seen) };
}

/** The values of a claim: of its name as a whole, and at the end of the way that its dots lead. */
export function valuesOf(claims: Claims, claim: string): readonly unknown[] {
  const whole = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
  return [whole, claim.includes('.') ? claimAt(claims, claim.split('.')) : undefined].filter(
    (value) => value !== undefined,
  );
}

function problemOf(
  { issuer, audiences, jwks, fetched }: JwtIssuerIr,
  payload: Claims,
): string | undefined {
  if (jwks === undefined && fetched === undefined)
    return `401: no key of the issuer ${issuer} is known`;
  const named: readonly unknown[] = [payload['aud']].flat();
  return audiences.length === 0 || audiences.some((audience) => named.includes(audience))
    ? undefined
    : `403: the token is for ${named.map(String).join(', ')}, expected ${audiences.join(' or ')}`;
}

/** The scopes of a token are a list in one text: RFC 8693, section 4.2. */
function withLists(payload: Claims): Claims {
  const scope = payload['scope'];
  return typeof scope === 'string' ? { ...payload, scope: scope.split(' ') } : payload;
}

function tokenIn(header: string, value: string | undefined): string | undefined {
  if (value === undefined || value === '') return undefined;
  return header === 'authorization' ? /Bearer +([\w.~+/-]+=*)/.exec(value)?.[1] : value;
}

function decodePayload(token: string): Claims | undefined {
  const [, payload = '', ...rest] = token.split('.');
  if (rest.length !== 1) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    return isClaims(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isClaims(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function claimAt(claims: Claims, path: readonly string[]): unknown {
  let value: unknown = claims;
  for (const step of path) {
    if (!isClaims(value) || !Object.hasOwn(value, step)) return undefined;
    value = value[step];
  }
  return value;
}

function headerText(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
    case 'boolean':
      return String(value);
    default:
      return value === undefined || value === null
        ? undefined
        : Buffer.from(JSON.stringify(value)).toString('base64');
  }
}

function isSameHeader(a: string, b: string): boolean {
  return a.replaceAll('_', '-') === b.replaceAll('_', '-');
}
