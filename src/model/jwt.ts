/** `inbound.jwt` as parsed: who may issue tokens, and whether calls must bring one. */

/** Where the public keys of an issuer come from. */
export interface JwtKeys {
  readonly kind: 'inline';
  /** A key set as JSON, with usable keys only. */
  readonly jwks: string;
}

/** One entry of `issuers`. */
export interface JwtIssuer {
  /** As in the claim `iss`. */
  readonly issuer: string;
  /** The token names one of them; empty: it may name any. */
  readonly audiences: readonly string[];
  readonly keys: JwtKeys;
  /** Whether the app sees the token. */
  readonly forward: boolean;
  /** Lower case, at least one; in `authorization` it stands as a bearer token. */
  readonly fromHeaders: readonly string[];
  /** By claim, sorted; names of headers in lower case. */
  readonly claimToHeaders: readonly { readonly claim: string; readonly header: string }[];
}

/** `inbound.jwt`. */
export interface JwtSetting {
  readonly issuers?: readonly JwtIssuer[];
  readonly required?: boolean;
}
