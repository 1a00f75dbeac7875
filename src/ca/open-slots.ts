/** Loads the authority's slots or makes the first one, once, and never a second root for a mesh that had one. */
import { X509Certificate } from 'node:crypto';
import { CaError } from './ca-error.js';
import {
  parseRotation,
  rotationRecord,
  type RotationRecord,
  type SlotRoots,
} from './rotation-record.js';
import { fingerprintOf, makeSlotFiles, readSlot, type Minting, type Slot } from './slot.js';
import type { CaStore, SlotName, StoredAuthority } from './store.js';

/** The record that says which roots this store has ever published. */
export const publishedRecord = 'published.json';
/** The record of intermediates that are requested from elsewhere. */
export const requestRecord = 'request.json';
/** Roots beyond these are too old to be met anywhere. */
const maxPublished = 32;

/** The slots there are, as of one moment. */
export interface OpenSlots {
  readonly active: Slot;
  readonly next: Slot | undefined;
  readonly retired: Slot | undefined;
  /** About this arrangement; undefined: nothing is known of it. */
  readonly rotation: RotationRecord | undefined;
  /** Fingerprints of all roots that this store has ever published. */
  readonly published: readonly string[];
  /** The store's. */
  readonly revision: string;
}

/** What opening needs. */
export interface OpenSlotsOptions {
  readonly store: CaStore;
  readonly minting: Minting;
  /** Roots known to be published elsewhere, PEM. */
  readonly publishedBundle: string | undefined;
}

interface Published {
  readonly trustDomain: string;
  readonly roots: readonly string[];
}

function parsePublished(text: string): Published {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CaError('CaCorrupt', `cannot use ${publishedRecord}: it does not parse`, error);
  }
  if (typeof value === 'object' && value !== null && 'roots' in value && 'trustDomain' in value) {
    const { roots, trustDomain } = value;
    if (Array.isArray(roots) && typeof trustDomain === 'string') {
      return { trustDomain, roots: roots.filter((root) => typeof root === 'string') };
    }
  }
  throw new CaError('CaCorrupt', `cannot use ${publishedRecord}: expected trustDomain and roots`);
}

/** Fingerprints of the roots that a store says were published; empty: none ever was. */
export function publishedRoots({ records }: StoredAuthority): readonly string[] {
  const text = records.get(publishedRecord);
  return text === undefined ? [] : parsePublished(text).roots;
}

/** The text of the record when `added` is published too. */
export function spellPublished(
  trustDomain: string,
  roots: readonly string[],
  added?: string,
): string {
  const all = [...new Set([...roots, ...(added === undefined ? [] : [added])])];
  return JSON.stringify({ trustDomain, roots: all.slice(-maxPublished) });
}

function refuseSecondRoot(published: Published | undefined, bundle: string | undefined): void {
  if (published === undefined && bundle === undefined) return;
  throw new CaError(
    'CaRootMissing',
    `a root of trust domain ${published?.trustDomain ?? 'unknown'} was published but the active slot is gone: ` +
      'restore it from a backup by skerry ca restore, or remove every trace of the old root to begin a new mesh',
  );
}

function bundleFingerprints(bundle: string): readonly string[] {
  const pems = bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return pems.map((pem) => {
    try {
      return fingerprintOf(new X509Certificate(pem));
    } catch (error) {
      throw new CaError('CaCorrupt', 'the published bundle does not parse', error);
    }
  });
}

function checkPublished(active: Slot, trustDomain: string, published: Published): void {
  if (published.trustDomain !== trustDomain) {
    throw new CaError(
      'CaMismatch',
      `expected the CA of trust domain ${trustDomain}, found that of ${published.trustDomain}`,
    );
  }
  refuseUnpublished(active, published.roots);
}

function refuseUnpublished(active: Slot, roots: readonly string[]): void {
  if (roots.includes(active.fingerprint)) return;
  throw new CaError(
    'CaMismatch',
    `the active root ${active.fingerprint} is not among those published (${roots.join(', ')}): restore the CA from a backup`,
  );
}

function checkAlive(active: Slot, nowMs: number): void {
  if (nowMs >= active.rootNotAfterMs) {
    throw new CaError('CaExpired', `the active root expired on ${active.root.validTo}`);
  }
  const canSign = active.rootKey !== undefined || active.workload !== undefined;
  if (!canSign) {
    throw new CaError(
      'CaRootMissing',
      'the active slot has neither an intermediate nor the key of its root: restore one of them',
    );
  }
}

/** The fingerprints of the roots in their slots. */
export function rootsOf(slots: Pick<OpenSlots, SlotName>): SlotRoots {
  const { active, next, retired } = slots;
  return {
    active: active.fingerprint,
    ...(next !== undefined && { next: next.fingerprint }),
    ...(retired !== undefined && { retired: retired.fingerprint }),
  };
}

/** Reads what a store held. Throws a `CaError` when it is damaged, foreign, expired or gone. */
export function readStored(stored: StoredAuthority, trustDomain: string, nowMs: number): OpenSlots {
  const slotOf = (name: SlotName): Slot | undefined => {
    const files = stored.slots.get(name);
    return files === undefined ? undefined : readSlot(name, files, trustDomain);
  };
  const text = stored.records.get(publishedRecord);
  const published = text === undefined ? undefined : parsePublished(text);
  const active = slotOf('active');
  if (active === undefined) {
    throw new CaError(
      'CaRootMissing',
      'the active slot is gone: restore it from a backup by skerry ca restore',
    );
  }
  checkPublished(active, trustDomain, published ?? { trustDomain, roots: [active.fingerprint] });
  checkAlive(active, nowMs);
  const slots = { active, next: slotOf('next'), retired: slotOf('retired') };
  return {
    ...slots,
    rotation: parseRotation(stored.records.get(rotationRecord), rootsOf(slots)),
    published: published?.roots ?? [active.fingerprint],
    revision: stored.revision,
  };
}

/** Opens the slots. Rejects with a `CaError`; nothing stored is changed by a refusal. */
export async function openSlots(options: OpenSlotsOptions): Promise<OpenSlots> {
  const { store, minting, publishedBundle } = options;
  const { trustDomain, nowMs } = minting;
  let stored = await store.read();
  if (!stored.slots.has('active')) {
    const text = stored.records.get(publishedRecord);
    refuseSecondRoot(text === undefined ? undefined : parsePublished(text), publishedBundle);
    if (stored.records.has(requestRecord)) {
      throw new CaError(
        'CaRootMissing',
        'certificates for this authority have been requested and have not come yet: bring them by skerry ca import FILE',
      );
    }
    // Several processes may get here; whoever is second reads what the first has made.
    await store.createSlot('active', await makeSlotFiles(minting));
    stored = await store.read();
  }
  const slots = readStored(stored, trustDomain, nowMs);
  if (publishedBundle !== undefined) {
    const known = bundleFingerprints(publishedBundle);
    // A rotation may be further than what is published: then the store still knows what was.
    const isOurs = known.some((root) => slots.published.includes(root));
    if (!isOurs) refuseUnpublished(slots.active, known);
  }
  if (stored.records.has(publishedRecord)) return slots;
  await store.createRecord(publishedRecord, spellPublished(trustDomain, slots.published));
  return readStored(await store.read(), trustDomain, nowMs);
}
