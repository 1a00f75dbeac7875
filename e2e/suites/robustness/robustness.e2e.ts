/** Claim: hostile files, a full disk and a client that does not read leave the mesh working. */
import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { typeUrls } from '../../../src/envoy/index.js';
import {
  controlPlaneIp,
  controlPlaneName,
  controlPlanePort,
  readManifests,
  runCommand,
  type Agent,
  type LoadResult,
  type Mesh,
} from '../../../demo/rig/index.js';
import type { AdsOutcome, AdsScenario } from '../../apps/ads-contract.js';
import { claim, milliseconds, since } from '../../kit/claim.js';
import { controlPlaneLog, diagnostics, proxyViews, untilSettled } from '../../kit/control-plane.js';
import { manifest, trafficPolicy } from '../../kit/manifest.js';
import { runAtRouter } from '../../kit/programs.js';
import { eventually } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';
import { malformed } from './malformed.js';

const url = 'http://reviews.b/';
const changeFile = '60-change.yaml';
let mesh: Mesh;
let caller: Agent;
let changes = 0;
let isStateOnSmallDisk = false;

beforeAll(async () => {
  mesh = await startSuiteMesh({
    suite: import.meta.url,
    accessLog: 'Errors',
    pods: ['a/frontend', 'b/reviews-v1', 'b/reviews-v2'],
  });
  caller = await mesh.agent('a/frontend');
});

afterAll(async () => {
  if (isStateOnSmallDisk) {
    // Lazily, since the control plane has files open there.
    await runCommand(['umount', '--lazy', mesh.controlPlane().stateDirectory]);
  }
  await stopSuiteMesh(mesh);
});

async function startLoad(): Promise<{ stop(): Promise<LoadResult> }> {
  const loader = await mesh.pod('a/frontend').startAgent();
  return await loader.startLoad({ url, concurrency: 4, requestsPerSecond: 200 });
}

function expectNoFailure({ errors, statuses, total }: LoadResult): void {
  expect(errors).toEqual({});
  expect(statuses).toEqual({ '200': total });
}

/** Changes a header of responses and waits until callers see it; returns how long that took. */
async function changeSomething(timeoutMs = 10_000): Promise<number> {
  changes += 1;
  const text = `${changes}`;
  const startedAt = performance.now();
  // Written without the rig's look at the directory, whose files may be hostile.
  await writeFile(
    join(mesh.directory, changeFile),
    manifest(
      trafficPolicy('a/change', {
        targetRefs: [{ kind: 'Service', name: 'reviews', namespace: 'b' }],
        routes: [{ responseHeaders: { set: { 'x-change': text } } }],
      }),
    ),
  );
  await eventually(
    `change ${text}`,
    async () => {
      const { headers } = await caller.http({ url, group: 'observer' });
      return headers['x-change'] === text ? true : undefined;
    },
    timeoutMs,
  );
  return performance.now() - startedAt;
}

describe('fifty malformed and hostile files', () => {
  const fileOf = (index: number): string => `70-hostile-${String(index).padStart(2, '0')}.yaml`;
  const files = malformed.map((_, index) => fileOf(index));

  afterEach(async () => {
    for (const file of files) await rm(join(mesh.directory, file), { force: true });
  });

  test('each give a diagnostic, and stop nothing', async () => {
    expect(malformed).toHaveLength(50);
    await changeSomething();
    const before = await diagnostics(mesh.controlPlane());
    const { pid } = mesh.controlPlane().process();
    const load = await startLoad();
    const startedAt = performance.now();
    for (const [index, text] of malformed.entries()) {
      await writeFile(join(mesh.directory, fileOf(index)), text);
      if (index % 10 === 9) await changeSomething(20_000);
    }
    const named = await eventually(
      'a diagnostic for each file',
      async () => {
        const all = await diagnostics(mesh.controlPlane());
        // What only the whole mesh can tell names the object, and not its file.
        const found = new Set(
          all.map(({ position, object }) =>
            object?.name === 'dangling' ? files.at(-1) : position?.file,
          ),
        );
        const missing = files.filter((file) => !found.has(file));
        if (missing.length > 0) throw new Error(missing.join(', '));
        return found;
      },
      30_000,
    );
    expect([...named]).toEqual(expect.arrayContaining(files));
    claim(
      'robustness',
      `${malformed.length} hostile files, each with a diagnostic, within`,
      since(startedAt),
    );
    const result = await load.stop();
    expectNoFailure(result);
    expect(mesh.controlPlane().process().pid).toBe(pid);
    expect(mesh.controlPlane().process().isRunning()).toBe(true);
    claim('robustness', `failed of ${result.total} requests meanwhile:`, 0);

    for (const file of files) await rm(join(mesh.directory, file));
    await eventually('the diagnostics of before', async () => {
      const after = await diagnostics(mesh.controlPlane());
      return after.length === before.length ? true : undefined;
    });
    await changeSomething();
  });
});

describe('a client that does not read', () => {
  test('holds nobody back, and takes no memory without bound', async () => {
    const residentMb = async (): Promise<number> => {
      const status = await readFile(`/proc/${mesh.controlPlane().process().pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
    };
    const stalledView = async (): Promise<{ readonly pendingForMs?: number } | undefined> =>
      (await proxyViews(mesh.controlPlane())).find(({ name }) => name === 'b/greeter');
    const before = await residentMb();
    const stalled = stall(20_000);
    // A busy machine takes a while to start it.
    await eventually('a client that does not answer', async () =>
      (await stalledView())?.pendingForMs === undefined ? undefined : true,
    );
    let worst = 0;
    for (let count = 0; count < 10; count += 1) {
      worst = Math.max(worst, await changeSomething());
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    // It is there, and has not answered for a while: it is as slow as this test needs it.
    expect((await stalledView())?.pendingForMs).toBeGreaterThan(3_000);
    await stalled;
    const grown = (await residentMb()) - before;
    // The bound on what waits for one client is 64 MB.
    expect(grown).toBeLessThan(150);
    expect(worst).toBeLessThan(3_000);
    claim(
      'robustness',
      'slowest of 10 changes beside a client that does not read',
      milliseconds(worst),
    );
    claim('robustness', 'resident memory of the control plane grown by', `${Math.round(grown)} MB`);
  });

  /** As b/greeter, which does not run: asks for everything again and again and reads nothing. */
  async function stall(waitMs: number): Promise<AdsOutcome> {
    const pod = (await readManifests(mesh.directory)).pods.find(({ name }) => name === 'greeter');
    if (pod === undefined) throw new Error('no manifest of greeter');
    const { stdout: csr } = await runCommand([
      ...['openssl', 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
      ...['-nodes', '-keyout', '/dev/null', '-subj', '/CN=stalled'],
    ]);
    const names = Array.from({ length: 200 }, (_, index) => `http|10.66.2.${index + 1}:8080`);
    const scenario: AdsScenario = {
      address: `${controlPlaneIp}:${controlPlanePort}`,
      serverName: controlPlaneName,
      rootBundle: await mesh.controlPlane().rootBundle(),
      token: await mesh.controlPlane().joinToken(pod),
      nodeId: 'b/greeter',
      csr,
      keyFile: '/somewhere/key.pem',
      subscribe: {
        [typeUrls.cluster]: names,
        [typeUrls.endpoint]: names,
        [typeUrls.listener]: ['inbound', 'outbound'],
      },
      waitMs,
      neverReads: true,
    };
    return (await runAtRouter(mesh, 'ads-client', JSON.stringify(scenario))) as AdsOutcome;
  }
});

describe('a disk that is full', () => {
  const ballast = (): string => join(mesh.controlPlane().stateDirectory, 'ballast');

  test('under the state of the control plane stops neither traffic nor changes, and is logged', async () => {
    await moveStateToSmallDisk();
    await untilSettled(mesh, 45_000);
    const load = await startLoad();
    await changeSomething();
    await fillUp(ballast());
    const logged = (await controlPlaneLog(mesh.controlPlane())).length;
    for (let count = 0; count < 3; count += 1) await changeSomething();
    await eventually('a warning', async () => {
      const log = (await controlPlaneLog(mesh.controlPlane())).slice(logged);
      return /"level":"(warn|error)".*ENOSPC/.test(log) ? true : undefined;
    });
    expect(mesh.controlPlane().process().isRunning()).toBe(true);
    expectNoFailure(await load.stop());

    await rm(ballast());
    await changeSomething();
    const last = `${changes}`;
    // What could not be kept is kept now: a new control plane that finds the file broken goes by it.
    await mesh.controlPlane().kill();
    await writeFile(join(mesh.directory, changeFile), 'no policy: [');
    await mesh.controlPlane().start();
    await untilSettled(mesh, 45_000);
    expect((await caller.http({ url })).headers['x-change']).toBe(last);
    await changeSomething();
    claim('robustness', 'requests that failed while the state’s disk was full:', 0);
  });

  async function moveStateToSmallDisk(): Promise<void> {
    const controlPlane = mesh.controlPlane();
    const copy = await mkdtemp(join(tmpdir(), 'skerry-e2e-state-'));
    await controlPlane.kill();
    await rm(controlPlane.adminSocket, { force: true });
    await cp(controlPlane.stateDirectory, copy, { recursive: true, preserveTimestamps: true });
    await runCommand([
      ...['mount', '-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'tmpfs'],
      controlPlane.stateDirectory,
    ]);
    await runCommand(['cp', '-a', `${copy}/.`, controlPlane.stateDirectory]);
    isStateOnSmallDisk = true;
    await rm(copy, { recursive: true });
    await controlPlane.start();
  }

  async function fillUp(path: string): Promise<void> {
    await writeFile(path, Buffer.alloc(4 * 1024 * 1024)).catch((error: unknown) => {
      if (!String(error).includes('ENOSPC')) throw error;
    });
    expect((await stat(path)).size).toBeGreaterThan(0);
  }
});
