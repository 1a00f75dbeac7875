/** A store in memory with the promises of the real ones, for thousands of histories; it can be out of reach. */
import { CaError } from '../ca-error.js';
import {
  slotNames,
  type Arrangement,
  type CaStore,
  type SlotFiles,
  type SlotName,
} from '../store.js';

/** What several stores in memory share. */
export interface SharedMemory {
  slots: ReadonlyMap<SlotName, SlotFiles>;
  records: ReadonlyMap<string, string>;
  revision: number;
}

/** Memory that holds nothing. */
export function emptyMemory(): SharedMemory {
  return { slots: new Map(), records: new Map(), revision: 0 };
}

/** One process's way to the memory; while `isAway`, every call is refused. */
export function memoryStore(memory: SharedMemory, isAway: () => boolean = () => false): CaStore {
  const reached = <T>(work: () => T): Promise<T> =>
    isAway()
      ? Promise.reject(new CaError('CaStore', 'the store is out of reach'))
      : Promise.resolve(work());
  const set = (slots: ReadonlyMap<SlotName, SlotFiles>): boolean => {
    memory.slots = slots;
    memory.revision += 1;
    return true;
  };
  const rearranged = (arrangement: Arrangement): ReadonlyMap<SlotName, SlotFiles> => {
    const next = new Map<SlotName, SlotFiles>();
    for (const slot of slotNames) {
      const source = arrangement[slot];
      const files = typeof source === 'string' ? memory.slots.get(source) : source;
      if (files !== undefined) next.set(slot, files);
    }
    return next;
  };
  return {
    read: () =>
      reached(() => ({
        slots: memory.slots,
        records: memory.records,
        revision: String(memory.revision),
      })),
    rearrange: (revision, arrangement, records) =>
      reached(() => {
        if (revision !== String(memory.revision)) return false;
        memory.records = new Map([...memory.records, ...records]);
        return set(rearranged(arrangement));
      }),
    readSlot: (slot) => reached(() => memory.slots.get(slot)),
    createSlot: (slot, files) =>
      reached(() => !memory.slots.has(slot) && set(new Map([...memory.slots, [slot, files]]))),
    writeSlotFile: (rootPem, name, text) =>
      reached(() => {
        const found = [...memory.slots].find(([, files]) => files.get('root.pem') === rootPem);
        if (found === undefined) return false;
        const [slot, files] = found;
        return set(new Map([...memory.slots, [slot, new Map([...files, [name, text]])]]));
      }),
    readRecord: (name) => reached(() => memory.records.get(name)),
    removeRecord: (name) =>
      reached(() => {
        memory.records = new Map([...memory.records].filter(([key]) => key !== name));
      }),
    createRecord: (name, text) =>
      reached(() => {
        if (memory.records.has(name)) return false;
        memory.records = new Map([...memory.records, [name, text]]);
        return true;
      }),
    listIssued: () => Promise.resolve([]),
    readIssued: () => Promise.resolve(undefined),
    writeIssued: () => Promise.resolve(),
    removeIssued: () => Promise.resolve(),
  };
}
