/** What the authority asks of the place where its material rests, be it a directory or a Secret. */

/** `active` signs; `next` and `retired` are only trusted, before and after their turn. */
export type SlotName = 'active' | 'next' | 'retired';

/** All slots, in the order of a root's life. */
export const slotNames: readonly SlotName[] = ['active', 'next', 'retired'];

/** The files of a slot by name. */
export type SlotFiles = ReadonlyMap<string, string>;

/** All that a store holds but the issued chains, as of one moment. */
export interface StoredAuthority {
  readonly slots: ReadonlyMap<SlotName, SlotFiles>;
  readonly records: ReadonlyMap<string, string>;
  /** Which moment that was; `rearrange` is told. */
  readonly revision: string;
}

/**
 * What each slot holds afterwards: what another slot holds now, or new files. A slot that is left out
 * is emptied, and its keys are gone.
 */
export type Arrangement = Readonly<Partial<Record<SlotName, SlotName | SlotFiles>>>;

/**
 * Where CA material rests. Every write is atomic: a reader sees the old text or the new one.
 * Methods reject with a `CaError`.
 */
export interface CaStore {
  /** Everything at once: no picture mixes two moments. */
  read(): Promise<StoredAuthority>;
  /**
   * Moves the slots and writes records along with them, all or nothing, if the slots are still those
   * of `revision`; else nothing happens and the answer is false. Records that are not named stay.
   */
  rearrange(
    revision: string,
    arrangement: Arrangement,
    records: ReadonlyMap<string, string>,
  ): Promise<boolean>;
  /** The files of a slot; undefined when there is none. */
  readSlot(slot: SlotName): Promise<SlotFiles | undefined>;
  /** Makes a slot with all its files at once; false when it exists already, whoever made it. */
  createSlot(slot: SlotName, files: SlotFiles): Promise<boolean>;
  /** Writes one file of the slot whose `root.pem` is `rootPem`; false when no slot's is. */
  writeSlotFile(rootPem: string, name: string, text: string): Promise<boolean>;
  /** A record outside the slots; undefined when there is none. */
  readRecord(name: string): Promise<string | undefined>;
  /** Makes a record; false when it exists already, whoever made it. */
  createRecord(name: string, text: string): Promise<boolean>;
  /** Forgets a record that never moved with the slots; nothing happens when there is none. */
  removeRecord(name: string): Promise<void>;
  /** Keys of the issued chains kept here. */
  listIssued(): Promise<readonly string[]>;
  /** One issued chain's text; undefined when there is none. */
  readIssued(key: string): Promise<string | undefined>;
  /** Keeps an issued chain; may be lost at a power failure, never half written while running. */
  writeIssued(key: string, text: string): Promise<void>;
  /** Forgets an issued chain; nothing happens when there is none. */
  removeIssued(key: string): Promise<void>;
}
