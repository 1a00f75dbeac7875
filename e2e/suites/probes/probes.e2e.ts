/** Claim: the kubelet's probes work under Strict without opening the app, and fail when the app has died. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import type { CallResult, Mesh } from '../../../demo/rig/index.js';
import { originalProbeHeader, probeKinds, type ProbeKind } from '../../../src/model/index.js';
import { readinessPort } from '../../../src/sidecar/index.js';
import { defaultSettings, injectPod, type JsonMap } from '../../../src/webhook/index.js';
import { claim, since } from '../../kit/claim.js';
import { eventually } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const key = 'web/app';
const ip = '10.66.7.1';
const periodMs = 2_000;

interface HttpGet {
  readonly path: string;
  readonly port: number;
  readonly httpHeaders: readonly { readonly name: string; readonly value: string }[];
}

interface InjectedPod {
  readonly spec: {
    readonly containers: readonly [Readonly<Record<ProbeKind, { readonly httpGet: HttpGet }>>];
  };
}

let mesh: Mesh;
let pod: InjectedPod;

beforeAll(async () => {
  mesh = await startSuiteMesh({ suite: import.meta.url, base: 'own' });
  const file = '10-app.yaml';
  const written = parse(await readFile(join(mesh.directory, file), 'utf8')) as JsonMap;
  const injected = injectPod(written, defaultSettings);
  if (!injected.ok) throw new Error(injected.error.join('; '));
  pod = injected.value.pod as unknown as InjectedPod;
  await mesh.writeManifest(file, JSON.stringify(pod));
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

/** From the router, as the kubelet calls from its node: by what the injected pod's spec says. */
function probe(kind: ProbeKind): Promise<CallResult> {
  const { path, port, httpHeaders } = pod.spec.containers[0][kind].httpGet;
  const headers = Object.fromEntries(httpHeaders.map(({ name, value }) => [name, value]));
  return mesh.prober.http({ url: `http://${ip}:${port}${path}`, headers, timeoutMs: 2_000 });
}

async function untilProbe(kind: ProbeKind, status: number): Promise<void> {
  await eventually(`${kind} ${status}`, async () =>
    (await probe(kind)).status === status ? true : undefined,
  );
}

test('every kind of probe passes while the app lives, and its ports stay closed', async () => {
  for (const kind of probeKinds) await untilProbe(kind, 200);
  for (const port of [8080, 9090]) {
    const { status, error } = await mesh.prober.http({ url: `http://${ip}:${port}/live` });
    expect(status).toBeNull();
    expect(error).not.toBeNull();
  }
});

test('a probe brings nothing but a status, and leads nowhere else', async () => {
  const { status, body, headers } = await probe('livenessProbe');
  expect([status, body]).toEqual([200, '']);
  expect(headers).not.toHaveProperty('x-version');
  const forged = { [originalProbeHeader]: JSON.stringify({ port: 8080, probe: { httpGet: {} } }) };
  const own = '/skerry/probe/app/livenessProbe';
  for (const path of ['/', '/live', `${own}?x`, `${own}/`, own.replace('app', 'other')]) {
    const url = `http://${ip}:${readinessPort}${path}`;
    expect((await mesh.prober.http({ url, headers: forged })).status).toBe(404);
  }
});

test('every kind of probe fails when the app has died', async () => {
  const [app] = mesh.pod(key).apps;
  if (app === undefined) throw new Error('no app');
  app.signal('SIGKILL');
  await app.ended;
  const startedAt = performance.now();
  expect((await probe('livenessProbe')).status).toBe(503);
  claim('probes', 'a dead app fails its HTTP probe within', since(startedAt));
  for (const [kind, name] of [
    ['readinessProbe', 'TCP'],
    ['startupProbe', 'gRPC'],
  ] as const) {
    await untilProbe(kind, 503);
    claim('probes', `a dead app fails its ${name} probe (period 2 s) within`, since(startedAt));
  }
  expect(performance.now() - startedAt).toBeLessThan(periodMs + 1_000);
});
