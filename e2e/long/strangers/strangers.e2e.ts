/** Claim: thousands of connections that say nothing, or stop within their handshake, keep no sidecar out. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  findCheckout,
  startProcess,
  waitFor,
  type Mesh,
  type RunningProcess,
} from '../../../demo/rig/index.js';
import { controlPlaneIp, controlPlanePort } from '../../../demo/rig/commands.js';
import { claim, milliseconds, since } from '../../kit/claim.js';
import { manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually, sidecarOf } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const count = Number(process.env['SKERRY_STRANGERS'] ?? 10_000);
/** An Envoy that is refused comes again after half a second to 30 s; here none is refused. */
const connectLimitMs = 10_000;
const perConnectionBytes = 60_000;

let mesh: Mesh;
let strangers: RunningProcess;
let residentBefore: number;

async function residentBytes(): Promise<number> {
  const status = await readFile(
    `/proc/${String(mesh.controlPlane().process().pid)}/status`,
    'utf8',
  );
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

beforeAll(async () => {
  mesh = await startSuiteMesh({ suite: import.meta.url, base: 'own' });
  residentBefore = await residentBytes();
  const logFile = join(mesh.runDirectory, 'strangers.log');
  strangers = await startProcess({
    name: 'strangers',
    argv: [
      ...['nsenter', `--net=${mesh.network.router.path}`, '--'],
      ...[process.execPath, join(findCheckout().apps, 'strangers.js')],
      ...[controlPlaneIp, String(controlPlanePort), String(count)],
    ],
    logFile,
  });
  await waitFor({ what: 'the strangers', timeoutMs: 120_000 }, async () =>
    (await readFile(logFile, 'utf8')).includes('open') ? true : undefined,
  );
}, 240_000);

afterAll(async () => {
  await strangers.stop();
  await stopSuiteMesh(mesh);
});

interface Proxy {
  readonly name: string;
  readonly connectedSinceMs: number;
}

async function connectedSince(pod: string): Promise<number | undefined> {
  const plane = mesh.controlPlane();
  const asked = ['proxies', '--admin-socket', plane.adminSocket, '-o', 'json'];
  const { stdout } = await plane.skerry(asked);
  const all = (JSON.parse(stdout) as readonly Proxy[]).filter(({ name }) => name === pod);
  return all.reduce((latest, each) => Math.max(latest, each.connectedSinceMs), 0) || undefined;
}

test('a sidecar that starts is let in within seconds, and serves', async () => {
  const startedAtMs = Date.now();
  await sidecarOf(mesh, 'far/app').restart();
  const connectedAtMs = await eventually(
    'the sidecar that starts',
    async () => {
      const since = await connectedSince('far/app');
      return since !== undefined && since > startedAtMs ? since : undefined;
    },
    60_000,
  );
  expect(connectedAtMs - startedAtMs).toBeLessThan(connectLimitMs);
  await mesh.untilReady(['far/app'], 30_000);
  const agent = await mesh.agent('near/app');
  await eventually('a call to it', async () => {
    const { status } = await agent.http({ url: 'http://app.far/' });
    return status === 200 ? true : undefined;
  });
  claim(
    'strangers',
    `with ${String(count)} connections of strangers open, from a sidecar's start to its stream:`,
    milliseconds(connectedAtMs - startedAtMs),
  );
});

test('a sidecar that runs is told of changes', async () => {
  const agent = await mesh.agent('near/app');
  const startedAt = performance.now();
  await mesh.writeManifest(
    '50-deny.yaml',
    manifest(
      trafficPolicy('far/deny', {
        targetRefs: [{ kind: 'Namespace' }],
        inbound: { authorization: { deny: [{ from: [{ namespace: 'near' }] }] } },
      }),
    ),
  );
  await eventually('a refusal', async () => {
    const { status } = await agent.http({ url: 'http://app.far/' });
    return status === 403 ? true : undefined;
  });
  claim('strangers', 'from a policy to the refusal:', since(startedAt));
});

test('what they cost is bounded', async () => {
  // Until each has had its turn, and those that were closed have come again.
  await pause(30_000);
  const grown = (await residentBytes()) - residentBefore;
  claim(
    'strangers',
    'memory of the control plane for each of them:',
    `${String(Math.round(grown / count / 1000))} kB`,
  );
  expect(grown).toBeLessThan(count * perConnectionBytes + 50_000_000);
}, 60_000);
