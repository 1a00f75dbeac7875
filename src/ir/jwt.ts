/** What a port makes of JSON Web Tokens, before rules are asked. */
import type { ServiceKey } from '../model/index.js';
import type { Origin } from './origin.js';

/** A key set that sidecars fetch, and fetch again and again. */
export interface FetchedKeysIr {
  /** As the issuer sees it asked for: host, port, path. */
  readonly url: string;
  readonly path: string;
  readonly service: ServiceKey;
  readonly port: number;
  /** By which the issuer is reached. */
  readonly cluster: string;
}

/** How the tokens of one issuer are verified. */
export interface JwtIssuerIr {
  /** As in the claim `iss`; unique on the port. */
  readonly issuer: string;
  /** Alternatives; empty: any. */
  readonly audiences: readonly string[];
  /** A key set as JSON. Undefined, and `fetched` too: no key is known, so that no token counts. */
  readonly jwks?: string;
  /** Where the sidecar fetches the key set itself. */
  readonly fetched?: FetchedKeysIr;
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
