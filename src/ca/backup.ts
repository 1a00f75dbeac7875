/** The whole of an authority in one file that a passphrase opens, and back: nothing foreign, and nothing older unasked. */
import { fail, ok, type Result } from '../lib/index.js';
import { CaError } from './ca-error.js';
import {
  publishedRecord,
  publishedRoots,
  readStored,
  requestRecord,
  rootsOf,
  spellPublished,
  type OpenSlots,
} from './open-slots.js';
import { seal, unseal } from './sealed.js';
import { slotNames, type CaStore, type SlotFiles, type StoredAuthority } from './store.js';

/** What is said of a backup. */
export interface BackupFacts {
  /** SHA-256 of the active root's certificate, hexadecimal. */
  readonly root: string;
  readonly takenAtMs: number;
}

/** A backup: the text of its file, and what is in it. */
export interface Backup extends BackupFacts {
  readonly text: string;
}

interface Contents extends BackupFacts {
  readonly trustDomain: string;
  readonly stored: StoredAuthority;
  readonly slots: OpenSlots;
}

const format = 1;

/**
 * Closes all that `store` holds but issued chains and requests that wait for certificates. Rejects with
 * a `CaError` where that is no authority which can sign: a backup of a damaged one would replace a good one.
 */
export async function takeBackup(
  store: CaStore,
  trustDomain: string,
  passphrase: string,
  nowMs: number,
): Promise<Backup> {
  const stored = await store.read();
  const root = readStored(stored, trustDomain, nowMs).active.fingerprint;
  const plain = JSON.stringify({
    ...{ format, trustDomain, root, takenAtMs: nowMs },
    slots: Object.fromEntries(
      [...stored.slots].map(([slot, files]) => [slot, Object.fromEntries(files)]),
    ),
    records: Object.fromEntries([...stored.records].filter(([name]) => name !== requestRecord)),
  });
  return { text: await seal('CA BACKUP', plain, passphrase), root, takenAtMs: nowMs };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textsOf(value: unknown): ReadonlyMap<string, string> {
  const entries = isObject(value) ? Object.entries(value) : [];
  return new Map(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** Throws a `CaError` where the authority within cannot be used. */
function parseContents(plain: string, nowMs: number): Result<Contents, string> {
  const value: unknown = JSON.parse(plain);
  if (!isObject(value) || value['format'] !== format) {
    return fail(`expected a backup of format ${format}: was it made by a newer version?`);
  }
  const { trustDomain, root, takenAtMs, slots: files, records } = value;
  const isWhole =
    typeof trustDomain === 'string' && typeof root === 'string' && typeof takenAtMs === 'number';
  if (!isWhole || !isObject(files)) return fail('the backup lacks its trust domain or its slots');
  const slots = new Map(
    slotNames
      .filter((slot) => files[slot] !== undefined)
      .map((slot): readonly [typeof slot, SlotFiles] => [slot, textsOf(files[slot])]),
  );
  const stored = { slots, records: textsOf(records), revision: '' };
  const open = readStored(stored, trustDomain, nowMs);
  return ok({ trustDomain, root, takenAtMs, stored, slots: open });
}

/** Roots that were published here, as far as the record can be read. */
function publishedHere(present: StoredAuthority): readonly string[] {
  try {
    return publishedRoots(present);
  } catch (error) {
    if (error instanceof CaError) return [];
    throw error;
  }
}

/** What can be read of it; undefined where it is damaged, which is what a backup is for. */
function readable(
  present: StoredAuthority,
  trustDomain: string,
  nowMs: number,
): OpenSlots | undefined {
  try {
    return readStored(present, trustDomain, nowMs);
  } catch (error) {
    if (error instanceof CaError && error.code !== 'CaMismatch') return undefined;
    throw error;
  }
}

/** Why what is there is newer than the backup, or another; undefined: neither. */
function whyNot(present: StoredAuthority, backup: Contents, nowMs: number): string | undefined {
  const { slots, trustDomain } = backup;
  const unknown = publishedHere(present).find((root) => !slots.published.includes(root));
  if (unknown !== undefined) return `root ${unknown} was published here and is not in the backup`;
  const open = readable(present, trustDomain, nowMs);
  if (open === undefined) return undefined;
  const [now, then] = [rootsOf(open), rootsOf(slots)];
  if (slotNames.some((slot) => now[slot] !== then[slot])) {
    return 'a rotation of the root has moved on since the backup was taken';
  }
  const isRenewed = (['workload', 'server'] as const).some(
    (kind) => (open.active[kind]?.notBeforeMs ?? 0) > (slots.active[kind]?.notBeforeMs ?? 0),
  );
  return isRenewed ? 'its intermediates were renewed since the backup was taken' : undefined;
}

/** What is restored, where to, and how sure the operator is. */
export interface RestoreOptions {
  readonly store: CaStore;
  readonly trustDomain: string;
  readonly text: string;
  readonly passphrase: string;
  /** Fingerprint of the root that is expected in it; absent: any. */
  readonly fingerprint?: string;
  /** `anything`: also over a newer state, or another authority of this trust domain. */
  readonly over: 'older' | 'anything';
  readonly nowMs: number;
}

async function open(options: RestoreOptions): Promise<Result<Contents, string>> {
  const { trustDomain, fingerprint, nowMs } = options;
  const plain = await unseal('CA BACKUP', options.text, options.passphrase);
  if (!plain.ok) return plain;
  const backup = parseContents(plain.value, nowMs);
  if (!backup.ok) return backup;
  if (backup.value.trustDomain !== trustDomain) {
    return fail(
      `the backup is of trust domain ${backup.value.trustDomain}, but this mesh is of ${trustDomain}`,
    );
  }
  const expected = fingerprint?.toLowerCase().replaceAll(':', '') ?? backup.value.root;
  const found = backup.value.slots.active.fingerprint;
  return found === expected
    ? backup
    : fail(`expected a backup of root ${expected}, found ${found}`);
}

/**
 * Puts a backup back, all at once; nothing is changed when it is refused. What was published here
 * stays known as published. Rejects with a `CaError` when the store cannot be used.
 */
export async function restoreBackup(options: RestoreOptions): Promise<Result<BackupFacts, string>> {
  const { store, trustDomain, nowMs } = options;
  const backup = await open(options);
  if (!backup.ok) return backup;
  const { root, takenAtMs, stored, slots } = backup.value;
  const judge = (present: StoredAuthority): string | undefined =>
    options.over === 'anything' ? undefined : whyNot(present, backup.value, nowMs);
  const refuse = (why: string): Result<BackupFacts, string> =>
    fail(`what is there is newer or another: ${why}; --force restores all the same`);
  let present = await store.read();
  let why = judge(present);
  if (why !== undefined) return refuse(why);
  if (!present.records.has(publishedRecord)) {
    // From here on nobody makes another root, wherever this is killed.
    await store.createRecord(publishedRecord, spellPublished(trustDomain, slots.published));
    present = await store.read();
    why = judge(present);
    if (why !== undefined) return refuse(why);
  }
  const published = [...publishedHere(present), ...slots.published];
  const records = new Map([
    ...stored.records,
    [publishedRecord, spellPublished(trustDomain, published)],
  ]);
  return (await store.rearrange(present.revision, Object.fromEntries(stored.slots), records))
    ? ok({ root, takenAtMs })
    : fail('somebody else has changed the CA at the same moment: try again');
}
