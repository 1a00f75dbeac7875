/** Claim: `skerry check --strict-ready` names who still calls in plaintext, and the switch to Strict fails no request of the mesh. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Agent, Mesh } from '../../../demo/rig/index.js';
import type { StrictReport } from '../../../src/cli/check/strict-ready-report.js';
import { claim } from '../../kit/claim.js';
import { untilSettled } from '../../kit/control-plane.js';
import { pageYaml } from '../../kit/docs-page.js';
import { manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const server = 'a/frontend';
const serverIp = '10.66.1.1';
const member = 'b/reviews-v1';
const stranger = 'outside/legacy';
/** Longer than the two calls of a test are apart, on a machine that does much else. */
const windowSeconds = 20;

let mesh: Mesh;
let caller: Agent;
let outsider: Agent;

beforeAll(async () => {
  mesh = await startSuiteMesh({ suite: import.meta.url, pods: [server, member, stranger] });
  caller = await mesh.agent(member);
  outsider = await mesh.agent(stranger);
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

interface Answer {
  readonly exitCode: number | null;
  readonly report: StrictReport;
}

async function check(...flags: readonly string[]): Promise<Answer> {
  const controlPlane = mesh.controlPlane();
  const asked = ['check', '--strict-ready', 'a', '--since', `${windowSeconds}s`, ...flags];
  const {
    code: exitCode,
    stdout,
    stderr,
  } = await controlPlane.skerry([
    ...asked,
    ...['--admin-socket', controlPlane.adminSocket, '-o', 'json'],
  ]);
  if (stdout === '') throw new Error(stderr);
  return { exitCode, report: JSON.parse(stdout) as StrictReport };
}

const callersOf = ({ report }: Answer): readonly string[] =>
  report.targets.flatMap(({ callers }) =>
    callers.map(({ caller: name, pod, port }) => `${name} ${pod}:${port}`),
  );

const results = ({ report }: Answer): readonly string[] =>
  report.targets.map(({ name, result }) => `${name}: ${result}`);

async function statusOf(from: Agent, host: string): Promise<unknown> {
  const { status } = await from.http({ url: `http://${host}/` });
  return status;
}

function untilResult(result: string): Promise<Answer> {
  return eventually(
    `the Service to be ${result}`,
    async () => {
      const answer = await check();
      if (results(answer).join() === `Service frontend: ${result}`) return answer;
      throw new Error(JSON.stringify(answer.report));
    },
    60_000,
  );
}

describe('skerry check --strict-ready', () => {
  test('is not ready while a pod without a sidecar calls, and names that pod alone', async () => {
    expect(await statusOf(caller, 'frontend.a')).toBe(200);
    expect(await statusOf(outsider, 'frontend.a')).toBe(200);
    const answer = await untilResult('not ready');
    expect(answer.exitCode).toBe(1);
    expect(callersOf(answer)).toEqual([`${stranger} ${server}:8080`]);
    expect(answer.report.targets[0]?.callers[0]).toMatchObject({ address: '10.66.9.1' });
  });

  test('is ready, with exit status 0, when nobody has called for as long as it looks back', async () => {
    expect(await statusOf(caller, 'frontend.a')).toBe(200);
    const answer = await untilResult('ready');
    expect(answer.exitCode).toBe(0);
    expect(answer.report.isReady).toBe(true);
  });

  test('does not overlook a connection that stays open, nor bytes that are no HTTP', async () => {
    for (let call = 0; call < 200; call += 1) {
      await outsider.http({ url: `http://${serverIp}:8080/`, group: 'held' });
    }
    // A connection that ended is not needed for it.
    expect(callersOf(await untilResult('not ready'))).toEqual([`${stranger} ${server}:8080`]);
    await untilResult('ready');
    await outsider.tcp({ host: serverIp, port: 8080, send: 'SSH-2.0-x\r\n\r\n' });
    await untilResult('not ready');
  });

  test('does not call a Service ready for as long as nobody has watched', async () => {
    await untilResult('ready');
    const { exitCode, report } = await check('--since', '24h');
    expect(exitCode).toBe(1);
    const [only] = report.targets;
    expect(['not ready', 'not known']).toContain(only?.result);
  });
});

test('Permissive and Strict, of mesh, namespace and workload, fail no request of the mesh', async () => {
  const loader = await mesh.pod(member).startAgent();
  const url = 'http://frontend.a/';
  const load = await loader.startLoad({ url, concurrency: 4, timeoutMs: 10_000 });
  await caller.tcpOpen({ connection: 'held', host: 'frontend.a', port: 80 });
  const request = 'GET / HTTP/1.1\r\nhost: frontend.a\r\n\r\n';
  const speak = async (): Promise<void> => {
    const { body } = await caller.tcpSend({ connection: 'held', send: request });
    expect(body).toContain('HTTP/1.1 200');
  };
  const strict = (key: string, target: object): string => {
    const inbound = { mtls: { mode: 'Strict' } };
    return manifest(trafficPolicy(key, { targetRefs: [target], inbound }));
  };
  const page = (await pageYaml('strict')).get('strict.yaml') ?? '';
  const policies = [
    strict('skerry-system/strict', { kind: 'Mesh' }),
    page.replace('namespace: shop', 'namespace: a'),
    strict('a/strict', { kind: 'Service', name: 'frontend' }),
    strict('a/strict', { kind: 'Pod', selector: { matchLabels: { app: 'frontend' } } }),
  ];
  for (const policy of policies) {
    await speak();
    await mesh.writeManifest('60-strict.yaml', policy);
    await eventually('the end of plaintext', async () =>
      (await statusOf(outsider, 'frontend.a')) === null ? true : undefined,
    );
    await untilSettled(mesh);
    await untilResult('Strict');
    await speak();
    await mesh.writeManifest('60-strict.yaml', undefined);
    await eventually('plaintext again', async () =>
      (await statusOf(outsider, 'frontend.a')) === 200 ? true : undefined,
    );
  }
  const { errors, statuses, total } = await load.stop();
  expect(errors).toEqual({});
  expect(statuses).toEqual({ '200': total });
  await caller.tcpClose('held');
  claim('strict-ready', `failed of ${total} requests during ${2 * policies.length} switches:`, 0);
});
