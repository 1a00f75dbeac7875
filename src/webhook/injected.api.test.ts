/** Injected pods in a real API server: taken as they are, read back alike, and their probes held for life. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { originalProbeHeader } from '../model/index.js';
import { openKubernetesClient, parsePod, type KubernetesClient } from '../sources/index.js';
import { sharedApiServer } from '../sources/kubernetes/testing/api-server.js';
import { injectPod } from './inject.js';
import { mapAt, mapsOf, type JsonMap } from './json.js';
import { defaultSettings } from './settings.js';

const folder = join(import.meta.dirname, 'testdata');
const api = '/api/v1/namespaces';
const namespace = 'injected-pods';
const names = readdirSync(folder).flatMap((file) =>
  /^probe-.*\.in\.yaml$/.test(file) ? [file.slice(0, -'.in.yaml'.length)] : [],
);

let server: Awaited<ReturnType<typeof sharedApiServer>>;
let client: KubernetesClient;

beforeAll(async () => {
  server = await sharedApiServer();
  client = openKubernetesClient({ kubeconfig: server.kubeconfig });
  await client.send({ method: 'POST', path: api, body: { metadata: { name: namespace } } });
});

afterAll(async () => {
  await client.send({ method: 'DELETE', path: `${api}/${namespace}` });
  await server.release();
});

/** The pod of a golden case, injected, in our namespace and under its own name. */
function injected(name: string): JsonMap {
  const written = parse(readFileSync(join(folder, `${name}.in.yaml`), 'utf8')) as JsonMap;
  const metadata = { ...mapAt(written, 'metadata'), name, namespace };
  // Admission fills it in on a cluster, before it asks webhooks.
  const spec = { ...mapAt(written, 'spec'), serviceAccountName: 'default' };
  const made = injectPod({ ...written, metadata, spec }, defaultSettings);
  if (!made.ok) throw new Error(made.error.join('; '));
  return made.value.pod;
}

function probesOf(pod: unknown): unknown {
  const parsed = parsePod(pod);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  expect(parsed.value.warnings).toEqual([]);
  return parsed.value.pod.probes;
}

async function create(pod: JsonMap): Promise<unknown> {
  return await client.send({ method: 'POST', path: `${api}/${namespace}/pods`, body: pod });
}

test.each(names)(
  'the pod of %s is taken, and its probes are read back as they were',
  async (name) => {
    const pod = injected(name);
    expect(probesOf(await create(pod))).toEqual(probesOf(pod));
  },
);

test('nobody can change what a probe was while its pod lives', async () => {
  const name = 'lives';
  const pod = injected('probe-http');
  await create({ ...pod, metadata: { ...mapAt(pod, 'metadata'), name } });
  const path = `${api}/${namespace}/pods/${name}`;
  const found = (await client.send({ method: 'GET', path })) as JsonMap;
  const forged = JSON.stringify({ port: 1, probe: { httpGet: { path: '/admin', port: 1 } } });
  const [container] = mapsOf(mapAt(found, 'spec')['containers']);
  const httpGet = mapAt(container ?? {}, 'livenessProbe', 'httpGet');
  const livenessProbe = {
    ...mapAt(container ?? {}, 'livenessProbe'),
    httpGet: { ...httpGet, httpHeaders: [{ name: originalProbeHeader, value: forged }] },
  };
  const spec = { ...mapAt(found, 'spec'), containers: [{ ...container, livenessProbe }] };
  await expect(client.send({ method: 'PUT', path, body: { ...found, spec } })).rejects.toThrow(
    'pod updates may not change fields other than',
  );
  expect(probesOf(await client.send({ method: 'GET', path }))).toEqual(probesOf(pod));
});
