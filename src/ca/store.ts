/** What the authority asks of the place where its material rests, be it a directory or a Secret. */

/** `active` signs; `next` and `retired` are only trusted, before and after their turn. */
export type SlotName = 'active' | 'next' | 'retired';

/** All slots, in the order in which their roots stand in the bundle. */
export const slotNames: readonly SlotName[] = ['active', 'next', 'retired'];

/**
 * Where CA material rests. Every write is atomic: a reader sees the old text or the new one.
 * Methods reject with a `CaError`.
 */
export interface CaStore {
  /** The files of a slot by name; undefined when the slot was never made. */
  readSlot(slot: SlotName): Promise<ReadonlyMap<string, string> | undefined>;
  /** Makes a slot with all its files at once; false when it exists already, whoever made it. */
  createSlot(slot: SlotName, files: ReadonlyMap<string, string>): Promise<boolean>;
  /** Writes one file of an existing slot. */
  writeSlotFile(slot: SlotName, name: string, text: string): Promise<void>;
  /** A record outside the slots; undefined when there is none. */
  readRecord(name: string): Promise<string | undefined>;
  /** Makes a record; false when it exists already, whoever made it. */
  createRecord(name: string, text: string): Promise<boolean>;
  /** Keys of the issued chains kept here. */
  listIssued(): Promise<readonly string[]>;
  /** One issued chain's text; undefined when there is none. */
  readIssued(key: string): Promise<string | undefined>;
  /** Keeps an issued chain; may be lost at a power failure, never half written while running. */
  writeIssued(key: string, text: string): Promise<void>;
  /** Forgets an issued chain; nothing happens when there is none. */
  removeIssued(key: string): Promise<void>;
}
