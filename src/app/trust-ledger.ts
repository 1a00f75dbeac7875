/** What each stream's sidecar has accepted of trust: which bundle, and a certificate of which root. Mutable state. */
import { ownCertificateName, trustBundleName } from '../sidecar/index.js';
import type { XdsResource } from '../xds/index.js';

/** What one sidecar has accepted. */
export interface AcceptedTrust {
  /** Version of the bundle's resource; absent: none yet. */
  readonly bundle?: string;
  /** Fingerprint of the root behind its certificate; absent: none yet. */
  readonly certificateRoot?: string;
}

/** The ledger. */
export interface TrustLedger {
  /** A stream is given a certificate, whose resource has this version. */
  gave(streamId: string, version: string, root: string): void;
  /** A stream's sidecar has accepted these secrets. */
  accepted(streamId: string, secrets: readonly XdsResource[]): void;
  of(streamId: string): AcceptedTrust;
  end(streamId: string): void;
}

interface Entry {
  accepted: AcceptedTrust;
  /** Roots by version, of what was given and may yet be accepted. */
  readonly given: Map<string, string>;
}

/** An empty ledger. */
export function createTrustLedger(): TrustLedger {
  const entries = new Map<string, Entry>();
  const entryOf = (streamId: string): Entry => {
    const entry = entries.get(streamId) ?? { accepted: {}, given: new Map<string, string>() };
    entries.set(streamId, entry);
    return entry;
  };
  return {
    gave(streamId, version, root): void {
      entryOf(streamId).given.set(version, root);
    },
    accepted(streamId, secrets): void {
      const entry = entries.get(streamId);
      if (entry === undefined) return;
      for (const { name, version } of secrets) {
        if (name === trustBundleName) entry.accepted = { ...entry.accepted, bundle: version };
        const root = name === ownCertificateName ? entry.given.get(version) : undefined;
        if (root === undefined) continue;
        entry.accepted = { ...entry.accepted, certificateRoot: root };
        // Older ones are not accepted after newer ones; newer ones are still to come.
        for (const older of entry.given.keys()) {
          if (older === version) break;
          entry.given.delete(older);
        }
      }
    },
    of: (streamId) => entries.get(streamId)?.accepted ?? {},
    end(streamId): void {
      entries.delete(streamId);
    },
  };
}
