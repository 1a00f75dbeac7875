/** Chains already issued, in memory and in the store, so that a restart answers a sidecar with the same bytes. Mutable. */
import { createHash, X509Certificate } from 'node:crypto';
import type { SpiffeId } from '../model/index.js';
import { closesAt, fingerprintOf } from './slot.js';
import type { CaStore } from './store.js';

/** A workload's certificate. */
export interface Svid {
  readonly spiffeId: SpiffeId;
  /** The leaf, then what stands between it and the root, which comes by the bundle. PEM. */
  readonly chainPem: string;
  /** Fingerprint of that root. */
  readonly root: string;
  /** Hexadecimal. */
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** When to ask again; asked earlier, the authority answers the same bytes. */
  readonly renewAtMs: number;
}

/** How many pods' chains stay in memory, about 3 kB each; the oldest give way (they remain in the store). */
const maxInMemory = 50_000;

/** The key under which a chain is kept: of the public key and the identity. */
export function issuedKey(spki: Uint8Array, id: SpiffeId): string {
  return createHash('sha256').update(spki).update(id).digest('hex');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseSvid(text: string, spiffeId: SpiffeId): Svid | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  const { chainPem, root, serial, notBeforeMs, notAfterMs, renewAtMs } = value;
  const isWhole =
    value['spiffeId'] === spiffeId &&
    typeof chainPem === 'string' &&
    typeof root === 'string' &&
    typeof serial === 'string' &&
    typeof notBeforeMs === 'number' &&
    typeof notAfterMs === 'number' &&
    typeof renewAtMs === 'number';
  return isWhole
    ? { spiffeId, chainPem, root, serial, notBeforeMs, notAfterMs, renewAtMs }
    : undefined;
}

/** Whether the stored chain is what its name says: this key, this identity, and issuers of this root. */
function isTrue(svid: Svid, spki: Uint8Array, root: X509Certificate): boolean {
  const pems = svid.chainPem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  try {
    const chain = (pems ?? []).map((pem) => new X509Certificate(pem));
    const [leaf] = chain;
    if (leaf === undefined || chain.length < 2) return false;
    return (
      leaf.publicKey.export({ format: 'der', type: 'spki' }).equals(spki) &&
      leaf.subjectAltName === `URI:${svid.spiffeId}` &&
      Date.parse(leaf.validTo) === svid.notAfterMs &&
      svid.root === fingerprintOf(root) &&
      closesAt(chain, root)
    );
  } catch {
    return false;
  }
}

function notAfterOf(text: string): number {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) && typeof value['notAfterMs'] === 'number' ? value['notAfterMs'] : 0;
  } catch {
    return 0;
  }
}

/** Whose chain it is: a pod has one key at a time. */
export interface Holder {
  readonly spki: Uint8Array;
  readonly spiffeId: SpiffeId;
  readonly podUid: string;
}

/** The chains issued so far. */
export interface IssuedChains {
  /** The chain for this key and identity if one is valid, not yet due for renewal, and `root` stands behind it. */
  find(
    holder: Holder,
    root: { readonly root: X509Certificate; readonly fingerprint: string },
  ): Promise<Svid | undefined>;
  /** The key, as {@link issuedKey} has it, that the pod was given a certificate for last; undefined: none is remembered. */
  keyOf(podUid: string): string | undefined;
  /** Keeps a chain. A store that fails is reported and otherwise ignored. */
  keep(holder: Holder, svid: Svid): Promise<void>;
  /** The pod is gone for good, and nobody will ask for its chain again; the store keeps it until it expires. */
  forget(podUid: string): void;
  /** Forgets what has expired and what cannot be read. */
  sweep(): Promise<void>;
}

/** What `issuedChains` needs. */
export interface IssuedChainsOptions {
  readonly store: CaStore;
  readonly now: () => number;
  /** Told each time the store fails. */
  readonly onStoreFailure: (error: unknown) => void;
}

/** Chains kept in `store`, with a bounded memory of them. */
export function issuedChains({ store, now, onStoreFailure }: IssuedChainsOptions): IssuedChains {
  /** By the pod's uid. */
  const memory = new Map<string, { readonly key: string; readonly svid: Svid }>();

  function remember(podUid: string, key: string, svid: Svid): void {
    memory.delete(podUid);
    memory.set(podUid, { key, svid });
    const oldest = memory.size > maxInMemory ? memory.keys().next().value : undefined;
    if (oldest !== undefined) memory.delete(oldest);
  }

  async function attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      onStoreFailure(error);
      return undefined;
    }
  }

  async function read(
    key: string,
    { spki, spiffeId, podUid }: Holder,
    root: X509Certificate,
  ): Promise<Svid | undefined> {
    const text = await attempt(() => store.readIssued(key));
    const svid = text === undefined ? undefined : parseSvid(text, spiffeId);
    if (svid === undefined || !isTrue(svid, spki, root)) return undefined;
    remember(podUid, key, svid);
    return svid;
  }

  return {
    async find(holder, { root, fingerprint }): Promise<Svid | undefined> {
      const key = issuedKey(holder.spki, holder.spiffeId);
      const held = memory.get(holder.podUid);
      const known = held?.key === key ? held.svid : undefined;
      const svid = known?.root === fingerprint ? known : await read(key, holder, root);
      // One that is not valid yet was signed while the clock was ahead, or it is behind now.
      const isGood = svid !== undefined && svid.notBeforeMs <= now() && now() < svid.renewAtMs;
      return isGood ? svid : undefined;
    },
    keyOf: (podUid) => memory.get(podUid)?.key,
    async keep({ spki, spiffeId, podUid }, svid): Promise<void> {
      const key = issuedKey(spki, spiffeId);
      remember(podUid, key, svid);
      await attempt(() => store.writeIssued(key, JSON.stringify(svid)));
    },
    forget(podUid): void {
      memory.delete(podUid);
    },
    async sweep(): Promise<void> {
      const nowMs = now();
      for (const [podUid, { svid }] of memory) {
        if (svid.notAfterMs <= nowMs) memory.delete(podUid);
      }
      for (const key of (await attempt(() => store.listIssued())) ?? []) {
        const text = await attempt(() => store.readIssued(key));
        if (text !== undefined && notAfterOf(text) <= nowMs) {
          await attempt(() => store.removeIssued(key));
        }
      }
    },
  };
}
