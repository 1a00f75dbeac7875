/** Brings intermediates that were signed elsewhere into the store: as the first root, as a renewal, or as the next root. */
import type { KeyObject } from 'node:crypto';
import { fail, ok, type Clock, type Result } from '../lib/index.js';
import type { Lifetimes } from './authority-options.js';
import { readBroughtChain } from './brought-chain.js';
import { CaError } from './ca-error.js';
import { tryChain } from './chain-trial.js';
import {
  openSlots,
  publishedRecord,
  publishedRoots,
  readStored,
  spellPublished,
  type OpenSlots,
} from './open-slots.js';
import { forgetRequest, readPendingRequest } from './pending-request.js';
import { createMoves } from './rotation-moves.js';
import { issuerFile, readSlot, rootFile, type Slot } from './slot.js';
import type { CaStore, SlotFiles, StoredAuthority } from './store.js';

/** What is brought, and where to. */
export interface ImportOptions {
  readonly store: CaStore;
  readonly trustDomain: string;
  /** Certificates, PEM. */
  readonly pem: string;
  /** The key of one intermediate that signs everything; absent: the keys wait in the store. */
  readonly key?: KeyObject;
  /** A DNS name of the control plane. */
  readonly serverName: string;
  readonly clock: Clock;
  readonly lifetimes: Lifetimes;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** What has come of it. */
export interface Imported {
  /** `rotating`: the new root is published first, and signs when every sidecar trusts it. */
  readonly kind: 'first' | 'renewed' | 'rotating';
  /** SHA-256 of the root's certificate, hexadecimal. */
  readonly root: string;
  readonly rootNotAfterMs: number;
  readonly issuersNotAfterMs: number;
}

async function importFirst(
  { store, trustDomain }: ImportOptions,
  stored: StoredAuthority,
  files: SlotFiles,
  slot: Slot,
): Promise<Result<undefined, string>> {
  const published = publishedRoots(stored);
  if (published.length > 0 && !published.includes(slot.fingerprint)) {
    return fail(
      `the authority of this mesh is gone, and its sidecars trust other roots, the last ${published.at(-1) ?? ''}: restore it from a backup`,
    );
  }
  const record = spellPublished(trustDomain, published, slot.fingerprint);
  // An import that was killed right here has left the record of this very root.
  const isPublished =
    (await store.createRecord(publishedRecord, record)) || published.includes(slot.fingerprint);
  return isPublished && (await store.createSlot('active', files))
    ? ok(undefined)
    : fail('somebody else has made a CA at the same moment: see skerry ca status');
}

async function importRenewal(
  { store }: ImportOptions,
  slot: Slot,
  files: SlotFiles,
): Promise<Result<undefined, string>> {
  for (const kind of ['workload', 'server'] as const) {
    const text = files.get(issuerFile(kind)) ?? '';
    if (!(await store.writeSlotFile(slot.rootText, issuerFile(kind), text))) {
      return fail('the root was taken away at the same moment: see skerry ca status');
    }
  }
  return ok(undefined);
}

async function importNext(
  options: ImportOptions,
  slots: OpenSlots,
  files: SlotFiles,
): Promise<Result<undefined, string>> {
  const { store, trustDomain, clock } = options;
  const reload = async (): Promise<OpenSlots> =>
    readStored(await store.read(), trustDomain, clock.now());
  const moves = createMoves({ ...options, authority: { trustDomain, slots: () => slots, reload } });
  const outcome = await moves.start(slots, 'staged', files);
  return outcome.ok ? ok(undefined) : outcome;
}

function rootsIn(stored: StoredAuthority): readonly string[] {
  return [...stored.slots.values()].flatMap((files) => files.get(rootFile) ?? []);
}

/**
 * Takes the certificates into use, if all is right with them; nothing is changed when it is not. A
 * control plane that runs on the same store takes note of it by itself. Rejects with a `CaError` when
 * the store cannot be used.
 */
export async function importIssuers(options: ImportOptions): Promise<Result<Imported, string>> {
  const { store, trustDomain, clock, key } = options;
  const pending = key === undefined ? await readPendingRequest(store) : undefined;
  if (pending !== undefined && pending.trustDomain !== trustDomain) {
    return fail(
      `the certificates were requested for trust domain ${pending.trustDomain}, not for ${trustDomain}`,
    );
  }
  const keys = key === undefined ? pending?.keys : { workload: key, server: key };
  if (keys === undefined) {
    return fail('no request waits for certificates: make one by skerry ca csr, or give --key');
  }
  const stored = await store.read();
  const knownRoots = rootsIn(stored);
  const { pem } = options;
  const files = readBroughtChain({ pem, keys, trustDomain, knownRoots, nowMs: clock.now() });
  if (!files.ok) return files;
  let slot: Slot;
  try {
    slot = readSlot('next', files.value, trustDomain);
  } catch (error) {
    if (error instanceof CaError) return fail(error.message);
    // A certificate without a subject key identifier, which leaves must name.
    return fail(error instanceof Error ? error.message : String(error));
  }
  const tried = await tryChain(slot, trustDomain, options.serverName);
  if (!tried.ok) return tried;
  const done = await place(options, stored, files.value, slot);
  if (!done.ok) return done;
  if (pending !== undefined) await forgetRequest(store);
  return ok({
    kind: done.value,
    root: slot.fingerprint,
    rootNotAfterMs: slot.rootNotAfterMs,
    issuersNotAfterMs: Math.min(
      slot.workload?.notAfterMs ?? Infinity,
      slot.server?.notAfterMs ?? Infinity,
    ),
  });
}

async function place(
  options: ImportOptions,
  stored: StoredAuthority,
  files: SlotFiles,
  slot: Slot,
): Promise<Result<Imported['kind'], string>> {
  if (!stored.slots.has('active')) {
    const done = await importFirst(options, stored, files, slot);
    return done.ok ? ok('first') : done;
  }
  // Here nothing is made: there is an active slot. A root that has expired stops it, as everything.
  const slots = await openSlots({
    store: options.store,
    publishedBundle: undefined,
    minting: { ...options, ...options.lifetimes, nowMs: options.clock.now() },
  });
  const same = [slots.active, slots.next].find((one) => one?.fingerprint === slot.fingerprint);
  if (same !== undefined) {
    const done = await importRenewal(options, same, files);
    return done.ok ? ok('renewed') : done;
  }
  if (slots.retired?.fingerprint === slot.fingerprint) {
    return fail('this root is on its way out: a rotation to another one is under way');
  }
  const done = await importNext(options, slots, files);
  return done.ok ? ok('rotating') : done;
}
