/** `inbound.jwt` as parsed: who may issue tokens, and whether calls must bring one. */

import type { KeySetKey } from './ids.js';

/** Where the public keys of an issuer come from. */
export type JwtKeys =
  /** A key set as JSON, with usable keys only. */
  | { readonly kind: 'inline'; readonly jwks: string }
  /** The name of a ConfigMap in the policy's namespace: see {@link KeySet}. */
  | { readonly kind: 'configMap'; readonly name: string }
  /** Fetched by the sidecars themselves. */
  | { readonly kind: 'url'; readonly from: KeySetUrl };

/** A Service of the mesh that gives a key set to those who ask over HTTP. */
export interface KeySetUrl {
  /** As written. */
  readonly url: string;
  readonly name: string;
  /** Absent: the policy's. */
  readonly namespace?: string;
  /** Of the Service. */
  readonly port: number;
  /** With the query, if any. */
  readonly path: string;
}

/** A label with this value lets sidecars have the key set of a ConfigMap. */
export const keySetLabel = 'skerry.dev/jwks';

/** A ConfigMap with the public keys of an issuer. */
export interface KeySet {
  readonly kind: 'KeySet';
  readonly key: KeySetKey;
  /** As JSON, with usable keys only; absent: there is none. */
  readonly jwks?: string;
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
