/** Cluster names with an answer of their own for some callers, since a policy speaks of their calls alone. */
import type { Read } from '../graph/index.js';
import { meshScope, namespaceScope, podScope, zoneScope, type Scope } from '../ir/index.js';
import { nameOf, namespaceOf, podKey } from '../model/index.js';
import type { PlacedEndpoints } from './mesh.js';
import { serviceTargetKey } from './to-ir/attach.js';
import type { Caller, CallerPod } from './to-ir/attach-outbound.js';
import { calleeOf } from './to-ir/cluster.js';
import { resolveClusterName, type NamingSettings } from './to-ir/destination.js';
import type { PolicyTables } from './to-ir/tables.js';
import { wantedRow, type Wanted, type WantedRow } from './wanted.js';

/** Whose settings hold for the sidecars of a scope; undefined: nobody's in particular. */
export function callerOf(scope: Scope, read: Read, tables: PolicyTables): Caller | undefined {
  const [kind, namespace, name] = scope.split('/');
  if (scope === meshScope || namespace === undefined) return undefined;
  const everybody: Caller = { namespace, policies: [] };
  if (kind === 'namespace') return everybody;
  const own =
    kind === 'pod' && name !== undefined
      ? read.get(tables.callers, podKey(namespace, name))
      : read.get(tables.callerScopes, scope);
  return own?.caller ?? everybody;
}

/** Whose settings hold for the next wider scope of callers: a namespace's, or nobody's in particular. */
export function widerCallerOf(
  scope: Scope,
  read: Read,
  tables: PolicyTables,
): { readonly caller?: Caller } {
  const caller = scope.startsWith('namespace/') ? undefined : callerOf(scope, read, tables);
  return caller === undefined ? {} : { caller: { ...caller, policies: [] } };
}

/** The namespaces, other than its own, that speak of their own calls to what `name` stands for; sorted. */
function consumersOf(
  name: string,
  read: Read,
  tables: PolicyTables,
  settings: NamingSettings,
): readonly string[] {
  const destination = resolveClusterName(name, read, tables, settings);
  if (destination === undefined) return [];
  const { services } = calleeOf(destination, read, tables);
  const namespaces = services.flatMap(({ service }) =>
    read
      .find(tables.outboundByTarget, serviceTargetKey(service))
      .map(({ namespace }) => namespace)
      .filter((namespace) => !service.startsWith(`${namespace}/`)),
  );
  return [...new Set(namespaces)].sort();
}

/** The variants of a name that is pushed: a first request must not find another's. */
export function* wantedBesides(
  { scope, name }: Wanted,
  read: Read,
  tables: PolicyTables,
  settings: NamingSettings,
): Iterable<WantedRow> {
  if (scope === meshScope) {
    for (const namespace of consumersOf(name, read, tables, settings)) {
      yield wantedRow({ scope: namespaceScope(namespace), name, isEager: true });
    }
  }
  for (const callers of callersWithin(scope, read, tables)) {
    yield wantedRow({ scope: callers.scope, name, isEager: true });
  }
}

function callersWithin(scope: Scope, read: Read, tables: PolicyTables): Iterable<CallerPod> {
  if (scope === meshScope) return read.all(tables.callerScopes).values();
  const [kind, namespace = ''] = scope.split('/');
  return kind === 'namespace' ? read.find(tables.callerScopesByNamespace, namespace) : [];
}

/**
 * The variants of a name that a sidecar of a namespace has asked for, by a key `<namespace>|<cluster
 * name>`: its namespace's and its own pods'. What nobody in the mesh has is its namespace's affair.
 */
export function* wantedByNamespace(
  key: string,
  read: Read,
  tables: PolicyTables,
  settings: NamingSettings,
): Iterable<WantedRow> {
  const cut = key.indexOf('|');
  if (cut < 1) return;
  const namespace = key.slice(0, cut);
  const name = key.slice(cut + 1);
  const isKnown = resolveClusterName(name, read, tables, settings) !== undefined;
  if (!isKnown || consumersOf(name, read, tables, settings).includes(namespace)) {
    yield wantedRow({ ...unknown, scope: namespaceScope(namespace), name });
  }
  for (const { scope } of read.find(tables.callerScopesByNamespace, namespace)) {
    yield wantedRow({ ...unknown, scope, name });
  }
}

const unknown = { isEager: false, mayBeUnknown: true } as const;

/** The scopes that see what stands in a row's scope: the pods of callers that are the same, or itself. */
export function scopesOf(scope: Scope, read: Read, tables: PolicyTables): readonly Scope[] {
  const pods = read.find(tables.callersByScope, scope);
  if (pods.length === 0) return [scope];
  return pods.map(({ pod }) => podScope(namespaceOf(pod), nameOf(pod)));
}

/** The scopes that see endpoints: a zone of theirs, or the pods of callers that are in it. */
export function scopesOfPlaced(
  { scope, zone, isByZone }: Pick<PlacedEndpoints, 'scope' | 'zone' | 'isByZone'>,
  read: Read,
  tables: PolicyTables,
): readonly Scope[] {
  if (scope === meshScope) return [zone === undefined ? scope : zoneScope(zone)];
  const [kind, namespace] = scope.split('/');
  if (kind === 'namespace') return [zone === undefined ? scope : zoneScope(zone, namespace)];
  return read.find(tables.callersByScope, scope).flatMap(({ pod }) => {
    const isMeant = !isByZone || read.get(tables.sidecarZones, pod)?.zone === zone;
    return isMeant ? [podScope(namespaceOf(pod), nameOf(pod))] : [];
  });
}

/** What a pod would be answered, by a key `<namespace>/<pod>|<cluster name>`; undefined for other text. */
export function wantedByProbe(key: string): Wanted | undefined {
  const cut = key.indexOf('|');
  const [namespace, pod] = key.slice(0, cut).split('/');
  if (cut < 1 || namespace === undefined || pod === undefined) return undefined;
  return { ...unknown, scope: podScope(namespace, pod), name: key.slice(cut + 1) };
}
