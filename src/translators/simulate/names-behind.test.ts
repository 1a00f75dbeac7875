/** A law of explain over random meshes: a policy that it does not name has no part in what it says. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Pod, PolicyKey, Service } from '../../model/index.js';
import { createPipeline, type PipelineChanges } from '../index.js';
import { wholeMesh } from '../testing/random-mesh.js';
import { explain, type Explanation } from './explain.js';
import type { MeshView } from './mesh-view.js';

/** Always the same meshes, unless other ones are asked for: SKERRY_SEED=2 SKERRY_RUNS=3000. */
const seed = Number(process.env['SKERRY_SEED'] ?? 1);
const numRuns = Number(process.env['SKERRY_RUNS'] ?? 100);

function compile(changes: PipelineChanges): MeshView {
  const pipeline = createPipeline({
    ...{ trustDomain: 'cluster.local', rootNamespace: 'skerry-system', layout: 'eager' },
    ...{ meshCidrs: [], accessLog: 'Errors', clusterDomain: 'cluster.local' },
  });
  pipeline.apply(changes);
  return pipeline.view;
}

function rowsOf<T>(table: ReadonlyMap<string, T | undefined> | undefined): readonly T[] {
  return [...(table?.values() ?? [])].filter((row) => row !== undefined);
}

/** One call from each pod to each port of each Service, in the words of random policies. */
function explanations(
  view: MeshView,
  pods: readonly Pod[],
  services: readonly Service[],
  path: string,
): readonly Explanation[] {
  return pods.flatMap((from) =>
    services.flatMap(({ name, namespace, ports }) =>
      ports.map(({ port }) =>
        explain(
          view,
          { from, host: `${name}.${namespace}`, port, method: 'GET', path, headers: {} },
          'cluster.local',
        ),
      ),
    ),
  );
}

test('what explain says stays as it is where a policy goes that it does not name', () => {
  let [named, unnamed] = [0, 0];
  fc.assert(
    fc.property(
      wholeMesh,
      fc.nat(),
      fc.constantFrom('/', '/x', '/y/z', '/api/1'),
      (changes, choice, path) => {
        const keys: readonly PolicyKey[] = rowsOf(changes.policies).map(({ key }) => key);
        const gone = keys[choice % Math.max(1, keys.length)];
        if (gone === undefined) return;
        const pods = rowsOf(changes.pods).filter(({ isInMesh }) => isInMesh);
        const services = rowsOf(changes.services).filter(({ clusterIPs }) => clusterIPs.length > 0);
        const policies = new Map(changes.policies);
        policies.delete(gone);
        const before = explanations(compile(changes), pods, services, path);
        const after = explanations(compile({ ...changes, policies }), pods, services, path);
        for (const [index, found] of before.entries()) {
          const names = found.steps.flatMap(({ from }) => from);
          // With its field, or as a whole where it was refused.
          if (names.some((text) => `${text} `.startsWith(`TrafficPolicy ${gone} `))) named += 1;
          else {
            unnamed += 1;
            expect(after[index]).toEqual(found);
          }
        }
      },
    ),
    { numRuns, seed },
  );
  // Otherwise it would show nothing.
  expect(Math.min(named, unnamed)).toBeGreaterThan(0);
});
