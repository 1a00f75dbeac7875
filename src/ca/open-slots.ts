/** Loads the authority's slots or makes the first one, once, and never a second root for a mesh that had one. */
import { createHash, X509Certificate } from 'node:crypto';
import { CaError } from './ca-error.js';
import { makeSlotFiles, readSlot, type Minting, type Slot } from './slot.js';
import type { CaStore, SlotName } from './store.js';

/** The record that says which roots this store has ever published. */
const publishedRecord = 'published.json';

/** The slots there are. */
export interface OpenSlots {
  readonly active: Slot;
  readonly next: Slot | undefined;
  readonly retired: Slot | undefined;
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

/** The SHA-256 fingerprint of a certificate's DER, hexadecimal: how roots are named to operators. */
export function fingerprintOf(certificate: X509Certificate): string {
  return createHash('sha256').update(certificate.raw).digest('hex');
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

async function readPublished(store: CaStore): Promise<Published | undefined> {
  const text = await store.readRecord(publishedRecord);
  return text === undefined ? undefined : parsePublished(text);
}

function refuseSecondRoot(published: Published | undefined, bundle: string | undefined): void {
  if (published === undefined && bundle === undefined) return;
  throw new CaError(
    'CaRootMissing',
    `a root of trust domain ${published?.trustDomain ?? 'unknown'} was published but the active slot is gone: ` +
      'restore it from a backup, or remove every trace of the old root to begin a new mesh',
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

function checkPublished(
  active: Slot,
  trustDomain: string,
  published: Published,
  bundle: string | undefined,
): void {
  const fingerprint = fingerprintOf(active.root);
  if (published.trustDomain !== trustDomain) {
    throw new CaError(
      'CaMismatch',
      `expected the CA of trust domain ${trustDomain}, found that of ${published.trustDomain}`,
    );
  }
  const known = bundle === undefined ? [] : [bundleFingerprints(bundle)];
  for (const roots of [published.roots, ...known]) {
    if (!roots.includes(fingerprint)) {
      throw new CaError(
        'CaMismatch',
        `the active root ${fingerprint} is not among those published (${roots.join(', ')}): restore the CA from a backup`,
      );
    }
  }
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

/** Opens the slots. Rejects with a `CaError`; nothing stored is changed by a refusal. */
export async function openSlots(options: OpenSlotsOptions): Promise<OpenSlots> {
  const { store, minting, publishedBundle } = options;
  const { trustDomain } = minting;
  let files = await store.readSlot('active');
  if (files === undefined) {
    refuseSecondRoot(await readPublished(store), publishedBundle);
    // Several processes may get here; whoever is second reads what the first has made.
    await store.createSlot('active', await makeSlotFiles(minting));
    files = await store.readSlot('active');
  }
  const active = readSlot('active', files ?? new Map(), trustDomain);
  const record: Published = { trustDomain, roots: [fingerprintOf(active.root)] };
  const published = await readPublished(store);
  if (published === undefined) await store.createRecord(publishedRecord, JSON.stringify(record));
  checkPublished(active, trustDomain, published ?? record, publishedBundle);
  checkAlive(active, minting.nowMs);
  const other = async (name: SlotName): Promise<Slot | undefined> => {
    const found = await store.readSlot(name);
    return found === undefined ? undefined : readSlot(name, found, trustDomain);
  };
  return { active, next: await other('next'), retired: await other('retired') };
}
