/** The collections of endpoints whose order differs from that of a wider scope: by zone, and by whose policy holds. */
import type { Collection, Graph } from '../graph/index.js';
import type { ClusterIr, EndpointsIr, PlacementIr, Scope } from '../ir/index.js';
import type { ClusterFamily, Mesh, MeshContext, PlacedEndpoints } from './mesh.js';
import type { Scoped } from './scoped-resource.js';
import { scopedKey } from './to-ir/called-host.js';
import { placementOf } from './to-ir/cluster.js';
import { toEndpoints } from './to-ir/endpoints.js';
import { equalPlacement, isPlaced, zonesOf } from './to-ir/placement.js';
import { isGiven } from './wanted.js';
import { widerCallerOf } from './wanted-by-callers.js';

/** A cluster whose endpoints have an order, in the scope of the cluster. */
export interface Placed {
  readonly scope: Scope;
  readonly name: string;
  readonly isEager: boolean;
  readonly placement: PlacementIr;
  /** Of the callers whom the row is for; absent: for those whose zone is not known. */
  readonly zone?: string;
}

/** The key of a cluster's endpoints for the callers of a zone (absent: unknown) in a scope. */
export function placedKey(scope: Scope, name: string, zone: string | undefined): string {
  return `${scopedKey(scope, name)}|${zone ?? ''}`;
}

/** The clusters of a family whose endpoints have an order; keys are the clusters'. */
export function definePlacements(
  graph: Graph,
  clusters: Collection<Scoped<ClusterIr>>,
): Collection<Placed> {
  return graph.derive(`${clusters.name}-placements`, clusters, ({ scope, isEager, ir }) =>
    isPlaced(ir.placement) ? { scope, name: ir.name, isEager, placement: ir.placement } : undefined,
  );
}

/** Their endpoints by zone: what the family gives is for callers whose zone is not known. */
export function defineZoned(
  placements: Collection<Placed>,
  context: MeshContext,
): Collection<PlacedEndpoints> {
  const { graph, tables } = context;
  const rows = graph.expand(`${placements.name}-by-zone`, placements, (row, _key, read) =>
    row.placement.locality === 'None' || row.scope.startsWith('pod/')
      ? []
      : zonesOf(row.scope, read, tables).map((zone) => keyed({ ...row, zone })),
  );
  return defineEndpoints(rows, context);
}

/** Endpoints of clusters that differ by caller, where their order does too. */
export function defineByCallerEndpoints(
  { clusters, routed }: Pick<ClusterFamily, 'clusters'> & Pick<Mesh, 'routed'>,
  context: MeshContext,
): Collection<PlacedEndpoints> {
  const { graph, tables, settings } = context;
  const differing = graph.derive(`${clusters.name}-placements`, clusters, (row, key, read) => {
    if (isGiven(read, routed, key)) return undefined;
    const { scope, isEager, ir } = row;
    const wider = placementOf(
      { name: ir.name, ...widerCallerOf(scope, read, tables) },
      read,
      tables,
      settings,
    );
    if (equalPlacement(wider, ir.placement)) return undefined;
    return { scope, name: ir.name, isEager, placement: ir.placement };
  });
  const rows = graph.expand(`${differing.name}-by-zone`, differing, (row, _key, read) => [
    keyed(row),
    ...(row.placement.locality === 'None'
      ? []
      : zonesOf(row.scope, read, tables).map((zone) => keyed({ ...row, zone }))),
  ]);
  return defineEndpoints(rows, context);
}

function keyed(row: Placed): readonly [string, Placed] {
  return [placedKey(row.scope, row.name, row.zone), row];
}

function defineEndpoints(
  rows: Collection<Placed>,
  { graph, tables, settings }: MeshContext,
): Collection<PlacedEndpoints> {
  return graph.derive(`${rows.name}-endpoints`, rows, (row, _key, read) => {
    const ir: EndpointsIr | undefined = toEndpoints(
      { name: row.name, place: row },
      read,
      tables,
      settings,
    );
    if (ir === undefined) return undefined;
    const { scope, isEager, placement, zone } = row;
    const isByZone = placement.locality !== 'None';
    return { scope, isEager, ir, isByZone, ...(zone === undefined ? {} : { zone }) };
  });
}
