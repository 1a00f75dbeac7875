/** What a port makes of JSON Web Tokens, before rules are asked. */
import type { Origin } from './origin.js';

/** How the tokens of one issuer are verified. */
export interface JwtIssuerIr {
  /** As in the claim `iss`; unique on the port. */
  readonly issuer: string;
  /** Alternatives; empty: any. */
  readonly audiences: readonly string[];
  /** A key set as JSON. Undefined: no key is known, so that no token counts. */
  readonly jwks?: string;
  readonly forward: boolean;
  /** Lower case, at least one; in `authorization` it stands as a bearer token. */
  readonly fromHeaders: readonly string[];
  readonly claimToHeaders: readonly { readonly claim: string; readonly header: string }[];
}

/** Tokens on one port. Every token that is found must be good, whether one is required or not. */
export interface JwtIr {
  /** `namespace/policy/jwt`: appears in access logs. */
  readonly name: string;
  readonly issuers: readonly JwtIssuerIr[];
  readonly isRequired: boolean;
  readonly origins: readonly Origin[];
}
