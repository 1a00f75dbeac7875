/** Claim: docs/tasks/single-sign-on.md does what it says, with a real OpenID provider: tokens by two flows, claims in rules and headers, keys replaced under load without a failed request. */
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { findCheckout, type Agent, type LoadResult, type Mesh } from '../../../demo/rig/index.js';
import { claim } from '../../kit/claim.js';
import { pageYaml } from '../../kit/docs-page.js';
import { manifest } from '../../kit/manifest.js';
import { runInPod } from '../../kit/programs.js';
import { eventually, untilLogged } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const front = 'web/front';
const orders = 'shop/orders';
const idp = 'sso/idp';
const issuer = 'http://idp.sso.svc';
type Jwk = Readonly<Record<string, unknown>>;

let mesh: Mesh;
let caller: Agent;
const first = newKey('first');

beforeAll(async () => {
  const { root } = findCheckout();
  await promisify(execFile)(process.execPath, [join(root, 'scripts', 'oidc-provider.mjs')]);
  mesh = await startSuiteMesh({ suite: import.meta.url, base: 'own' });
  caller = await mesh.agent(front);
  await startProvider(first);
  const page = await pageYaml('single-sign-on');
  for (const file of ['sign-on.yaml', 'provider.yaml']) {
    await mesh.writeManifest(file, page.get(file));
  }
  await eventually('the policy', async () => ((await ask({})) === 403 ? true : undefined));
}, 120_000);

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

function newKey(kid: string): Jwk {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' };
}

/** Starts the provider's pod, or a new one in its place; the first key signs. */
async function startProvider(...keys: readonly Jwk[]): Promise<void> {
  const clients = [
    { client_id: 'batch', grant_types: ['client_credentials'], redirect_uris: [] },
    { client_id: 'web', redirect_uris: ['http://front.web/callback'] },
  ].map((client) => ({
    response_types: client.client_id === 'web' ? ['code'] : [],
    ...client,
    client_secret: 'secret',
  }));
  const groups = { ann: ['staff'], batch: ['readers'] };
  const env = { PORT: '8080', ISSUER: issuer, CLIENTS: clients, GROUPS: groups, JWKS: { keys } };
  const ip = '10.66.3.1';
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...{ name: 'idp', namespace: 'sso', uid: '9c1d3a58-3a5c-4d43-9a55-2f1f3a0c1a03' },
      ...{ labels: { app: 'idp' }, annotations: { 'skerry.dev/sidecar': 'true' } },
    },
    spec: {
      serviceAccountName: 'idp',
      containers: [
        {
          ...{ name: 'app', image: 'registry.local/oidc-provider' },
          env: Object.entries(env).map(([name, value]) => ({
            name,
            value: typeof value === 'string' ? value : JSON.stringify(value),
          })),
          ports: [{ name: 'http', containerPort: 8080 }],
        },
      ],
    },
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
  };
  const isRunning = mesh.pods().some(({ key }) => key === idp);
  if (isRunning) await mesh.stopPod(idp);
  await mesh.writeManifest('11-idp.yaml', manifest(pod));
  await mesh.startPod(idp);
  await mesh.untilReady([idp]);
  // What it logged in its former life says that it listens, too.
  const url = `${issuer}/.well-known/openid-configuration`;
  const look = async (): Promise<true> => {
    const { status, body, error } = await caller.http({ url });
    if (status !== 200) throw new Error(`${String(status)} ${error ?? body}`);
    return true;
  };
  await eventually('the provider', look, 30_000);
}

interface Answer {
  readonly access_token: string;
  readonly jwks_uri: string;
}

/** A token, as an app in the pod gets it from the provider. */
async function signIn(flow: 'code' | 'job', resource = 'urn:shop'): Promise<Answer> {
  const client = flow === 'code' ? 'web' : 'batch';
  const args = [flow, issuer, client, 'secret', resource, ...(flow === 'code' ? ['ann'] : [])];
  const answer = (await runInPod(mesh, front, 'oidc-client', args)) as Answer;
  expect(answer.access_token.split('.')).toHaveLength(3);
  return answer;
}

const bearer = (token: string): Readonly<Record<string, string>> => ({
  authorization: `Bearer ${token}`,
});

async function ask(call: {
  readonly token?: string;
  readonly method?: string;
  readonly path?: string;
}): Promise<unknown> {
  const { token, method = 'GET', path = '/' } = call;
  const headers = token === undefined ? {} : bearer(token);
  const { status } = await caller.http({ url: `http://orders.shop${path}`, method, headers });
  return status;
}

async function explain(token: string, method = 'GET'): Promise<string> {
  const call = [front, 'orders.shop:80', method, '/', '-H', `authorization: Bearer ${token}`];
  const { stdout } = await mesh.controlPlane().skerry(['explain', ...call, '-f', mesh.directory]);
  return stdout.replaceAll(/\s+/g, ' ');
}

describe('the page', () => {
  test('says where the keys are, as discovery does', async () => {
    const { jwks_uri: uri } = await signIn('job');
    const page = await pageYaml('single-sign-on');
    expect(uri).toBe(`${issuer}/jwks`);
    expect(page.get('sign-on.yaml')).toContain(`jwks: { url: ${uri} }`);
  });

  test('lets nobody in without a token', async () => {
    expect(await ask({})).toBe(403);
    expect(await ask({ path: '/healthz' })).toBe(200);
  });

  test('lets a job read, and no more', async () => {
    const { access_token: token } = await signIn('job');
    expect(await ask({ token })).toBe(200);
    expect(await ask({ token, method: 'POST' })).toBe(403);
    expect(await explain(token)).toContain('admitted by shop/sign-on/read');
    const refused = await explain(token, 'POST');
    expect(refused).toContain('refused by shop/sign-on/allow');
    expect(refused).toContain(`${orders} fetches the keys of ${issuer} from Service ${idp}`);
  });

  test('lets a person change, whom the app knows by a header', async () => {
    const { access_token: token } = await signIn('code');
    expect(await ask({ token, method: 'POST' })).toBe(200);
    const headers = { ...bearer(token), 'x-user': 'root' };
    const { body } = await caller.http({ url: 'http://orders.shop/', headers });
    expect(body).toContain('"x-user":"ann"');
    expect(body).not.toContain(token);
  });

  test('refuses a token for somebody else, and says so', async () => {
    const { access_token: token } = await signIn('job', 'urn:books');
    for (const path of ['/', '/healthz']) expect(await ask({ token, path })).toBe(403);
    expect(await explain(token)).toContain(
      'refused by shop/sign-on/jwt, 403: the token is for books, expected shop',
    );
    await untilLogged(mesh, orders, ['"status":403', '"jwt":"shop/sign-on/jwt"']);
  });

  test('refuses a token that was changed', async () => {
    const { access_token: token } = await signIn('job');
    const changed = `${token.slice(0, -6)}AAAAAA`;
    for (const path of ['/', '/healthz']) expect(await ask({ token: changed, path })).toBe(401);
  });

  test('lets the provider be called by those alone whom it names', async () => {
    const log = await mesh.pod(idp).appLog();
    const readers = log.split('\n').filter((line) => line.includes('"/jwks"'));
    expect(readers.length).toBeGreaterThan(0);
    for (const line of readers) expect(line).toContain('spiffe://cluster.local/ns/shop/sa/orders');
    const { status } = await mesh.prober.tcp({
      ...{ host: '10.66.3.1', port: 8080, send: 'GET /jwks HTTP/1.1\r\nhost: a\r\n\r\n' },
      expectBytes: 1,
    });
    expect(status).toBe('closed');
  });
});

test('keys are changed as the page says, and no call fails', async () => {
  const second = newKey('second');
  const { access_token: old } = await signIn('job');
  const load = async (token: string): Promise<{ stop(): Promise<LoadResult> }> => {
    const loader = await mesh.pod(front).startAgent();
    const target = { url: 'http://orders.shop/', headers: bearer(token) };
    return await loader.startLoad({ ...target, concurrency: 2, requestsPerSecond: 50 });
  };
  const running = [await load(old)];
  const fetches = async (): Promise<number> =>
    (await mesh.pod(idp).appLog()).split('"/jwks"').length - 1;
  await startProvider(first, second);
  const before = await fetches();
  // Each of the four filter chains of orders fetches for itself, and once more in a minute.
  await eventually(
    'the new key everywhere',
    async () => ((await fetches()) >= before + 4 ? true : undefined),
    60_000,
  );
  await startProvider(second, first);
  const { access_token: fresh } = await signIn('job');
  expect(fresh.split('.')[0]).not.toBe(old.split('.')[0]);
  running.push(await load(fresh));
  await eventually('calls with both', async () =>
    (await ask({ token: old })) === 200 && (await ask({ token: fresh })) === 200 ? true : undefined,
  );
  let total = 0;
  for (const each of running) {
    const result = await each.stop();
    expect(result.errors).toEqual({});
    expect(result.statuses).toEqual({ '200': result.total });
    total += result.total;
  }
  claim('single-sign-on', `failed of ${total} calls while keys were changed:`, 0);
  await startProvider(second);
  await eventually(
    'the end of the old key',
    async () => ((await ask({ token: old })) === 401 ? true : undefined),
    60_000,
  );
  expect(await ask({ token: fresh })).toBe(200);
});
