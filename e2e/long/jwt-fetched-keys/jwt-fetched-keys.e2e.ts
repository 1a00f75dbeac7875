/** Claim: sidecars fetch an issuer's keys through the mesh; keys are rotated there without a failed request, and an issuer that is away takes no key from anybody. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Agent, LoadResult, Mesh } from '../../../demo/rig/index.js';
import {
  inAnHour,
  keySet,
  makeTokenKey,
  type TokenKey,
} from '../../../src/translators/to-envoy/testing/tokens.js';
import { createAuthority } from '../../kit/authority.js';
import { claim } from '../../kit/claim.js';
import { diagnostics, untilSettled } from '../../kit/control-plane.js';
import { endpointSlice, manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually, sidecarOf } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const server = 'a/frontend';
const issuerPod = 'sso/issuer';
const url = 'http://issuer.sso.svc/dex/keys?all=1';
const sso = 'https://sso.local';
const claims = { iss: sso, aud: 'shop', sub: 'ann', exp: inAnHour() };
/** How long a change at the issuer takes to every sidecar, and no more. */
const refreshMs = 40_000;
let key: TokenKey = makeTokenKey('first');

let mesh: Mesh;
let caller: Agent;
let issuer: Agent;

beforeAll(async () => {
  mesh = await startSuiteMesh({
    suite: import.meta.url,
    pods: [server, 'b/reviews-v1', issuerPod],
  });
  caller = await mesh.agent('b/reviews-v1');
  issuer = await mesh.agent(issuerPod);
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

/** `/open` is for everybody, all else for users. */
async function configure(jwks: object, file = '60-sign-on.yaml'): Promise<void> {
  const when = [{ claim: 'sub', values: ['*'] }];
  const policy = trafficPolicy('a/sign-on', {
    targetRefs: [{ kind: 'Service', name: 'frontend' }],
    inbound: {
      jwt: { issuers: [{ issuer: sso, audiences: ['shop'], jwks }] },
      authorization: { allow: [{ name: 'open', to: [{ paths: ['/open'] }] }, { when }] },
    },
  });
  await mesh.writeManifest(file, manifest(policy));
}

/** Past the sidecars: an issuer changes its keys by itself. */
async function publish(...keys: readonly TokenKey[]): Promise<void> {
  const where = { url: 'http://127.0.0.1:8080/dex/keys', method: 'PUT' };
  const { status } = await issuer.http({ ...where, body: keySet(...keys) });
  expect(status).toBe(200);
}

const tokenOf = (signer: TokenKey, more: object = {}): Readonly<Record<string, string>> => ({
  authorization: `Bearer ${signer.sign({ ...claims, ...more })}`,
});

async function ask(
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<number | string | null | undefined> {
  const { status } = await caller.http({ url: `http://frontend.a${path}`, headers });
  return status;
}

function untilAnswered(what: string, signer: TokenKey, status: number): Promise<true> {
  const look = async (): Promise<true | undefined> =>
    (await ask('/user', tokenOf(signer))) === status ? true : undefined;
  return eventually(what, look, refreshMs);
}

async function load(signer: TokenKey): Promise<{ stop(): Promise<LoadResult> }> {
  const loader = await mesh.pod('b/reviews-v1').startAgent();
  const target = { url: 'http://frontend.a/user', headers: tokenOf(signer) };
  return await loader.startLoad({ ...target, concurrency: 2, requestsPerSecond: 50 });
}

function expectNoFailure({ errors, statuses, total }: LoadResult): number {
  expect(errors).toEqual({});
  expect(statuses).toEqual({ '200': total });
  return total;
}

/** What `skerry explain` prints of a call, from the very files that the control plane reads. */
async function explain(...more: readonly string[]): Promise<string> {
  const call = ['b/reviews-v1', 'frontend.a:80', 'GET', '/user', ...more];
  const { stdout } = await mesh.controlPlane().skerry(['explain', ...call, '-f', mesh.directory]);
  return stdout.replaceAll(/\s+/g, ' ');
}

/** How often the issuer was asked. */
async function fetches(): Promise<number> {
  return (await mesh.pod(issuerPod).appLog()).split('"event":"GET"').length - 1;
}

/** How often the sidecar of the server has failed to fetch. */
async function failures(): Promise<number> {
  const text = await sidecarOf(mesh, server).admin('/stats?filter=jwks_fetch_failed');
  return [...text.matchAll(/: (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
}

test('a key set goes from the policy to the issuer without a failed request', async () => {
  await publish(key);
  await configure({ inline: keySet(key) });
  await untilAnswered('the inline keys', key, 200);
  const running = await load(key);
  await configure({ url });
  await eventually('the first fetch', async () =>
    (await mesh.pod(issuerPod).appLog()).includes('"event":"GET"') ? true : undefined,
  );
  await untilSettled(mesh);
  const stranger = makeTokenKey('stranger');
  expect(await ask('/user', tokenOf(stranger))).toBe(401);
  claim(
    'jwt-fetched-keys',
    'requests at the switch, none failed:',
    expectNoFailure(await running.stop()),
  );
});

test('the issuer sees who asks, by mutual TLS, and is asked as the policy says', async () => {
  const lines = (await mesh.pod(issuerPod).appLog()).split('\n');
  const fetch = JSON.parse(lines.find((line) => line.includes('"event":"GET"')) ?? '') as object;
  expect(fetch).toMatchObject({ url: '/dex/keys?all=1', host: 'issuer.sso.svc' });
  expect(JSON.stringify(fetch)).toContain('spiffe://cluster.local/ns/a/sa/frontend');
});

test('tokens are good by these keys and by no others', async () => {
  expect(await ask('/open')).toBe(200);
  expect(await ask('/user')).toBe(403);
  expect(await ask('/user', tokenOf(key))).toBe(200);
  expect(await ask('/user', tokenOf(makeTokenKey('first')))).toBe(401);
  expect(await ask('/user', tokenOf(key, { aud: 'else' }))).toBe(403);
  const token = tokenOf(key, { aud: 'else' })['authorization'] ?? '';
  expect(await explain('-H', `authorization: ${token}`)).toContain(
    'refused by a/sign-on/jwt, 403: the token is for else, expected shop',
  );
  expect(await explain()).toContain(
    `a/frontend fetches the keys of ${sso} from Service sso/issuer (${url}) by mutual TLS`,
  );
});

test('keys are rotated under load and no request fails', async () => {
  const next = makeTokenKey('second', 'ES256');
  const old = await load(key);
  await publish(key, next);
  const startedAtMs = Date.now();
  const before = await fetches();
  await untilAnswered('the next key', next, 200);
  claim('jwt-fetched-keys', 'seconds to a new key:', (Date.now() - startedAtMs) / 1000);
  claim('jwt-fetched-keys', 'fetches until then:', (await fetches()) - before);
  const fresh = await load(next);
  let total = expectNoFailure(await old.stop());
  await publish(next);
  const retiredAtMs = Date.now();
  await untilAnswered('the end of the old key', key, 401);
  claim('jwt-fetched-keys', 'seconds to the end of the old:', (Date.now() - retiredAtMs) / 1000);
  total += expectNoFailure(await fresh.stop());
  claim('jwt-fetched-keys', `failed of ${String(total)} requests during a rotation:`, 0);
  key = next;
});

test('an issuer that is away takes no key from a sidecar that has it', async () => {
  await mesh.stopPod(issuerPod);
  const before = await failures();
  await eventually(
    'a fetch that fails',
    async () => ((await failures()) > before ? true : undefined),
    refreshMs,
  );
  expect(await ask('/user', tokenOf(key))).toBe(200);
});

test('a sidecar that has no keys yet refuses tokens alone, until the issuer is back', async () => {
  await sidecarOf(mesh, server).restart();
  await eventually('the new sidecar', async () =>
    (await ask('/open')) === 200 ? true : undefined,
  );
  expect(await ask('/user', tokenOf(key))).toBe(401);
  expect(await ask('/user')).toBe(403);
  await mesh.startPod(issuerPod);
  await mesh.untilReady([issuerPod]);
  issuer = await mesh.pod(issuerPod).startAgent();
  await publish(key);
  await untilAnswered('the keys again', key, 200);
});

test('explain and the diagnostics say what stands in the way', async () => {
  const deny = trafficPolicy('sso/closed', {
    targetRefs: [{ kind: 'Service', name: 'issuer' }],
    inbound: { authorization: { deny: [{ name: 'no-a', from: [{ namespace: 'a' }] }] } },
  });
  await mesh.writeManifest('61-closed.yaml', manifest(deny));
  expect(await explain()).toContain('but it is refused there by sso/closed/no-a');
  await mesh.writeManifest('61-closed.yaml', undefined);
  await configure({ url: 'http://nobody.sso/keys' });
  const found = await eventually('the finding', async () =>
    (await diagnostics(mesh.controlPlane())).find(({ code }) => code === 'NoUsableKey'),
  );
  expect(found).toMatchObject({
    object: { kind: 'TrafficPolicy', namespace: 'a', name: 'sign-on' },
    field: 'spec.inbound.jwt.issuers[0].jwks.url',
    value: 'http://nobody.sso/keys',
  });
  expect(await explain()).toContain('from Service sso/nobody, but it does not exist');
  await untilAnswered('nobody’s keys', key, 401);
  expect(await ask('/open')).toBe(200);
});

test('an issuer outside the mesh is asked over TLS, and has to prove its name', async () => {
  const outside = makeTokenKey('outside');
  const folder = (name: string): string => join(mesh.runDirectory, `authority-${name}`);
  const authority = await createAuthority(folder('good'), 'good');
  const other = await createAuthority(folder('other'), 'other');
  const env = {
    ...{ PORT: '8443', KEYS: keySet(outside) },
    TLS: JSON.stringify(await authority.sign(['login.partner.example'])),
  };
  const ip = '10.66.9.7';
  const login = { name: 'login', namespace: 'a' };
  const pod = {
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: { name: 'login', namespace: 'outside', uid: '0d1c7c64-6d0f-4d6b-8e59-6c0d3a6a7f12' },
    spec: {
      containers: [
        {
          ...{ name: 'app', image: 'skerry.dev/e2e/key-server' },
          env: Object.entries(env).map(([name, value]) => ({ name, value })),
        },
      ],
    },
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
  };
  const ports = [{ name: 'http', port: 80, targetPort: 8443 }];
  const service = { apiVersion: 'v1', kind: 'Service', metadata: login };
  const lead = async (ca: string): Promise<void> => {
    const labels = { 'skerry.dev/ca-bundle': 'true' };
    const tls = { mode: 'Simple', sni: 'login.partner.example', caBundle: { configMap: 'login' } };
    const objects = [
      { ...service, spec: { clusterIP: '10.96.7.9', clusterIPs: ['10.96.7.9'], ports } },
      endpointSlice({
        service: 'a/login',
        port: { name: 'http', port: 8443 },
        endpoints: [{ ip }],
      }),
      {
        ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...login, labels } },
        data: { 'ca.crt': ca },
      },
      trafficPolicy('a/login', {
        targetRefs: [{ kind: 'Service', name: 'login' }],
        outbound: { tls },
      }),
    ];
    await mesh.writeManifest('62-login.yaml', manifest(pod, ...objects));
  };
  await lead(other.pem);
  await mesh.startPod('outside/login');
  await mesh.untilReady(['outside/login']);
  await configure({ url: 'http://login/keys' });
  await untilAnswered('no keys of somebody else', outside, 401);
  const before = await failures();
  await eventually('a fetch that fails', async () =>
    (await failures()) > before ? true : undefined,
  );
  expect(await ask('/user', tokenOf(outside))).toBe(401);
  await lead(authority.pem);
  await untilAnswered('the keys of who is meant', outside, 200);
  expect(await explain()).toContain('from Service a/login (http://login/keys) by TLS');
});
