/** Claim: the examples of docs/tasks/authorization.md do what the page says, for calls, `explain`, `test`, the log and the counter. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Mesh } from '../../../demo/rig/index.js';
import { pageExpectations, pageYaml } from '../../kit/docs-page.js';
import { eventually, untilLogged } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const mine = join(import.meta.dirname, 'manifests', '10-mesh.yaml');
const db = 'http://db.db/';
let mesh: Mesh;
let page: ReadonlyMap<string, string>;

function yaml(name: string): string {
  const found = page.get(name);
  if (found === undefined) throw new Error(`docs/tasks/authorization.md has no ${name}`);
  return found;
}

beforeAll(async () => {
  page = await pageYaml('authorization');
  mesh = await startSuiteMesh({ suite: import.meta.url, base: 'own' });
  await mesh.writeManifest('50-callers.yaml', yaml('callers.yaml'));
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

/** The status of a call; null: none, the connection was refused. */
async function call(from: string, url: string): Promise<unknown> {
  return (await (await mesh.agent(`${from}/app`)).http({ url })).status;
}

/** Waits until the calls, `web http://db.db/`, have these outcomes. */
async function untilCalls(outcomes: Readonly<Record<string, unknown>>): Promise<void> {
  await eventually(
    JSON.stringify(outcomes),
    async () => {
      const found: Record<string, unknown> = {};
      for (const key of Object.keys(outcomes)) {
        const [from = '', url = ''] = key.split(' ');
        found[key] = await call(from, url);
      }
      if (JSON.stringify(found) === JSON.stringify(outcomes)) return true;
      throw new Error(JSON.stringify(found));
    },
    30_000,
  );
}

/** What the counter of the metrics port of db's sidecar says of a rule. */
async function refusedBy(rule: string): Promise<number> {
  const { body } = await mesh.prober.http({ url: 'http://10.66.3.1:15090/stats/prometheus' });
  const lines = body.split('\n').filter((line) => line.startsWith('envoy_skerry_refused{'));
  const line = lines.find((one) => one.includes(`rule="[${rule}]"`));
  return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(' ')));
}

async function explained(from: string): Promise<string> {
  const controlPlane = mesh.controlPlane();
  const asked = ['explain', `${from}/app`, 'db.db:80', 'GET', '/'];
  const { stdout } = await controlPlane.skerry([
    ...asked,
    ...['--admin-socket', controlPlane.adminSocket],
  ]);
  return stdout;
}

test('web calls api, api calls db, web does not call db, and nobody calls without a certificate', async () => {
  await untilCalls({
    'web http://api.api/': 200,
    [`api ${db}`]: 200,
    [`web ${db}`]: 403,
    [`web-dev ${db}`]: 403,
    'outside http://10.66.3.1:8080/': null,
  });
  await untilLogged(mesh, 'db/app', ['"status":403', 'db/callers/default']);
  expect(await refusedBy('db/callers/default')).toBeGreaterThan(0);
  expect(await explained('web')).toContain('db/callers/default');
});

describe('production and development', () => {
  const mistaken = { 'outside http://10.66.3.1:8080/': 200, [`web-dev ${db}`]: 200 };

  test('are open to each other where the owner of a namespace says so', async () => {
    await mesh.writeManifest('60-mistake.yaml', yaml('mistake.yaml'));
    // The older policy has the leaves that both set; without it the mistake is whole.
    await mesh.writeManifest('50-callers.yaml', undefined);
    await untilCalls(mistaken);
  });

  test('are apart when the root namespace says so, whatever the owner says', async () => {
    await mesh.writeManifest('70-isolation.yaml', yaml('isolation.yaml'));
    await untilCalls({
      'outside http://10.66.3.1:8080/': null,
      [`web-dev ${db}`]: 403,
      [`web ${db}`]: 200,
      'web-dev http://api.api/': 403,
    });
    const rule = 'skerry-system/prod-takes-prod/others';
    await untilLogged(mesh, 'db/app', ['"status":403', rule]);
    expect(await refusedBy(rule)).toBeGreaterThan(0);
    expect(await explained('web-dev')).toContain(rule);
  });

  test('a namespace is in or out by its label', async () => {
    const label = (of: string, env: string): Promise<void> =>
      mesh.writeManifest(
        '10-mesh.yaml',
        original.replace(new RegExp(`(name: ${of}, labels: \\{ env: )\\w+`), `$1${env}`),
      );
    const original = await readFile(mine, 'utf8');
    await label('web', 'dev');
    await untilCalls({ [`web ${db}`]: 403, [`api ${db}`]: 200 });
    await label('web-dev', 'prod');
    await untilCalls({ [`web ${db}`]: 200, [`web-dev ${db}`]: 200 });
    await mesh.writeManifest('10-mesh.yaml', original);
    await untilCalls({ [`web-dev ${db}`]: 403 });
  });
});

test('the page’s own tests hold, and fail where a policy is missing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-isolation-'));
  try {
    const run = async (): Promise<number | null> =>
      (await mesh.controlPlane().skerry(['test', folder])).code;
    await writeFile(join(folder, 'mesh.yaml'), await readFile(mine, 'utf8'));
    for (const name of ['callers.yaml', 'isolation.yaml']) {
      await writeFile(join(folder, name), yaml(name));
    }
    await writeFile(join(folder, 'calls.test.yaml'), await pageExpectations('authorization'));
    expect(await run()).toBe(0);
    await rm(join(folder, 'isolation.yaml'));
    expect(await run()).toBe(1);
  } finally {
    await rm(folder, { recursive: true });
  }
});
