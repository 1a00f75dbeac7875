/** The rig of the suites on a real cluster: kind where Docker or Podman works, else a node on this machine. */
import { runCommand } from '../../demo/rig/index.js';
import { findEngine, openKindRig } from './kind.js';
import { openLocalRig } from './local.js';
import type { Rig } from './rig.js';

export type { CommandInput, ContainerName, Rig } from './rig.js';

/** The kind of rig: what SKERRY_RIG says, else kind where it and an engine work, else local. */
export async function chooseRig(): Promise<Rig['kind']> {
  const said = process.env['SKERRY_RIG'] ?? '';
  if (said === 'kind' || said === 'local') return said;
  if (said !== '') throw new Error(`SKERRY_RIG is kind or local, not ${said}`);
  const hasKind = await runCommand(['kind', 'version']).then(
    () => true,
    () => false,
  );
  return hasKind && (await findEngine()) !== undefined ? 'kind' : 'local';
}

/** The cluster of that kind and name; nothing happens before a method is called. */
export function openRig(kind: Rig['kind'], name: string): Rig {
  return kind === 'kind' ? openKindRig(name) : openLocalRig(name);
}
