/** What the suites of this folder share: the mesh's callers, the readiness of its servers, policies, loads. */
import type { LoadResult, Mesh } from '../../../demo/rig/index.js';
import { endpointSlice, manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually } from '../../kit/sidecar.js';

/** The Service that is called. */
export const url = 'http://catalog.shop/';

/** Its servers by name, with their zones. */
const servers = {
  a1: { ip: '10.66.2.1', zone: 'a' },
  a2: { ip: '10.66.2.2', zone: 'a' },
  b1: { ip: '10.66.2.3', zone: 'b' },
} as const;

/** The name of a server. */
export type Server = keyof typeof servers;

/** All of them. */
export const allServers: readonly Server[] = ['a1', 'a2', 'b1'];

/** Says which servers are ready; all are listed. */
export async function setReady(mesh: Mesh, ready: readonly Server[]): Promise<void> {
  const endpoints = allServers.map((name) => ({
    ...servers[name],
    conditions: { ready: ready.includes(name) },
  }));
  const slice = { service: 'shop/catalog', port: { name: 'http', port: 8080 }, endpoints };
  await mesh.writeManifest('30-catalog-slice.yaml', manifest(endpointSlice(slice)));
}

/** Puts a policy on the Service, or takes it away. */
export async function setOutbound(mesh: Mesh, outbound: object | undefined): Promise<void> {
  const targetRefs = [{ kind: 'Service', name: 'catalog' }];
  const policy = outbound && trafficPolicy('shop/catalog', { targetRefs, outbound });
  await mesh.writeManifest('50-policy.yaml', policy && manifest(policy));
}

/** Calls of one pod. */
export async function callsOf(
  mesh: Mesh,
  pod: string,
  { path = '', total = 60 }: { readonly path?: string; readonly total?: number } = {},
): Promise<LoadResult> {
  const agent = await mesh.agent(`web/${pod}`);
  return await agent.load({ url: `${url}${path}`, total, concurrency: 6, timeoutMs: 15_000 });
}

/** Who answers a pod's calls, sorted. */
export function answering({ versions }: LoadResult): readonly string[] {
  return Object.keys(versions).sort();
}

/** Calls until these and no others answer, and nothing fails; returns the calls that showed it. */
export async function untilAnswered(
  mesh: Mesh,
  pod: string,
  expected: readonly string[],
  path = '',
): Promise<LoadResult> {
  return await eventually(
    `answers to ${pod} from ${expected.join(', ')}`,
    async () => {
      const result = await callsOf(mesh, pod, { path });
      const isAsExpected = answering(result).join() === [...expected].sort().join();
      return isAsExpected && result.statuses[200] === result.total ? result : undefined;
    },
    20_000,
  );
}

/** Makes calls over kept connections while `task` runs. */
export async function underLoad(
  mesh: Mesh,
  pod: string,
  task: () => Promise<void>,
): Promise<LoadResult> {
  const agent = await mesh.pod(`web/${pod}`).startAgent();
  const running = await agent.startLoad({ url, concurrency: 6, timeoutMs: 15_000 });
  try {
    await task();
  } finally {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return await running.stop();
}
