/** Laws of the pipeline over random meshes and histories. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeUnknown, typeUrls, versionOf } from '../envoy/index.js';
import { toGraphChanges } from './create-pipeline.js';
import { createPipeline, type PipelineSettings, type ScopedResource } from './index.js';
import { defineMesh } from './pipeline.js';
import { messageOf } from './testing/golden-case.js';
import { history, settle, wholeMesh } from './testing/random-mesh.js';
import { spellEndpoints } from './to-envoy/spell.js';

const settings: PipelineSettings = {
  trustDomain: 'cluster.local',
  rootNamespace: 'skerry-system',
  layout: 'on-demand',
  meshCidrs: [],
  accessLog: 'Errors',
  clusterDomain: 'cluster.local',
};
const layout = fc.constantFrom('on-demand' as const, 'eager' as const);
const numRuns = Number(process.env['SKERRY_RUNS'] ?? 120);

/** What a cache that was handed every change would hold. */
function keep(held: Map<string, string>, changes: readonly ScopedResource[]): void {
  for (const { scope, typeUrl, name, resource } of changes) {
    const id = `${scope} ${typeUrl} ${name}`;
    if (resource === undefined) held.delete(id);
    else held.set(id, JSON.stringify([resource.version, resource.isEager, resource.origins]));
  }
}

function sorted(map: ReadonlyMap<string, unknown>): readonly unknown[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}

test('a history handed out change by change leaves what its outcome gives from scratch', () => {
  fc.assert(
    fc.property(history, layout, (batches, chosen) => {
      const live = createPipeline({ ...settings, layout: chosen });
      const held = new Map<string, string>();
      for (const batch of batches) {
        const { resources, failures } = live.apply(batch);
        expect(failures).toEqual([]);
        keep(held, resources);
      }
      const fresh = createPipeline({ ...settings, layout: chosen });
      const expected = new Map<string, string>();
      keep(expected, fresh.apply(settle(batches)).resources);
      expect(sorted(held)).toEqual(sorted(expected));
      expect(sorted(live.diagnostics())).toEqual(sorted(fresh.diagnostics()));
      expect(sorted(live.workloads())).toEqual(sorted(fresh.workloads()));
    }),
    { numRuns },
  );
});

test('no name of a scope and type comes from two collections', () => {
  fc.assert(
    fc.property(wholeMesh, layout, (changes, chosen) => {
      const mesh = defineMesh({ ...settings, layout: chosen });
      mesh.graph.turn(toGraphChanges(mesh, changes, true));
      const ids = mesh.encoded.flatMap((rows) =>
        [...mesh.graph.rows(rows).values()].map(
          ({ scope, typeUrl, name }) => `${scope} ${typeUrl} ${name}`,
        ),
      );
      expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    }),
    { numRuns },
  );
});

/** Every value under `key`, at any depth. */
function valuesOf(value: unknown, key: string): readonly unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, each]: readonly [string, unknown]) => [
    ...(name === key ? [each] : []),
    ...valuesOf(each, key),
  ]);
}

function openReferences(resources: readonly ScopedResource[]): readonly string[] {
  const eager = resources.filter(({ resource }) => resource?.isEager === true);
  const namesOf = (typeUrl: string, from: readonly ScopedResource[]): ReadonlySet<string> =>
    new Set(from.filter((each) => each.typeUrl === typeUrl).map(({ name }) => name));
  const clusters = namesOf(typeUrls.cluster, eager);
  const endpoints = namesOf(typeUrls.endpoint, resources);
  const routes = namesOf(typeUrls.route, eager);
  return resources.flatMap((each): string[] => {
    const message = messageOf(each);
    const place = `${each.scope} ${each.name}`;
    switch (each.typeUrl) {
      case typeUrls.virtualHost: {
        const weighted = valuesOf(message, 'clusters').flatMap((list) => valuesOf(list, 'name'));
        return [...valuesOf(message, 'cluster'), ...weighted]
          .filter((name) => !clusters.has(String(name)))
          .map((name) => `${place} routes to the absent ${String(name)}`);
      }
      case typeUrls.cluster: {
        const isEds = valuesOf(message, 'eds_cluster_config').length > 0;
        return isEds && !endpoints.has(each.name) ? [`${place} has no endpoints`] : [];
      }
      case typeUrls.listener:
        return valuesOf(message, 'route_config_name')
          .filter((name) => !routes.has(String(name)))
          .map((name) => `${place} asks for the absent routes ${String(name)}`);
      default:
        return [];
    }
  });
}

test('the references of what a sidecar is given close', () => {
  fc.assert(
    fc.property(wholeMesh, layout, (changes, chosen) => {
      const pipeline = createPipeline({ ...settings, layout: chosen });
      pipeline.apply(changes);
      for (const { pod } of pipeline.workloads().values()) {
        expect(openReferences(pipeline.resources(pod))).toEqual([]);
      }
    }),
    { numRuns },
  );
});

test('what a reader is told of endpoints is what the sidecar has', () => {
  fc.assert(
    fc.property(wholeMesh, layout, (changes, chosen) => {
      const pipeline = createPipeline({ ...settings, layout: chosen });
      pipeline.apply(changes);
      for (const { pod } of pipeline.workloads().values()) {
        const seen = pipeline.view.pod(pod);
        for (const { typeUrl, name, resource } of pipeline.resources(pod)) {
          if (typeUrl !== typeUrls.endpoint || seen === undefined) continue;
          const told = pipeline.view.cluster(seen, name)?.endpoints;
          const bytes = told && encodeUnknown(typeUrl, spellEndpoints(told));
          expect([pod, name, bytes && versionOf(bytes)]).toEqual([pod, name, resource?.version]);
        }
      }
    }),
    { numRuns },
  );
});

test('a mesh that is emptied leaves what every sidecar has, and nothing else', () => {
  fc.assert(
    fc.property(wholeMesh, (changes) => {
      const pipeline = createPipeline(settings);
      const held = new Map<string, string>();
      keep(held, pipeline.apply(changes).resources);
      const removal = Object.fromEntries(
        Object.entries(changes).map(([collection, rows]) => [
          collection,
          new Map(
            [...(rows as ReadonlyMap<string, unknown>).keys()].map((key) => [key, undefined]),
          ),
        ]),
      );
      keep(held, pipeline.apply(removal).resources);
      const empty = new Map<string, string>();
      keep(empty, createPipeline(settings).apply({}).resources);
      expect(sorted(held)).toEqual(sorted(empty));
    }),
    { numRuns },
  );
});
