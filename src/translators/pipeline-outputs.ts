/** The collections that leave the graph: encoded resources, and what is wrong with the users' objects. */
import type { Collection } from '../graph/index.js';
import { podScope } from '../ir/index.js';
import type { Mesh, MeshContext } from './mesh.js';
import { defineCredentials } from './pipeline-credentials.js';
import { inScope, toShared, type ScopedResource } from './scoped-resource.js';
import * as spelled from './spelled.js';
import { scopedKey } from './to-ir/called-host.js';
import { toDiagnostics, type Finding } from './to-ir/finding.js';
import { toShapedInbound } from './to-ir/inbound-shape.js';
import { findPodProblems, findServiceProblems } from './to-ir/object-findings.js';
import { findPolicyProblems } from './to-ir/policy-findings.js';
import { toReadiness } from './to-ir/readiness.js';
import { isGiven } from './wanted.js';
import { scopesOf, scopesOfPlaced } from './wanted-by-callers.js';

/** Every resource that sidecars are sent, in the order in which they are handed out. */
export function defineEncoded(
  context: MeshContext,
  { families, byCaller, placed, routed }: Pick<Mesh, 'families' | 'byCaller' | 'placed' | 'routed'>,
  outbound: Mesh['outbound'],
): readonly Collection<ScopedResource>[] {
  const { graph, sources, tables, settings, classKeys, classDecisions } = context;
  const { virtualHosts, namespaceHosts, outboundRoutes } = context;
  const inbound = graph.derive('inbound', classDecisions, toShapedInbound);
  const shapes = graph.expand('inbound-shapes', inbound, ({ key, shape }) => [[key, shape]]);
  const encodedShapes = graph.derive('encoded-inbound-shapes', shapes, (shape) =>
    spelled.encodeInbound(shape, settings),
  );
  const encodedClasses = graph.derive(
    'encoded-inbound-classes',
    inbound,
    ({ key, origins }, _key, read) =>
      read
        .get(encodedShapes, key)
        ?.map((resource) => toShared(resource, { isEager: true, origins })),
  );
  const readiness = graph.derive('readiness', sources.pods, toReadiness);
  return [
    graph.expand('encoded-fixed', sources.constants, spelled.fixedResources),
    graph.expand('encoded-readiness', readiness, spelled.readinessResources),
    ...defineCredentials(context),
    ...families.map(({ clusters }) =>
      graph.derive(`encoded-${clusters.name}`, clusters, spelled.clusterResource),
    ),
    ...byCaller.map((clusters) => {
      const encoded = graph.derive(`shared-${clusters.name}`, clusters, spelled.clusterResource);
      return graph.expand(`encoded-${clusters.name}`, encoded, (row, _key, read) =>
        scopesOf(row.scope, read, tables)
          .filter((scope) => !isGiven(read, routed, scopedKey(scope, row.name)))
          .map((scope) => spelled.keyed({ ...row, scope })),
      );
    }),
    ...families.flatMap(({ endpoints }) =>
      endpoints === undefined
        ? []
        : [graph.derive(`encoded-${endpoints.name}`, endpoints, spelled.endpointsResource)],
    ),
    ...placed.map((rows) => {
      const encoded = graph.derive(`shared-${rows.name}`, rows, spelled.endpointsResource);
      return graph.expand(`encoded-${rows.name}`, encoded, (resource, key, read) => {
        const row = read.get(rows, key);
        if (row === undefined) return [];
        return scopesOfPlaced(row, read, tables)
          .filter((scope) => !isGiven(read, routed, scopedKey(scope, resource.name)))
          .map((scope) => spelled.keyed({ ...resource, scope }));
      });
    }),
    ...outbound.map((rows) =>
      graph.expand(`encoded-egress-${rows.name}`, rows, (row) =>
        spelled.egressResources(row, settings),
      ),
    ),
    ...outbound.map((rows) =>
      graph.derive(`encoded-${rows.name}`, rows, (row) => spelled.outboundResource(row, settings)),
    ),
    graph.expand('encoded-inbound', tables.sidecars, ({ namespace, name }, pod, read) =>
      (read.get(encodedClasses, read.get(classKeys, pod) ?? '') ?? []).map((resource) =>
        spelled.keyed(inScope(podScope(namespace, name), resource)),
      ),
    ),
    ...outboundRoutes.map((rows) =>
      graph.derive(`encoded-${rows.name}`, rows, spelled.outboundRoutesResource),
    ),
    ...[virtualHosts, namespaceHosts].map((rows) =>
      graph.derive(`encoded-${rows.name}`, rows, spelled.virtualHostResource),
    ),
  ];
}

/** What is wrong with each object, by kind. */
export function defineDiagnostics(context: MeshContext): Mesh['diagnostics'] {
  const { graph, sources, tables, settings, classDecisions, virtualHosts } = context;
  const found = [classDecisions, virtualHosts].map((rows) => {
    const findings: Collection<readonly Finding[]> = graph.derive(
      `${rows.name}-findings`,
      rows,
      (row: { readonly findings: readonly Finding[] }) =>
        row.findings.length === 0 ? undefined : row.findings,
    );
    return graph.lookup(`${rows.name}-findings-by-object`, findings, (row) => [
      ...new Set(row.map(({ object }) => object)),
    ]);
  });
  const define = <V>(
    kind: string,
    rows: Collection<V>,
    check: (row: V, read: Parameters<typeof findPolicyProblems>[1]) => readonly Finding[],
  ): Mesh['diagnostics'][number] => ({
    kind,
    rows: graph.derive(`${kind} diagnostics`, rows, (row, key, read) => {
      const object = `${kind} ${key}`;
      const elsewhere = found
        .flatMap((lookup) => read.find(lookup, object).flat())
        .filter((finding) => finding.object === object);
      const diagnostics = toDiagnostics([...check(row, read), ...elsewhere]);
      return diagnostics.length === 0 ? undefined : diagnostics;
    }),
  });
  return [
    define('TrafficPolicy', sources.policies, (row, read) =>
      findPolicyProblems(row, read, tables, settings),
    ),
    define('Service', sources.services, (row, read) => findServiceProblems(row, read, tables)),
    define('Pod', tables.workloads, (row, read) => findPodProblems(row, read, tables)),
  ];
}
