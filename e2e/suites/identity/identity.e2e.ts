/** Claim: a sidecar is answered for its own identity only, and only certificates of the trust domain pass a Strict workload. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SignJWT } from 'jose';
import { typeUrls } from '../../../src/envoy/index.js';
import {
  controlPlaneIp,
  controlPlaneName,
  controlPlanePort,
  foreignIdentity,
  runCommand,
  waitFor,
  type Mesh,
} from '../../../demo/rig/index.js';
import type { AdsOutcome, AdsScenario } from '../../apps/ads-contract.js';
import { claim } from '../../kit/claim.js';
import { manifest, trafficPolicy } from '../../kit/manifest.js';
import { runAtRouter } from '../../kit/programs.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const own = 'a/frontend';
const ownId = 'spiffe://cluster.local/ns/a/sa/frontend';
const other = 'b/reviews-v1';
const reviewsRoutes = 'http/10.96.2.1:80';

let mesh: Mesh;
/** Attempts under a wrong identity that were seen to be refused. */
let refused = 0;
let csr: string;
let rootBundle: string;

beforeAll(async () => {
  mesh = await startSuiteMesh({
    suite: import.meta.url,
    pods: [own, other, 'b/reviews-v2', 'c/ratings', 'outside/legacy'],
  });
  csr = await certificateRequest('');
  rootBundle = await mesh.controlPlane().rootBundle();
  // Routes that are namespace c's alone.
  await mesh.writeManifest(
    '60-consumer.yaml',
    manifest(
      trafficPolicy('c/reviews', {
        targetRefs: [{ kind: 'Service', name: 'reviews', namespace: 'b' }],
        routes: [{ name: 'secret-of-c' }],
      }),
    ),
  );
});

afterAll(async () => {
  claim('identity', 'streams and calls tried under a wrong identity, all refused:', refused);
  await stopSuiteMesh(mesh);
});

/** A request by openssl for a new key; `san` in openssl's form, empty for none. */
async function certificateRequest(san: string): Promise<string> {
  const { stdout } = await runCommand([
    ...['openssl', 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-keyout', '/dev/null', '-subj', '/CN=somebody'],
    ...(san === '' ? [] : ['-addext', `subjectAltName=${san}`]),
  ]);
  return stdout;
}

interface Claims {
  readonly pod?: string;
  readonly uid?: string;
  readonly audience?: string;
  readonly issuer?: string;
  readonly expiresInSeconds?: number;
  readonly key?: 'ours' | 'foreign';
}

/** A token in the form of `skerry token`, with what is given wrong. */
async function token(claims: Claims = {}): Promise<string> {
  const { manifest: pod } = mesh.pod(claims.pod ?? own);
  const record = join(mesh.controlPlane().stateDirectory, 'ca', 'join-token-key.pem');
  const key =
    claims.key === 'foreign'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
      : createPrivateKey(await readFile(record));
  const now = Math.floor(Date.now() / 1000);
  return await new SignJWT({ pod: { name: pod.name, uid: claims.uid ?? pod.uid } })
    .setProtectedHeader({ alg: 'ES256', typ: 'JWT' })
    .setIssuer(claims.issuer ?? 'skerry')
    .setAudience(claims.audience ?? 'skerry')
    .setSubject(`${pod.namespace}/${pod.serviceAccount}`)
    .setIssuedAt(now - 600)
    .setExpirationTime(now + (claims.expiresInSeconds ?? 600))
    .sign(key);
}

/** One raw delta stream, by default of `own` and for its certificate. */
async function stream(scenario: Partial<AdsScenario>): Promise<AdsOutcome> {
  const whole: AdsScenario = {
    address: `${controlPlaneIp}:${controlPlanePort}`,
    serverName: controlPlaneName,
    rootBundle,
    nodeId: own,
    csr,
    keyFile: '/somewhere/key.pem',
    subscribe: { [typeUrls.secret]: ['default'] },
    waitMs: 1_500,
    ...scenario,
  };
  return (await runAtRouter(mesh, 'ads-client', JSON.stringify(whole))) as AdsOutcome;
}

/** The URI names of the certificate in an outcome's secret. */
async function namesIn(outcome: AdsOutcome): Promise<string> {
  const secret = outcome.resources.find(({ name }) => name === 'default')?.message as
    | { readonly tls_certificate?: { readonly certificate_chain?: { inline_string?: string } } }
    | undefined;
  const pem = secret?.tls_certificate?.certificate_chain?.inline_string ?? '';
  const { stdout } = await runCommand(
    ['openssl', 'x509', '-noout', '-ext', 'subjectAltName', '-subject'],
    pem,
  );
  return stdout;
}

describe('a stream to the control plane', () => {
  test('is let in with its own token, and given its own certificate', async () => {
    const outcome = await stream({ token: await token() });
    expect(outcome.status).toBe('open');
    expect(await namesIn(outcome)).toContain(`URI:${ownId}\n`);
  });

  const wrong: readonly (readonly [string, Claims | 'none', string, string])[] = [
    ['a node id that is not its token’s pod', {}, other, 'PERMISSION_DENIED'],
    ['another pod’s token', { pod: other }, own, 'PERMISSION_DENIED'],
    ['a token of an earlier pod of that name', { uid: 'earlier' }, own, 'PERMISSION_DENIED'],
    ['an expired token', { expiresInSeconds: -60 }, own, 'UNAUTHENTICATED'],
    ['a token for another audience', { audience: 'elsewhere' }, own, 'UNAUTHENTICATED'],
    ['a token of another issuer', { issuer: 'elsewhere' }, own, 'UNAUTHENTICATED'],
    ['a token signed by another key', { key: 'foreign' }, own, 'UNAUTHENTICATED'],
    ['no token', 'none', own, 'UNAUTHENTICATED'],
  ];

  test.each(wrong)('is refused with %s', async (_what, claims, nodeId, status) => {
    const outcome = await stream({
      nodeId,
      ...(claims === 'none' ? {} : { token: await token(claims) }),
    });
    expect(outcome).toMatchObject({ status, resources: [] });
    refused += 1;
  });

  test('is refused without a certificate request, and with one that is not', async () => {
    for (const broken of ['', 'nonsense']) {
      const outcome = await stream({ token: await token(), csr: broken });
      expect(outcome).toMatchObject({ status: 'PERMISSION_DENIED', resources: [] });
      refused += 1;
    }
  });

  test('gets its own name in the certificate, whatever name the request asks for', async () => {
    const asked = await certificateRequest('URI:spiffe://cluster.local/ns/b/sa/reviews,DNS:b');
    const names = await namesIn(await stream({ token: await token(), csr: asked }));
    expect(names).toContain(`URI:${ownId}\n`);
    expect(names).not.toContain('reviews');
    expect(names).not.toContain('somebody');
    expect(names).not.toContain('DNS:');
  });

  test('gets no secret but its own, whatever it asks for', async () => {
    const names = [
      ...['default', 'ROOTCA', 'b/reviews', 'b/reviews-v1', 'pod/b/reviews-v1/default'],
      ...['stream/1', 'stream/1/default', 'spiffe://cluster.local/ns/b/sa/reviews', '*'],
    ];
    const outcome = await stream({
      token: await token(),
      subscribe: { [typeUrls.secret]: names },
    });
    const given = outcome.resources.filter(({ message }) => message !== undefined);
    expect(given.map(({ name }) => name).toSorted()).toEqual(['ROOTCA', 'default']);
    expect(await namesIn(outcome)).toContain(`URI:${ownId}\n`);
    expect(JSON.stringify(given)).not.toMatch(/PRIVATE KEY/);
  });

  test('gets routes of its own namespace, and others get theirs', async () => {
    const subscribe = { [typeUrls.virtualHost]: [reviewsRoutes] };
    const routesFor = async (pod: string): Promise<string> =>
      JSON.stringify(
        (await stream({ token: await token({ pod }), nodeId: pod, subscribe })).resources,
      );
    const ofC = await waitFor({ what: 'the routes of c', timeoutMs: 10_000 }, async () => {
      const text = await routesFor('c/ratings');
      return text.includes('secret-of-c') ? text : undefined;
    });
    expect(ofC).not.toContain('canary');
    const ofA = await routesFor(own);
    expect(ofA).toContain('canary');
    expect(ofA).not.toContain('secret-of-c');
  });

  test('gets the listeners of its own pod, which say nothing of rules elsewhere', async () => {
    const subscribe = { [typeUrls.listener]: [], [typeUrls.route]: ['inbound', 'http'] };
    const text = async (pod: string): Promise<string> =>
      JSON.stringify(
        (await stream({ token: await token({ pod }), nodeId: pod, subscribe })).resources,
      );
    // By words, since a listener in a message of failure fills pages.
    const words = async (pod: string): Promise<readonly string[]> => {
      const found = await text(pod);
      return ['"inbound"', 'c/ratings-paths/no-admin'].filter((word) => found.includes(word));
    };
    expect(await words('c/ratings')).toEqual(['"inbound"', 'c/ratings-paths/no-admin']);
    expect(await words(own)).toEqual(['"inbound"']);
  });
});

describe('a call into a Strict workload', () => {
  const request = 'GET / HTTP/1.1\r\nhost: ratings.c\r\n\r\n';
  const certificateAlert = /alert.*(unknown_?\s?ca|certificate)/i;

  test('fails in plaintext, by the Service and by the pod', async () => {
    const legacy = await mesh.agent('outside/legacy');
    for (const url of ['http://ratings.c:8080/', 'http://10.66.3.1:9080/']) {
      expect(await legacy.http({ url })).toMatchObject({ status: null, body: '' });
      refused += 1;
    }
  });

  test.each([
    ['of another trust domain', 'spiffe://elsewhere.example/ns/b/sa/reviews', 'foreign'],
    ['of another authority under our names', 'spiffe://cluster.local/ns/b/sa/reviews', 'foreign'],
    [
      'of another trust domain that our own intermediate signed',
      'spiffe://elsewhere.example/ns/b/sa/reviews',
      'own',
    ],
  ])('fails with a certificate %s, over HTTP and TCP', async (what, spiffe, issuer) => {
    const folder = join(mesh.runDirectory, what.replaceAll(' ', '-'));
    const { stateDirectory } = mesh.controlPlane();
    const file = join(stateDirectory, 'ca', 'active', 'workload-issuer.pem');
    const credentials = await foreignIdentity(folder, spiffe, issuer === 'own' ? file : undefined);
    const legacy = await mesh.agent('outside/legacy');
    for (const alpn of ['skerry-http', 'skerry-tcp']) {
      const result = await legacy.tls({
        host: '10.66.3.1',
        port: 9080,
        alpn: [alpn],
        send: request,
        ...credentials,
      });
      expect(result.body).toBe('');
      expect(result.error).toMatch(certificateAlert);
      refused += 1;
    }
  });

  test('of a certificate that the control plane issued passes, so it is the certificate that counts', async () => {
    const sidecar = mesh.pod(other).sidecar;
    if (sidecar === undefined) throw new Error('no sidecar');
    const key = await readFile(join(sidecar.directory, 'key', 'key.pem'), 'utf8');
    const pem = await certificateOf(other);
    const legacy = await mesh.agent('outside/legacy');
    const result = await legacy.tls({
      host: '10.66.3.1',
      port: 9080,
      alpn: ['skerry-http'],
      send: request,
      cert: pem,
      key,
    });
    expect(result.body).toContain('HTTP/1.1 200');
  });
});

/** The chain that the sidecar of a pod was given, asked for by its own token and its own request. */
async function certificateOf(pod: string): Promise<string> {
  const sidecar = mesh.pod(pod).sidecar;
  if (sidecar === undefined) throw new Error('no sidecar');
  const ownRequest = await readFile(join(sidecar.directory, 'csr.pem'), 'utf8');
  const outcome = await stream({
    token: await token({ pod }),
    nodeId: pod,
    csr: ownRequest,
  });
  const secret = outcome.resources[0]?.message as {
    readonly tls_certificate: { readonly certificate_chain: { readonly inline_string: string } };
  };
  return secret.tls_certificate.certificate_chain.inline_string;
}
