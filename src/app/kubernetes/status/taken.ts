/** Whether what is in force follows from a policy's newest object already, and up to which version that holds of all. */
import type { PolicyKey } from '../../../model/index.js';
import type { Core } from '../../platform.js';
import type { PolicyObject, PolicyObjects } from './policy-objects.js';

type Pipeline = Pick<Core, 'policies' | 'isTurned'>;

/** Whether the pipeline has turned with this very object. */
export function isTaken({ key, isGood, form }: PolicyObject, core: Pipeline): boolean {
  if (!core.isTurned()) return false;
  const newest = core.policies.newest(key);
  if (form === undefined || newest?.hash === form.hash) return true;
  // A form that could not be read leaves the last good one where it is.
  return !isGood && newest?.kind === 'TrafficPolicy';
}

/** How far the pipeline has come with the objects. Mutable state. */
export interface TakenVersion {
  /** An object is new, or is gone. */
  note(key: PolicyKey): void;
  /** The newest version up to which all objects are in the pipeline; empty: none. */
  now(): string;
}

/** Nothing is taken yet. */
export function createTakenVersion(objects: PolicyObjects, core: Pipeline): TakenVersion {
  const open = new Set<PolicyKey>();
  let version = '';
  return {
    note: (key) => void open.add(key),
    now(): string {
      for (const key of open) {
        const object = objects.get(key);
        if (object === undefined || isTaken(object, core)) open.delete(key);
      }
      if (open.size === 0 && core.isTurned()) version = objects.version();
      return version;
    },
  };
}
