/** Claim: replacing and killing replicas of the control plane fails no request, and afterwards it serves as before. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CommandError, type Agent } from '../../../demo/rig/index.js';
import { claim, since } from '../../kit/claim.js';
import {
  controllerDeployment,
  controllerPods,
  skerry,
  systemNamespace,
  untilInstalled,
} from '../../kit/cluster/cluster.js';
import { eventually, openSuite } from '../../kit/cluster/suite.js';

const suite = openSuite(import.meta.url);
let caller: Agent;

beforeAll(async () => {
  await suite.start();
  caller = await suite.caller('control-plane', 'caller');
});
afterAll(() => suite.stop());

/** Runs `disturb` under load; no call may fail meanwhile. */
async function underLoad(what: string, disturb: () => Promise<void>): Promise<void> {
  const settings = { url: 'http://web/', concurrency: 4, requestsPerSecond: 100 };
  const load = await caller.startLoad(settings);
  await disturb();
  const { total, statuses, errors } = await load.stop();
  claim('control-plane', `calls while ${what}, none failed:`, total);
  expect({ statuses, errors }).toEqual({ statuses: { 200: total }, errors: {} });
}

/** Applies a policy and waits until the sidecar of the server follows it; then takes it back. */
async function untilPolicyHolds(what: string): Promise<void> {
  const startedAt = performance.now();
  const untilStatus = (status: number): Promise<true> =>
    eventually(
      `status ${status}`,
      async () =>
        (await caller.http({ url: 'http://web/closed' })).status === status ? true : undefined,
      60_000,
    );
  await suite.apply('_refuse.yaml');
  await untilStatus(403);
  claim(
    'control-plane',
    `from kubectl apply of a policy until it held, ${what}:`,
    since(startedAt),
  );
  await suite.remove('_refuse.yaml');
  await untilStatus(200);
}

test('every replica runs with the allocator that its Deployment names', async () => {
  const script = `console.log(require('fs').readFileSync('/proc/1/maps', 'utf8'))`;
  const pods = await controllerPods(suite.rig);
  expect(pods.length).toBeGreaterThan(0);
  for (const { metadata } of pods) {
    const target = ['-n', systemNamespace, metadata.name, '-c', 'controller'];
    expect(await suite.kubectl('exec', ...target, '--', 'node', '-e', script)).toContain(
      '/libjemalloc.so.2',
    );
    expect(await suite.kubectl('logs', ...target)).not.toContain('cannot be preloaded');
  }
});

describe('kubectl rollout restart', () => {
  test('fails no request, and pods that start meanwhile join the mesh', async () => {
    await underLoad('all replicas were replaced', async () => {
      await suite.kubectl('rollout', 'restart', controllerDeployment, '-n', systemNamespace);
      await suite.kubectl(...['scale', 'deployment/web', '--replicas=3', '-n', 'control-plane']);
      await untilInstalled(suite.rig);
      await suite.ready('control-plane', 'deployment/web');
    });
    await untilPolicyHolds('after a restart');
  });
});

interface CheckReport {
  readonly findings: readonly { readonly code: string; readonly says: string }[];
}

/** What `skerry check` finds, and its exit code. */
async function check(): Promise<{ readonly code: number; readonly found: readonly string[] }> {
  let code = 0;
  const stdout = await skerry(['check', '-o', 'json']).catch((error: unknown) => {
    if (!(error instanceof CommandError) || error.exitCode === null) throw error;
    code = error.exitCode;
    return error.stdout;
  });
  const reports = JSON.parse(stdout) as readonly CheckReport[];
  const found = reports.flatMap(({ findings }) =>
    findings.map((one) => `${one.code}: ${one.says}`),
  );
  return { code, found };
}

/** Waits until it finds exactly these codes, and exits with that code; what it says. */
function untilFound(code: number, ...codes: readonly string[]): Promise<readonly string[]> {
  return eventually(
    `skerry check to find ${codes.join(', ') || 'nothing'}`,
    async () => {
      const now = await check();
      const isSo =
        now.code === code &&
        now.found.length === codes.length &&
        codes.every((one) => now.found.some((says) => says.startsWith(`${one}: `)));
      if (!isSo) throw new Error(`it exits ${now.code} and finds: ${now.found.join('; ')}`);
      return now.found;
    },
    90_000,
  );
}

describe('skerry check', () => {
  test('finds nothing wrong with a mesh that is well', async () => {
    await untilFound(0);
  });

  test('names a replica that is missing', async () => {
    const nodes = (await suite.kubectl('get', 'nodes', '-o', 'name')).trim().split('\n');
    const [pod] = await controllerPods(suite.rig);
    const name = pod?.metadata.name ?? '';
    // Nothing new starts anywhere, so that the replica stays away.
    await suite.kubectl('cordon', ...nodes);
    try {
      await suite.kubectl('delete', 'pod', name, '-n', systemNamespace);
      const found = await untilFound(1, 'ReplicaMissing', 'ReplicaMissing');
      expect(found[0]).toBe('ReplicaMissing: 1 of 2 replicas of the control plane are ready');
      expect(found[1]).toMatch(/^ReplicaMissing: skerry-controller-\S+: .*unschedulable/);
    } finally {
      await suite.kubectl('uncordon', ...nodes);
    }
    await untilInstalled(suite.rig);
    await untilFound(0);
  });

  test('names a policy that is not in force', async () => {
    await suite.apply('_broken.yaml');
    const [says] = await untilFound(1, 'PolicyNotInForce');
    expect(says).toMatch(/^PolicyNotInForce: control-plane\/broken: Invalid: .*jwks/);
    await suite.remove('_broken.yaml');
    await untilFound(0);
  });
});

describe('kill -9 of a replica', () => {
  test('fails no request, and the other one goes on', async () => {
    await underLoad('one replica was killed', async () => {
      const [pod] = await controllerPods(suite.rig);
      const name = pod?.metadata.name ?? '';
      const target = { namespace: systemNamespace, pod: name, container: 'controller' };
      await suite.rig.signalContainer(target, 'SIGKILL');
      await untilPolicyHolds('right after a kill');
      await eventually('its restart', async () => {
        const restarts = (await controllerPods(suite.rig)).flatMap(({ status }) =>
          (status.containerStatuses ?? []).map(({ restartCount }) => restartCount),
        );
        return restarts.some((count) => count > 0) ? true : undefined;
      });
    });
    await untilInstalled(suite.rig);
  });
});

describe('kill -9 of all replicas', () => {
  test('fails no request, and they come back by themselves', async () => {
    await underLoad('all replicas were killed', async () => {
      for (const { metadata } of await controllerPods(suite.rig)) {
        const target = { namespace: systemNamespace, pod: metadata.name, container: 'controller' };
        await suite.rig.signalContainer(target, 'SIGKILL');
      }
      await untilPolicyHolds('after all were killed');
    });
    await untilInstalled(suite.rig);
  });
});
