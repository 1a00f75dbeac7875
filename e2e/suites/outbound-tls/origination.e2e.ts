/** Claim: `outbound.tls` `Simple` and `Mutual` speak TLS to servers outside the mesh, to those alone that prove their name, and show a certificate that nobody else gets. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { CallResult, Mesh } from '../../../demo/rig/index.js';
import { askForSecrets } from '../../kit/ads-stream.js';
import { createAuthority, type Authority, type SignedPair } from '../../kit/authority.js';
import { claim } from '../../kit/claim.js';
import { manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually, sidecarOf } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const client = 'web/client';
const server = 'outside/secure';
const shown = 'credential/web/client-tls';
const names = ['secure.example', 'api.outside', 'secure.shop.svc'];

let mesh: Mesh;
/** Who signs servers, who pretends to, and who signs clients. */
let authority: Authority;
let forger: Authority;
let clients: Authority;
let pair: SignedPair;

beforeAll(async () => {
  const started = ['web/client', 'web/neighbour', 'other/client', 'shop/meshed'];
  mesh = await startSuiteMesh({ suite: import.meta.url, base: 'own', pods: started });
  const create = (name: string): Promise<Authority> =>
    createAuthority(join(mesh.runDirectory, `authority-${name}`), name);
  authority = await create('servers');
  forger = await create('forged');
  clients = await create('clients');
  pair = await clients.sign(['client.example']);
  const good = await authority.sign(names);
  await startServer([
    { port: 8443, ...good },
    { port: 8444, ...(await forger.sign(names)) },
    { port: 8445, ...(await authority.sign(['other.example'])) },
    { port: 8446, ...good, clientCa: clients.pem },
  ]);
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

beforeEach(async () => {
  await mesh.writeManifest('50-policy.yaml', undefined);
  await mesh.writeManifest('41-secret.yaml', undefined);
  await mesh.writeManifest('40-authorities.yaml', manifest(bundle('shop/authorities')));
  // Nothing of the test before is in force any more: TLS servers do not answer plaintext.
  await eventually('plaintext', async () => {
    const results = [
      await call('secure'),
      await call('mutual'),
      await call('mutual', 'web/neighbour'),
    ];
    return results.every(({ status }) => status !== 200) ? true : undefined;
  });
});

async function startServer(servers: readonly object[]): Promise<void> {
  const env = [
    { name: 'SERVERS', value: JSON.stringify(servers) },
    { name: 'PORT', value: '8447' },
  ];
  const containers = [
    { name: 'tls', image: 'skerry.dev/e2e/tls-server', env },
    { name: 'plain', image: 'skerry.dev/demo/http-server', env: [env[1]] },
  ];
  const ip = '10.66.3.1';
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'secure', namespace: 'outside', uid: 'e8d6d4f6-0000-4000-8000-000000000031' },
    spec: { serviceAccountName: 'secure', containers },
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
  };
  await mesh.writeManifest('11-server.yaml', manifest(pod));
  await mesh.startPod(server);
  await mesh.untilReady([server]);
}

function bundle(key: string, pem = authority.pem, label = 'skerry.dev/ca-bundle'): object {
  const [namespace, name] = key.split('/');
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, labels: { [label]: 'true' } },
    data: { 'ca.crt': pem },
  };
}

function secret(key: string, { cert, key: privateKey }: SignedPair, label = 'true'): object {
  const [namespace, name] = key.split('/');
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: { name, namespace, labels: { 'skerry.dev/credential': label } },
    data: { 'tls.crt': encode(cert), 'tls.key': encode(privateKey) },
  };
}

async function call(service: string, from = client): Promise<CallResult> {
  const port = service === 'secure-tcp' ? ':8081' : '';
  return await (await mesh.agent(from)).http({ url: `http://${service}.shop${port}/` });
}

/** What the server says that it saw of TLS. */
interface Seen {
  readonly servername: string;
  readonly protocol: string;
  readonly alpn: string | false;
  readonly peer: string | null;
  readonly serial: string | null;
}

async function untilSeen(service: string, from = client): Promise<Seen> {
  return await eventually(`${service} over TLS`, async () => {
    const { status, body } = await call(service, from);
    return status === 200 && body.includes('servername') ? (JSON.parse(body) as Seen) : undefined;
  });
}

async function untilRefused(service: string, from = client): Promise<CallResult> {
  return await eventually(`a refusal by ${service}`, async () => {
    const result = await call(service, from);
    return result.status === 503 ? result : undefined;
  });
}

const onService = (name: string): object => ({ kind: 'Service', name });
const simple = { mode: 'Simple', sni: 'secure.example', caBundle: { configMap: 'authorities' } };

async function applyTo(name: string, tls: object, ...others: readonly object[]): Promise<void> {
  const policy = trafficPolicy('shop/tls', { targetRefs: [onService(name)], outbound: { tls } });
  await mesh.writeManifest('50-policy.yaml', manifest(policy, ...others));
}

/** Everything that is wrong, as `skerry` says. */
async function findings(): Promise<string> {
  const { stdout, stderr } = await mesh.controlPlane().skerry(['validate', '-f', mesh.directory]);
  return stdout + stderr;
}

describe('Simple', () => {
  test('speaks TLS to a server that proves its name, where the app speaks plain HTTP', async () => {
    // Without the policy the server gets bytes that are no TLS.
    expect((await call('secure')).status).not.toBe(200);
    await applyTo('secure', simple);
    const seen = await untilSeen('secure');
    expect(seen).toMatchObject({ servername: 'secure.example', alpn: 'http/1.1', peer: null });
    expect(seen.protocol).toBe('TLSv1.3');
  });

  test('asks for the Service’s name where no policy names another', async () => {
    await applyTo('secure', { ...simple, sni: undefined });
    expect((await untilSeen('secure')).servername).toBe('secure.shop.svc');
  });

  test('speaks it for a port that carries TCP too', async () => {
    await applyTo('secure-tcp', simple);
    expect((await untilSeen('secure-tcp')).servername).toBe('secure.example');
  });

  test('asks an ExternalName for its own host', async () => {
    const tls = { mode: 'Simple', caBundle: { configMap: 'authorities' } };
    const routes = [{ backends: [{ service: 'far', port: 8443 }] }];
    await applyTo(
      'far',
      tls,
      trafficPolicy('shop/hosted', { targetRefs: [onService('hosted')], routes }),
    );
    expect((await untilSeen('hosted')).servername).toBe('api.outside');
  });

  test.each([
    ['of another authority', 'forged', 'CERTIFICATE_VERIFY_FAILED'],
    ['for another name', 'misnamed', 'CERTIFICATE_VERIFY_FAILED'],
    ['of none, but plaintext', 'unencrypted', 'WRONG_VERSION_NUMBER'],
  ])('refuses a server with a certificate %s, and the log says why', async (_what, name, why) => {
    const from = (await sidecarOf(mesh, client).log()).length;
    await applyTo(name, simple);
    // Calls from before the policy fail too, in another way.
    await eventually(`a refusal for ${why}`, async () => {
      const { status } = await call(name);
      const lines = (await sidecarOf(mesh, client).log()).slice(from).split('\n');
      const isSaid = lines.some((line) => ['UF', why, '503'].every((text) => line.includes(text)));
      return status === 503 && isSaid ? true : undefined;
    });
  });

  test('goes on with mesh TLS to endpoints in the mesh', async () => {
    await applyTo('meshed', simple);
    await eventually('the policy', async () => {
      const dump = await sidecarOf(mesh, client).admin(
        '/config_dump?resource=dynamic_active_clusters',
      );
      await call('meshed');
      return dump.includes('secure.example') ? true : undefined;
    });
    const { status, peerSpiffeId } = await call('meshed');
    expect([status, peerSpiffeId]).toEqual([200, 'spiffe://cluster.local/ns/web/sa/client']);
  });

  test('without its ConfigMap no connection is made, and the finding names it', async () => {
    await applyTo('secure', simple);
    await untilSeen('secure');
    await mesh.writeManifest(
      '40-authorities.yaml',
      manifest(bundle('shop/authorities', authority.pem, 'other')),
    );
    await untilRefused('secure');
    expect(await findings()).toContain(
      'there is no ConfigMap shop/authorities with the label skerry.dev/ca-bundle: "true"',
    );
    // Back again with the label.
    await mesh.writeManifest('40-authorities.yaml', manifest(bundle('shop/authorities')));
    await untilSeen('secure');
  });
});

describe('Mutual', () => {
  const mutual = { ...simple, mode: 'Mutual' };
  const own = trafficPolicy('web/own', {
    targetRefs: [{ kind: 'Pod', selector: { matchLabels: { app: 'client' } } }],
    outbound: {
      tls: { credential: { secret: 'client-tls' } },
      connections: { maxRequestsPerConnection: 5 },
    },
  });

  test('shows the Secret’s certificate, and only the pods that the policy selects do', async () => {
    await mesh.writeManifest('41-secret.yaml', manifest(secret('web/client-tls', pair)));
    await applyTo('mutual', mutual, own);
    expect(await untilSeen('mutual')).toMatchObject({ peer: 'client.example' });
    for (const other of ['web/neighbour', 'other/client']) {
      expect((await call('mutual', other)).status).not.toBe(200);
    }
  });

  test('a consumer’s policy shows it for its own namespace', async () => {
    await mesh.writeManifest('41-secret.yaml', manifest(secret('web/client-tls', pair)));
    const targetRefs = [{ ...onService('mutual'), namespace: 'shop' }];
    const tls = { ...mutual, credential: { secret: 'client-tls' } };
    await mesh.writeManifest('40-authorities.yaml', manifest(bundle('web/authorities')));
    await mesh.writeManifest(
      '50-policy.yaml',
      manifest(trafficPolicy('web/consumer', { targetRefs, outbound: { tls } })),
    );
    expect(await untilSeen('mutual')).toMatchObject({ peer: 'client.example' });
    expect(await untilSeen('mutual', 'web/neighbour')).toMatchObject({ peer: 'client.example' });
    expect((await call('mutual', 'other/client')).status).not.toBe(200);
  });

  test('nobody else gets the key, whatever it asks for', async () => {
    await mesh.writeManifest('41-secret.yaml', manifest(secret('web/client-tls', pair)));
    await applyTo('mutual', mutual, own);
    await untilSeen('mutual');
    const given = async (pod: string): Promise<string> => {
      const asked = [shown, 'default', 'web/client-tls', 'client-tls', '*'];
      const { resources } = await askForSecrets(mesh, pod, asked);
      const texts = resources.filter(({ message }) => message !== undefined);
      return texts.map(({ name, message }) => `${name} ${JSON.stringify(message)}`).join('\n');
    };
    expect(await given(client)).toContain('PRIVATE KEY');
    for (const thief of ['other/client', 'web/neighbour']) {
      const text = await given(thief);
      expect(text).toContain('default');
      expect(text).not.toContain('PRIVATE KEY');
      expect(text).not.toContain(shown);
    }
    claim('outbound-tls', 'of 2 sidecars that asked for the key of another, got it:', 0);
  });

  test('the key is in no view, log, dump or file of the control plane', async () => {
    await mesh.writeManifest('41-secret.yaml', manifest(secret('web/client-tls', pair)));
    await applyTo('mutual', mutual, own);
    await untilSeen('mutual');
    const cli = async (...args: readonly string[]): Promise<string> =>
      (await mesh.controlPlane().skerry(args)).stdout;
    const config = await cli(
      'config',
      client,
      '--full',
      '--admin-socket',
      mesh.controlPlane().adminSocket,
    );
    expect(config).toContain(shown);
    const dump = await sidecarOf(mesh, client).admin('/config_dump');
    const log = await readFile(mesh.controlPlane().logFile, 'utf8');
    const body = pair.key.split('\n')[1] ?? 'none';
    const state = mesh.controlPlane().stateDirectory;
    const entries = await readdir(state, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    expect(files.length).toBeGreaterThan(0);
    const kept = await Promise.all(
      files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'utf8')),
    );
    const encoded = Buffer.from(pair.key).toString('base64').slice(0, 60);
    for (const text of kept) {
      expect(text.includes(body) || text.includes(encoded)).toBe(false);
    }
    for (const text of [config, dump, log]) {
      expect(text).not.toContain('PRIVATE KEY');
      expect(text).not.toContain(body);
      expect(text).not.toContain(encoded);
    }
  });

  test('a new pair is shown under load, and no request fails', async () => {
    await mesh.writeManifest('41-secret.yaml', manifest(secret('web/client-tls', pair)));
    await applyTo('mutual', mutual, own);
    const serials = [(await untilSeen('mutual')).serial];
    const ending = new AbortController();
    const agent = await mesh.agent(client);
    const load = (async () => {
      const statuses: Record<string, number> = {};
      do {
        const part = await agent.load({
          ...{ url: 'http://mutual.shop/', total: 200, concurrency: 4, timeoutMs: 20_000 },
        });
        for (const [status, count] of Object.entries(part.statuses)) {
          statuses[status] = (statuses[status] ?? 0) + count;
        }
      } while (!ending.signal.aborted);
      return statuses;
    })();
    for (let rotation = 0; rotation < 10; rotation += 1) {
      const next = await clients.sign(['client.example']);
      await mesh.writeManifest('41-secret.yaml', manifest(secret('web/client-tls', next)));
      const former = serials.at(-1);
      serials.push(
        await eventually('the new certificate', async () => {
          const { serial } = JSON.parse((await call('mutual')).body) as Seen;
          return serial === former ? undefined : serial;
        }),
      );
    }
    ending.abort();
    const statuses = await load;
    expect(Object.keys(statuses)).toEqual(['200']);
    expect(new Set(serials).size).toBe(11);
    claim(
      'outbound-tls',
      'requests during 10 rotations of a Secret, none failed:',
      statuses['200'] ?? 0,
    );
  });

  test.each<readonly [string, () => object, string]>([
    [
      'without the label',
      () => secret('web/client-tls', pair, 'false'),
      'there is no Secret web/client-tls with the label skerry.dev/credential: "true"',
    ],
    [
      'of another namespace',
      () => secret('other/client-tls', pair),
      'there is no Secret web/client-tls with the label skerry.dev/credential: "true"',
    ],
    [
      'with a key of another certificate',
      () =>
        secret('web/client-tls', {
          ...pair,
          key: '-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n',
        }),
      'Secret web/client-tls has no certificate with its key that can be used',
    ],
  ])(
    'a Secret %s is not shown: no connection is made, and a finding says so',
    async (_what, made, says) => {
      await mesh.writeManifest('41-secret.yaml', manifest(made()));
      await applyTo('mutual', mutual, own);
      await untilRefused('mutual');
      expect(await findings()).toContain(says);
    },
  );
});
