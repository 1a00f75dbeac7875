/** Whether TrafficPolicy means ours, and nobody else's. */
import { conditionOf, listAt, textAt } from '../cluster/objects.js';
import { commonLabels } from '../install/manifest.js';
import { installObjects } from '../install/objects.js';
import { defaultInstall } from '../install/options.js';
import { pathOf } from '../install/paths.js';
import { lostVersions } from '../install/upgrade.js';
import { fine, type Check, type CheckFinding, type CheckOutcome } from './check.js';
import type { ApiResource, Facts } from './facts.js';

const partOf = 'app.kubernetes.io/part-of';

/** The definition as an installation would apply it. */
export function wantedDefinition(): ReturnType<typeof installObjects>[number] {
  const found = installObjects(defaultInstall).find(
    ({ kind }) => kind === 'CustomResourceDefinition',
  );
  if (found === undefined) throw new Error('an installation has no definition');
  return found;
}

/** What speaks against a definition of that name being ours. */
function foreignFindings(installed: unknown): readonly CheckFinding[] {
  if (installed === undefined) return [];
  const wanted = wantedDefinition();
  const { name } = wanted.metadata;
  const owner = textAt(installed, 'metadata', 'labels', partOf);
  if (owner !== commonLabels[partOf]) {
    const says = `expected ${name} to be labelled ${partOf}: skerry, found ${owner ?? 'no such label'}`;
    return [{ code: 'ForeignDefinition', says }];
  }
  const lost = lostVersions(installed, wanted);
  if (lost.length === 0) return [];
  const says = `${name} may hold objects of ${lost.join(', ')}, which this command line does not know`;
  return [{ code: 'ForeignDefinition', says }];
}

/** Definitions of others that kubectl cannot tell from ours by the names that people type. */
function sharedNames(resources: readonly ApiResource[]): readonly CheckFinding[] {
  const wanted = wantedDefinition();
  const group = textAt(wanted, 'spec', 'group') ?? '';
  const plural = textAt(wanted, 'spec', 'names', 'plural') ?? '';
  const kind = textAt(wanted, 'spec', 'names', 'kind') ?? '';
  const typed = [kind, plural, ...listAt(wanted, 'spec', 'names', 'shortNames').map(String)];
  // A group may serve a kind in several versions.
  const others = new Map(resources.map((one) => [`${one.plural}.${one.group}`, one]));
  return [...others].flatMap(([name, one]): readonly CheckFinding[] => {
    if (one.group === group) return [];
    const shared = [one.kind, one.plural, ...one.shortNames].filter((text) => typed.includes(text));
    if (shared.length === 0) return [];
    const says = `${name} is called ${shared.join(' and ')} too`;
    return [{ code: 'NameShared', says }];
  });
}

async function conflictsOf(facts: Facts): Promise<readonly CheckFinding[]> {
  const installed = await facts.read(pathOf(wantedDefinition()));
  return [...foreignFindings(installed), ...sharedNames(await facts.resources())];
}

/** Before an installation: whether the definition can be applied. */
export const definitionConflictCheck: Check = {
  name: 'definition',
  needs: ['api-server'],
  async look(facts): Promise<CheckOutcome> {
    const findings = await conflictsOf(facts);
    if (findings.length === 0) return fine('TrafficPolicy is nobody else’s');
    return { says: 'others use the name TrafficPolicy', findings };
  },
};

/** After an installation: whether the definition is in use. */
export const definitionCheck: Check = {
  name: 'definition',
  needs: ['installation'],
  async look(facts): Promise<CheckOutcome> {
    const wanted = wantedDefinition();
    const established = conditionOf(await facts.read(pathOf(wanted)), 'Established');
    const conflicts = await conflictsOf(facts);
    if (textAt(established, 'status') === 'True') {
      return { says: `${wanted.metadata.name} is established`, findings: conflicts };
    }
    const says = textAt(established, 'message') ?? `there is no ${wanted.metadata.name}`;
    return { says, findings: [{ code: 'DefinitionMissing', says }, ...conflicts] };
  },
};
