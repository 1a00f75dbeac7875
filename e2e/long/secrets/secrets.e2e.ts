/** Claim: no private key, token or passphrase is in anything that the control plane, the CLI or a sidecar writes or answers. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CaView } from '../../../src/admin/index.js';
import { typeUrls } from '../../../src/envoy/index.js';
import {
  controlPlaneIp,
  controlPlaneName,
  controlPlanePort,
  type CallResult,
  type CliResult,
  type Mesh,
} from '../../../demo/rig/index.js';
import { makeTokenKey, inAnHour } from '../../../src/translators/to-envoy/testing/tokens.js';
import type { AdsOutcome, AdsScenario } from '../../apps/ads-contract.js';
import { createAuthority } from '../../kit/authority.js';
import { claim } from '../../kit/claim.js';
import { askAdmin, untilSettled } from '../../kit/control-plane.js';
import { endpointSlice, httpServerPod, manifest } from '../../kit/manifest.js';
import { runAtRouter } from '../../kit/programs.js';
import { certificateSerial, eventually, sidecarOf } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';
import {
  filesBelow,
  findIn,
  keysIn,
  readLoosely,
  tokenIn,
  type Haystack,
  type Needle,
} from './needles.js';

const caller = 'mesh/caller';
const server = 'mesh/web';
const everybody = [caller, server];
const secretFile = 'mesh/41-secret.yaml';
const passphrase = randomBytes(18).toString('base64url');
const callersToken = makeTokenKey('sso').sign({ sub: 'ann', exp: inAnHour() });
const timeoutMs = 300_000;

let mesh: Mesh;
/** Where the test keeps its own secrets. */
let elsewhere: string;
const needles: Needle[] = [];
const answers: Haystack[] = [];

function pod(key: string): object {
  const ip = `10.66.1.${String(everybody.indexOf(key) + 1)}`;
  return httpServerPod(key, { ip, app: key.split('/')[1] ?? '' });
}

beforeAll(async () => {
  elsewhere = await mkdtemp(join(tmpdir(), 'skerry-secrets-'));
  mesh = await startSuiteMesh({
    ...{ suite: import.meta.url, base: 'own', accessLog: 'All', envoyLogLevel: 'debug' },
    controllerArgs: ['--svid-ttl', '60', '--max-stream-age', '15', '--log-level', 'info'],
  });
  const endpoints = endpointSlice({
    service: server,
    port: { name: 'http', port: 8080 },
    endpoints: [{ ip: '10.66.1.2' }],
  });
  await mesh.writeManifest('10-pods.yaml', manifest(...everybody.map(pod), endpoints));
  await offerCredential();
  for (const key of everybody) await mesh.startPod(key);
  await mesh.untilReady(everybody, 120_000);
  await untilSettled(mesh, 60_000);
}, timeoutMs);

afterAll(async () => {
  await stopSuiteMesh(mesh);
  await rm(elsewhere, { recursive: true });
});

/** A certificate and its key in a Secret, for calls that leave the mesh. */
async function offerCredential(): Promise<void> {
  const authority = await createAuthority(join(elsewhere, 'authority'), 'banks');
  const pair = await authority.sign(['customer.example']);
  needles.push(...keysIn('the key of the Secret', pair.key));
  const encoded = Buffer.from(pair.key).toString('base64');
  // The Secret has it encoded once more.
  needles.push({ of: 'the Secret', text: encoded.slice(40, 120) });
  const metadata = (name: string, label: string): object => ({
    ...{ name, namespace: 'mesh', labels: { [label]: 'true' } },
  });
  const secret = {
    ...{ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls' },
    metadata: metadata('customer-tls', 'skerry.dev/credential'),
    data: { 'tls.crt': Buffer.from(pair.cert).toString('base64'), 'tls.key': encoded },
  };
  const bundle = {
    ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata('banks', 'skerry.dev/ca-bundle') },
    data: { 'ca.crt': authority.pem },
  };
  await mesh.writeManifest('40-bundle.yaml', manifest(bundle));
  await mesh.writeManifest('41-secret.yaml', manifest(secret));
}

/** Files that are there to hold a secret. */
function isHome(path: string): boolean {
  return (
    path.startsWith('state/ca/') ||
    path.endsWith('/token/token') ||
    path.endsWith('/key.pem') ||
    path === secretFile
  );
}

/** Learns what must not be seen, from where it is kept. */
async function learn(): Promise<void> {
  const before = needles.length;
  for (const path of await filesBelow(mesh.runDirectory, ['image'])) {
    if (!isHome(path)) continue;
    const text = await readLoosely(join(mesh.runDirectory, path));
    if (path.endsWith('/token/token')) needles.push(...tokenIn(path, text));
    else needles.push(...keysIn(path, text));
  }
  expect(needles.length).toBeGreaterThan(before);
}

async function tokenOf(key: string): Promise<string> {
  return (await readFile(join(mesh.pod(key).directory, 'token', 'token'), 'utf8')).trim();
}

/** How much the sidecars log from now on. */
async function setEnvoyLevel(level: 'warning' | 'trace'): Promise<void> {
  for (const key of everybody) {
    const socketPath = join(sidecarOf(mesh, key).directory, 'run', 'admin.sock');
    const status = await new Promise((resolve, reject) => {
      const asked = request(
        { socketPath, method: 'POST', path: `/logging?level=${level}` },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      );
      asked.on('error', reject);
      asked.end();
    });
    expect(status).toBe(200);
  }
}

/** One stream that is to be refused; what it was told is kept. */
async function refused(name: string, change: Partial<AdsScenario>): Promise<void> {
  const scenario: AdsScenario = {
    address: `${controlPlaneIp}:${String(controlPlanePort)}`,
    serverName: controlPlaneName,
    rootBundle: await mesh.controlPlane().rootBundle(),
    token: await tokenOf(caller),
    nodeId: caller,
    csr: 'no request',
    keyFile: '/somewhere/key.pem',
    subscribe: { [typeUrls.secret]: ['default'] },
    waitMs: 5_000,
    ...change,
  };
  const outcome = (await runAtRouter(mesh, 'ads-client', JSON.stringify(scenario))) as AdsOutcome;
  expect([name, outcome.status]).not.toEqual([name, 'open']);
  answers.push({ name: `a refusal (${name})`, text: JSON.stringify(outcome) });
}

async function cli(args: readonly string[]): Promise<CliResult> {
  const result = await mesh.controlPlane().skerry(args);
  answers.push({ name: `skerry ${args.join(' ')}`, text: result.stdout + result.stderr });
  return result;
}

async function phase(): Promise<CaView['rotation']['phase']> {
  return ((await askAdmin(mesh.controlPlane(), '/v1/ca')) as CaView).rotation.phase;
}

test(
  'a mesh lives: calls, refused tokens, requests with a key in them, a new root, a backup',
  async () => {
    await learn();
    needles.push(...tokenIn('the token of an app', callersToken));
    needles.push({ of: 'the passphrase of the backup', text: passphrase });
    const agent = await mesh.agent(caller);
    const headers = { authorization: `Bearer ${callersToken}` };
    const call = async (host: string): Promise<CallResult['status']> =>
      (await agent.http({ url: `http://${host}.mesh/`, headers })).status;
    // With more Envoy itself prints the headers of calls, and with them what apps show each other.
    await setEnvoyLevel('warning');
    expect(await call('web')).toBe(200);
    expect(await call('web')).toBe(200);
    // Nobody is there; the certificate for it is asked for.
    expect(await call('bank')).toBe(503);
    await setEnvoyLevel('trace');
    const token = await tokenOf(caller);
    const other = await tokenOf(server);
    await refused('a changed token', { token: `${token.slice(0, -4)}AAAA` });
    await refused('half a token', { token: token.slice(0, -10) });
    await refused('the token of another', { token: other });
    await refused('no request', {});
    const key = await readFile(join(elsewhere, 'authority', 'leaf-1.key'), 'utf8');
    await refused('a key instead of a request', { csr: key });
    const serial = await certificateSerial(mesh, caller);
    const { adminSocket, stateDirectory } = mesh.controlPlane();
    expect(await cli(['ca', 'rotate', '--admin-socket', adminSocket])).toMatchObject({ code: 0 });
    await eventually(
      'the next root',
      async () => ((await phase()) === 'draining' ? true : undefined),
      180_000,
    );
    await eventually(
      'a certificate of it',
      async () => ((await certificateSerial(mesh, caller)) === serial ? undefined : true),
      120_000,
    );
    await learn();
    await writeFile(join(elsewhere, 'passphrase'), passphrase, { mode: 0o600 });
    const backup = join(elsewhere, 'backup');
    const state = ['--state-dir', stateDirectory];
    const closed = ['--passphrase-file', join(elsewhere, 'passphrase'), '--output', backup];
    expect(await cli(['ca', 'backup', ...state, ...closed])).toMatchObject({ code: 0 });
    answers.push({ name: 'the backup', text: await readLoosely(backup) });
    const wrong = ['--passphrase-file', join(elsewhere, 'authority', 'leaf-1.key')];
    expect((await cli(['ca', 'restore', backup, ...state, ...wrong])).code).not.toBe(0);
  },
  timeoutMs,
);

/** Everything that can be asked. */
async function askAll(): Promise<void> {
  const { adminSocket, stateDirectory } = mesh.controlPlane();
  const paths = ['/v1/state', '/v1/ca', '/v1/proxies', '/v1/diagnostics', '/v1/would-deny'];
  for (const key of everybody) paths.push(`/v1/config/${key}`);
  paths.push(`/v1/explain?from=${caller}&to=web.mesh`, '/v1/config/no/body');
  for (const path of paths) {
    answers.push({ name: path, text: JSON.stringify(await askAdmin(mesh.controlPlane(), path)) });
  }
  const socket = ['--admin-socket', adminSocket];
  await cli(['proxies', '-o', 'json', ...socket]);
  await cli(['config', caller, ...socket]);
  await cli(['explain', caller, 'web.mesh', ...socket]);
  await cli(['check', ...socket]);
  await cli(['ca', 'status', ...socket]);
  await cli(['ca', 'audit', '--state-dir', stateDirectory]);
  await cli(['validate', '-f', mesh.directory]);
  for (const key of everybody) {
    const sidecar = sidecarOf(mesh, key);
    for (const path of [
      ...['/config_dump?include_eds', '/config_dump?resource=dynamic_active_secrets', '/certs'],
      ...['/clusters', '/listeners', '/server_info', '/stats', '/init_dump', '/runtime'],
    ]) {
      answers.push({ name: `${key}${path}`, text: await sidecar.admin(path) });
    }
  }
  for (const process of [mesh.controlPlane().process(), sidecarOf(mesh, caller).process()]) {
    for (const file of ['cmdline', 'environ']) {
      const text = await readLoosely(`/proc/${String(process.pid)}/${file}`);
      answers.push({ name: `${process.name}: ${file}`, text });
    }
  }
}

async function written(): Promise<readonly Haystack[]> {
  const paths = (await filesBelow(mesh.runDirectory, ['image'])).filter((path) => !isHome(path));
  return await Promise.all(
    paths.map(async (name) => ({ name, text: await readLoosely(join(mesh.runDirectory, name)) })),
  );
}

test(
  'nothing of a secret is in what was written and answered, and the same search finds one that is put there',
  async () => {
    await askAll();
    const files = await written();
    const all = [...files, ...answers];
    expect(findIn(all, needles)).toEqual([]);

    // What is searched is what was written: it has the words of what happened.
    const textOf = (name: string): string => all.find((one) => one.name === name)?.text ?? '';
    expect(textOf('control-plane.log')).toContain('a stream was refused');
    expect(textOf('control-plane.log')).toContain('the certificate authority has acted');
    expect(files.some(({ name, text }) => name.startsWith('state/audit/') && text !== '')).toBe(
      true,
    );
    expect(textOf(`/v1/config/${caller}`)).toContain('credential/mesh/customer-tls');
    expect(textOf(`${caller}/config_dump?include_eds`)).toContain('customer-tls');
    expect(await sidecarOf(mesh, server).log()).toContain('/ns/mesh/sa/caller');
    expect(await sidecarOf(mesh, caller).log()).toContain('[trace]');

    // And each needle is found where its secret lies.
    const planted = needles.map(({ of, text }) => ({ name: `planted: ${of}`, text: `x=${text};` }));
    expect(new Set(findIn(planted, needles).map((line) => line.split(': ')[1]))).toEqual(
      new Set(needles.map(({ of }) => of)),
    );
    const log = { name: 'a log', text: `{"token":"${await tokenOf(caller)}"}` };
    expect(findIn([log], needles)).toContain('a log: a JWT');
    claim(
      'secrets',
      `of ${String(needles.length)} secret texts, found in ${String(all.length)} files and answers:`,
      0,
    );
  },
  timeoutMs,
);
