/** Runs the demo: brings the mesh up, checks every expectation, and gathers what was seen. */
import { randomBytes } from 'node:crypto';
import { recordOf, type CallRecord } from './call-record.js';
import { allOf } from './expectation.js';
import type { DemoContext, Expectation, ExpectationResult } from './expectation.js';
import { expectations, externalIp, externalPort, tapWire } from './expectations/index.js';
import type { DemoOptions } from './options.js';
import type { Progress } from './progress.js';
import { findCheckout, startMesh, type Mesh } from './rig/index.js';

/** What `--json` prints, but for the time it took. */
export interface DemoReport {
  readonly ok: boolean;
  readonly expectations: readonly ExpectationResult[];
  readonly calls: readonly CallRecord[];
}

/** Brings up the demo's mesh. Rejects, with everything taken down, when it does not come up. */
export async function startDemoMesh(
  options: DemoOptions,
  envoy: string,
  progress: Progress,
): Promise<Mesh> {
  const mesh = await startMesh({
    manifests: findCheckout().mesh,
    envoy,
    outbound: options.outbound,
    // TCP has no header to carry the caller's identity: the demo reads it here.
    accessLog: 'All',
    onStep: (step) => {
      progress.step(step);
    },
  });
  await mesh.startExternalServer(externalIp, externalPort);
  return mesh;
}

/** Checks every expectation; one that throws has not held. Rejects when `interrupted`. */
export async function checkExpectations(
  mesh: Mesh,
  progress: Progress,
  interrupted: AbortSignal,
): Promise<DemoReport> {
  const calls: CallRecord[] = [];
  const context: DemoContext = {
    mesh,
    marker: `demo-text-${randomBytes(12).toString('hex')}`,
    calls,
    record: async (way, call) => {
      const result = await call;
      calls.push(recordOf(way, result));
      return result;
    },
  };
  progress.step('listening on the wire');
  const tap = await tapWire(mesh);
  const results: ExpectationResult[] = [];
  try {
    for (const expectation of [ready, ...expectations, accepted, tap.expectation]) {
      interrupted.throwIfAborted();
      progress.step(expectation.name);
      const result = await check(expectation, context);
      results.push(result);
      if (!result.ok) progress.note(`✗ ${result.name}: ${result.detail}`);
    }
  } finally {
    await tap.stop();
  }
  return { ok: results.every(({ ok }) => ok), expectations: results, calls };
}

const ready: Expectation = {
  name: 'every sidecar is ready',
  check: async ({ mesh }) => {
    const meshed = mesh.pods().filter(({ sidecar }) => sidecar !== undefined);
    await mesh.untilReady(meshed.map(({ key }) => key));
    return { ok: meshed.length > 0, detail: meshed.map(({ key }) => key).join(', ') };
  },
};

const accepted: Expectation = {
  name: 'every sidecar has accepted everything that it was sent',
  check: async ({ mesh }) => {
    const controlPlane = mesh.controlPlane();
    const { adminSocket } = controlPlane;
    const { code, stdout, stderr } = await controlPlane.skerry([
      'proxies',
      '--admin-socket',
      adminSocket,
    ]);
    const meshed = mesh.pods().filter(({ sidecar }) => sidecar !== undefined);
    const isListed = meshed.every(({ key }) => stdout.includes(`${key} `));
    return allOf([
      [`skerry proxies lists ${meshed.length} sidecars`, isListed],
      [code === 0 ? 'none has refused anything' : `${stdout}${stderr}`, code === 0],
    ]);
  },
};

async function check(expectation: Expectation, context: DemoContext): Promise<ExpectationResult> {
  try {
    return { name: expectation.name, ...(await expectation.check(context)) };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { name: expectation.name, ok: false, detail };
  }
}
