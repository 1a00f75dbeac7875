/** The compiler of the mesh: batches of changes in, resources and findings out. Mutable: it counts. */
import type { Changes, Output, Source } from '../graph/index.js';
import type { Diagnostic } from '../model/index.js';
import { handOut } from './handout.js';
import type { Mesh } from './mesh.js';
import { createMeshView, inboundOf, resourcesOf, scopesOf, virtualHostsOf } from './mesh-reader.js';
import { defineMesh } from './pipeline.js';
import type {
  DiagnosticChange,
  Pipeline,
  PipelineChanges,
  PipelineResult,
  PipelineSettings,
  WorkloadChange,
} from './pipeline-contract.js';
import { policiesOf, policyReach, reachedPods } from './policy-reach.js';

/** Creates an empty mesh. */
export function createPipeline(settings: PipelineSettings): Pipeline {
  const mesh = defineMesh(settings);
  let generation = 0;
  return {
    settings,
    apply(changes): PipelineResult {
      const { outputs, failures, reruns } = mesh.graph.turn(
        toGraphChanges(mesh, changes, generation === 0),
      );
      generation += 1;
      return {
        generation,
        resources: handOut(mesh, outputs),
        diagnostics: diagnosticChanges(mesh, outputs),
        workloads: workloadChanges(mesh, outputs),
        failures,
        reruns,
      };
    },
    view: createMeshView(mesh, settings),
    diagnostics: () => allDiagnostics(mesh),
    workloads: () => mesh.graph.rows(mesh.tables.sidecars),
    reach: (policy) => policyReach(mesh, policy, settings.rootNamespace),
    reached: (policy) => reachedPods(mesh, policyReach(mesh, policy, settings.rootNamespace)),
    policiesOf: (pod) => policiesOf(mesh, pod),
    scopes: (pod) => scopesOf(mesh, pod).toReversed(),
    resources: (pod) => resourcesOf(mesh, pod),
    virtualHosts: (pod) => virtualHostsOf(mesh, pod),
    inbound: (pod) => inboundOf(mesh, pod),
  };
}

/** A batch as changes of sources; the first one also starts what depends on no object. */
export function toGraphChanges(mesh: Mesh, changes: PipelineChanges, isFirst: boolean): Changes {
  const { sources } = mesh;
  const writes = new Map<Source<unknown>, ReadonlyMap<string, unknown>>();
  const write = (source: Source<unknown>, rows: ReadonlyMap<string, unknown> | undefined): void => {
    if (rows !== undefined && rows.size > 0) writes.set(source, rows);
  };
  if (isFirst) write(sources.constants, new Map([['mesh', true]]));
  write(sources.services, changes.services);
  write(sources.slices, changes.slices);
  write(sources.pods, changes.pods);
  write(sources.namespaces, changes.namespaces);
  write(sources.nodes, changes.nodes);
  write(sources.keySets, changes.keySets);
  write(sources.caBundles, changes.caBundles);
  write(sources.credentials, changes.credentials);
  write(sources.policies, changes.policies);
  write(sources.demand, changes.demand);
  write(sources.namespaceDemand, changes.namespaceDemand);
  return writes;
}

function diagnosticChanges(mesh: Mesh, outputs: readonly Output[]): readonly DiagnosticChange[] {
  return mesh.diagnostics.flatMap(({ kind, rows }) =>
    outputs
      .filter(({ collection }) => collection === rows.name)
      .map(({ key }) => ({
        object: `${kind} ${key}`,
        diagnostics: mesh.graph.get(rows, key) ?? [],
      })),
  );
}

function allDiagnostics(mesh: Mesh): ReadonlyMap<string, readonly Diagnostic[]> {
  return new Map(
    mesh.diagnostics.flatMap(({ kind, rows }) =>
      [...mesh.graph.rows(rows)].map(([key, found]) => [`${kind} ${key}`, found] as const),
    ),
  );
}

function workloadChanges(mesh: Mesh, outputs: readonly Output[]): readonly WorkloadChange[] {
  return outputs
    .filter(({ collection }) => collection === mesh.tables.sidecars.name)
    .map(({ key }) => {
      const sidecar = mesh.graph.get(mesh.tables.sidecars, key);
      return { pod: key, ...(sidecar === undefined ? {} : { sidecar }) };
    });
}
