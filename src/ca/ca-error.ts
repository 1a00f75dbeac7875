/** The error of a certificate authority that cannot start or cannot reach its store. */

/** Why the authority stopped. */
export type CaErrorCode =
  /** The store's permissions would let others read keys. */
  | 'CaPermissions'
  /** Something stored does not parse, does not verify, or does not belong together. */
  | 'CaCorrupt'
  /** A root was published before and is gone: making another would cut the mesh in two. */
  | 'CaRootMissing'
  /** The stored root is for another trust domain, or not the one that was published. */
  | 'CaMismatch'
  /** The root has expired, or no issuer can be made without the root's key. */
  | 'CaExpired'
  /** The store could not be read or written. */
  | 'CaStore';

/** Thrown while opening or renewing; the message names the file and the remedy, never a key. */
export class CaError extends Error {
  readonly code: CaErrorCode;

  constructor(code: CaErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'CaError';
    this.code = code;
  }
}
