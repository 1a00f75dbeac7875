/** `outbound.tls` of a TrafficPolicy, and the objects that it names: who signs servers' certificates, and what is shown to them. */
import type { Redacted } from '../lib/index.js';
import type { CaBundleKey, CredentialKey } from './ids.js';

/**
 * What connections to endpoints are: `Auto` is mesh TLS to those in the mesh and plaintext to others;
 * `Simple` and `Mutual` are TLS to others, without and with a certificate of the caller's.
 */
export type TlsMode = 'Auto' | 'Mesh' | 'Simple' | 'Mutual' | 'None';

/** `outbound.tls`. */
export interface TlsSetting {
  readonly mode?: TlsMode;
  /** A DNS name: asked for, and proved by the server. */
  readonly sni?: string;
  readonly caBundle?: CaBundleKey;
  readonly credential?: CredentialKey;
}

/** A label with this value lets sidecars have the certificates of a ConfigMap. */
export const caBundleLabel = 'skerry.dev/ca-bundle';

/** A ConfigMap with certificates of authorities. */
export interface CaBundle {
  readonly kind: 'CaBundle';
  readonly key: CaBundleKey;
  /** In PEM, with certificates only; absent: there is none. */
  readonly pem?: string;
}

/** A label with this value lets sidecars of its namespace have the key pair of a Secret. */
export const credentialLabel = 'skerry.dev/credential';

/** A Secret with a certificate and its private key. */
export interface Credential {
  readonly kind: 'Credential';
  readonly key: CredentialKey;
  /** Absent: none that can be used. */
  readonly pair?: {
    readonly chainPem: string;
    readonly keyPem: Redacted<string>;
    /** Of both; tells one pair from another, since a redacted value cannot be compared. */
    readonly fingerprint: string;
  };
}
