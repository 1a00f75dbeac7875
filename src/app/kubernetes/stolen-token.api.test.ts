/** What somebody can do who has a pod's token: against whole control planes and a real API server, over TLS. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as grpc from '@grpc/grpc-js';
import { generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { askAdmin } from '../../cli/index.js';
import { encode, typeUrls } from '../../envoy/index.js';
import type { Diagnostic } from '../../model/index.js';
import { openKubernetesClient } from '../../sources/index.js';
import { certificateRequest, nodeMetadataKeys, ownCertificateName } from '../../sidecar/index.js';
import { createDiscoveryClient, type ClientStream } from '../../xds/testing/grpc-client.js';
import { eventually, objectAt } from './test-kit.js';
import { install, type Installed, type Replica } from './testing/installed.js';
import {
  conditionOf,
  makeWorkloads,
  type StatusView,
  type Workloads,
} from './testing/workloads.js';

const space = 'robbed';
const serverName = 'skerry.skerry-system.svc';
let installed: Installed;
let replica: Replica;
let roots: string;
const ends: (() => void)[] = [];

beforeAll(async () => {
  installed = await install();
  replica = await installed.startReplica('one');
  await send('POST', '/api/v1/namespaces', {
    metadata: { name: space, labels: { 'skerry.dev/inject': 'enabled' } },
  });
  await send('POST', `/api/v1/namespaces/${space}/serviceaccounts`, { metadata: { name: 'cart' } });
  roots = await eventually(async () => {
    const path = `/api/v1/namespaces/${space}/configmaps/skerry-root`;
    const found = (await objectAt(installed.client, path)) as
      { readonly data?: Readonly<Record<string, string>> } | undefined;
    return found?.data?.['root.pem'];
  });
}, 120_000);

afterAll(async () => {
  for (const end of ends.splice(0)) end();
  await installed.stop();
}, 60_000);

function send(method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown> {
  return installed.client.send({ method, path, ...(body === undefined ? {} : { body }) });
}

const podPath = (name: string): string => `/api/v1/namespaces/${space}/pods/${name}`;

/** A pod with an address that no test's client has, and its token. */
async function rob(name: string): Promise<string> {
  const spec = { serviceAccountName: 'cart', containers: [{ name: 'app', image: 'app' }] };
  // Until the certificate by which it knows the webhook is published, the API server refuses.
  const made = await eventually(() =>
    send('POST', `/api/v1/namespaces/${space}/pods`, { metadata: { name }, spec }).catch(
      (error: unknown) => {
        if (error instanceof Error && error.message.includes('failed calling webhook')) {
          return undefined;
        }
        throw error;
      },
    ),
  );
  await installed.client.send({
    ...{ method: 'PATCH', path: `${podPath(name)}/status` },
    contentType: 'application/merge-patch+json',
    body: { status: { phase: 'Running', podIP: '10.9.9.9', podIPs: [{ ip: '10.9.9.9' }] } },
  });
  const { uid } = (made as { readonly metadata: { readonly uid: string } }).metadata;
  const answer = await send('POST', `/api/v1/namespaces/${space}/serviceaccounts/cart/token`, {
    ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' },
    spec: {
      ...{ audiences: ['skerry'], expirationSeconds: 600 },
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
    },
  });
  return (answer as { readonly status: { readonly token: string } }).status.token;
}

const freshRequest = (): string =>
  certificateRequest(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);

/** A stream by a token, which asks for a certificate for a key. */
function open(token: string, name: string, csr: string): ClientStream {
  const client = createDiscoveryClient(replica.address, { roots, serverName });
  const stream = client.open({ isDelta: true, token });
  ends.push(() => {
    stream.close();
    client.close();
  });
  stream.send({
    node: {
      id: `${space}/${name}`,
      metadata: { [nodeMetadataKeys.csr]: csr, [nodeMetadataKeys.keyFile]: '/key.pem' },
    },
    type_url: typeUrls.secret,
    resource_names_subscribe: [ownCertificateName],
  });
  return stream;
}

/** `served`, or the status by which the stream was ended. */
async function outcome(stream: ClientStream): Promise<string> {
  try {
    await stream.next();
    return 'served';
  } catch {
    const { code, message } = await stream.ended;
    return `${code} ${message}`;
  }
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${replica.healthUrl}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.split(' ')[1] ?? 0);
}

test('it is good from any address, as a bearer token is, also twice at a time', async () => {
  const token = await rob('anywhere');
  // The pod has 10.9.9.9, and we come from the loopback.
  const [own, thief] = [
    open(token, 'anywhere', freshRequest()),
    open(token, 'anywhere', freshRequest()),
  ];
  expect([await outcome(own), await outcome(thief)]).toEqual(['served', 'served']);
});

test('it has twenty keys signed and no more, which is counted, and harms nobody else', async () => {
  const [token, other] = [await rob('signed'), await rob('spared')];
  const issued = await metric('skerry_certificates_issued_total');
  const own = freshRequest();
  expect(await outcome(open(token, 'signed', own))).toBe('served');
  for (let at = 1; at < 20; at += 1) {
    const stream = open(token, 'signed', freshRequest());
    expect(await outcome(stream)).toBe('served');
    stream.close();
  }
  const refusals = 'skerry_refused_streams_total{reason="too-many-keys"}';
  const before = await metric(refusals);
  // One of them may come ten seconds after the first.
  const outcomes: string[] = [];
  for (let at = 0; at < 5; at += 1) {
    outcomes.push(await outcome(open(token, 'signed', freshRequest())));
  }
  expect(new Set(outcomes.filter((one) => one !== 'served'))).toEqual(
    new Set([
      'RESOURCE_EXHAUSTED expected at most 20 new keys of one pod at once, and one each 10 s after that: come again later',
    ]),
  );
  const refused = outcomes.filter((one) => one !== 'served').length;
  expect(refused).toBeGreaterThanOrEqual(3);
  expect(await metric(refusals)).toBe(before + refused);
  expect(await metric('skerry_certificates_issued_total')).toBe(issued + 20 + 5 - refused);
  // The sidecar comes back with the key that it has, and others come with theirs.
  expect(await outcome(open(token, 'signed', own))).toBe('served');
  expect(await outcome(open(other, 'spared', freshRequest()))).toBe('served');
});

test('it opens nothing at the API server', async () => {
  const token = await rob('curious');
  const { server } = installed;
  const { clusters } = parse(await readFile(server.kubeconfig, 'utf8')) as {
    readonly clusters: readonly { readonly name: string }[];
  };
  const kubeconfig = join(server.directory, 'stolen.kubeconfig');
  const context = { cluster: clusters[0]?.name ?? '', user: 'thief' };
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', clusters, 'current-context': 'stolen' },
    users: [{ name: 'thief', user: { token } }],
    contexts: [{ name: 'stolen', context }],
  };
  await writeFile(kubeconfig, stringify(config), { mode: 0o600 });
  const thief = openKubernetesClient({ kubeconfig });
  try {
    const asked = thief.send({ method: 'GET', path: podPath('curious') });
    await expect(asked).rejects.toMatchObject({ status: 401 });
  } finally {
    thief.close();
  }
});

test('a path without end for the key file is refused, and not kept', async () => {
  const token = await rob('long');
  const client = createDiscoveryClient(replica.address, { roots, serverName });
  ends.push(() => {
    client.close();
  });
  const stream = client.open({ isDelta: true, token });
  const metadata = {
    [nodeMetadataKeys.csr]: freshRequest(),
    [nodeMetadataKeys.keyFile]: `/${'x'.repeat(4_095)}`,
  };
  stream.send({ node: { id: `${space}/long`, metadata }, type_url: typeUrls.secret });
  expect(await stream.ended).toEqual({
    code: 'PERMISSION_DENIED',
    message: 'expected the path of a key file of at most 4095 characters, found 4096',
  });
});

test('what it holds open ends with the pod: discovery, and reports', async () => {
  const [token, other] = [await rob('leaving'), await rob('staying')];
  const discovery = open(token, 'leaving', freshRequest());
  expect(await outcome(discovery)).toBe('served');
  const reports = reportStream(token);
  const others = reportStream(other);
  for (const one of [reports, others]) one.send();
  // Both have been let in.
  await eventually(async () => {
    const text = JSON.stringify(await askAdmin(replica.adminSocket, '/v1/plaintext'));
    return text.split('"address":"192.0.2.7"').length === 3 ? true : undefined;
  });
  await installed.client.send({
    ...{ method: 'DELETE', path: podPath('leaving') },
    query: { gracePeriodSeconds: '0' },
  });
  expect((await discovery.ended).code).toBe('FAILED_PRECONDITION');
  expect((await reports.ended).code).toBe('FAILED_PRECONDITION');
  expect((await reportStream(token).ended).code).toBe('UNAUTHENTICATED');
  others.end();
  expect((await others.ended).code).toBe('OK');
});

const common_properties = {
  downstream_local_address: { socket_address: { address: '10.9.9.9', port_value: 8080 } },
  downstream_direct_remote_address: { socket_address: { address: '192.0.2.7', port_value: 9 } },
  custom_tags: { plaintext: 'true' },
};
const report = encode('type.googleapis.com/envoy.service.accesslog.v3.StreamAccessLogsMessage', {
  tcp_logs: { log_entry: [{ common_properties }] },
});

interface Reports {
  send(): void;
  end(): void;
  readonly ended: Promise<{ readonly code: string }>;
}

/** A stream of the access log service, which tells of one call in plaintext. */
function reportStream(token: string): Reports {
  const credentials = grpc.credentials.createSsl(Buffer.from(roots));
  const client = new grpc.Client(replica.address, credentials, {
    'grpc.ssl_target_name_override': serverName,
    'grpc.use_local_subchannel_pool': 1,
  });
  ends.push(() => {
    client.close();
  });
  const metadata = new grpc.Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  const path = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs';
  const same = (bytes: Buffer): Buffer => bytes;
  const call = client.makeClientStreamRequest(path, same, same, metadata, () => undefined);
  call.on('error', () => undefined);
  return {
    send: () => call.write(Buffer.from(report)),
    end: () => {
      call.end();
    },
    ended: new Promise((resolve) => {
      call.on('status', ({ code }) => {
        resolve({ code: grpc.status[code] });
      });
    }),
  };
}

/** A sidecar at `where` that refuses each listener from now on, and one of another namespace that accepts all. */
async function refuseBeside(
  refuser: string,
  neighbour: string,
  where: Replica,
): Promise<{
  readonly rogue: Workloads;
  readonly honest: Workloads;
  readonly refusing: Awaited<ReturnType<Workloads['connect']>>;
}> {
  const rogue = await makeWorkloads(installed, refuser);
  const honest = await makeWorkloads(installed, neighbour);
  await rogue.pod('one', 'app');
  await honest.pod('one', 'app');
  const refusing = await rogue.connect('one', where);
  const accepting = await honest.connect('one', replica);
  ends.push(() => {
    refusing.close();
    accepting.close();
  });
  await eventually(() => (refusing.received() > 2 && accepting.received() > 2 ? true : undefined));
  refusing.refuseNew(typeUrls.listener, 'I will not');
  return { rogue, honest, refusing };
}

test('a sidecar that refuses all it is sent holds back no policy of others', async () => {
  const { rogue, honest, refusing } = await refuseBeside('rogue', 'honest', replica);
  const spec = {
    targetRefs: [{ kind: 'Pod', selector: { matchLabels: { app: 'app' } } }],
    inbound: { mtls: { mode: 'Strict' } },
  };
  for (const own of [rogue, honest]) await own.policy('strict', spec);
  const reasonIs =
    (reason: string) =>
    (status: StatusView): boolean =>
      conditionOf(status, 'Programmed').endsWith(` ${reason}`);
  await rogue.statusOf('strict', reasonIs('Rejected'));
  await honest.statusOf('strict', reasonIs('Programmed'));
  refusing.close();
}, 60_000);

test('a sidecar that refuses all it is sent, the only one of its replica, holds back no policy of all', async () => {
  const other = await installed.startReplica('two');
  await refuseBeside('rogue-alone', 'honest-others', other);
  const root = '/apis/skerry.dev/v1alpha1/namespaces/skerry-system/trafficpolicies';
  const spec = { targetRefs: [{ kind: 'Mesh' }], inbound: { mtls: { mode: 'Strict' } } };
  const kind = { apiVersion: 'skerry.dev/v1alpha1', kind: 'TrafficPolicy' };
  await send('POST', root, { ...kind, metadata: { name: 'strict-for-all' }, spec });
  const status = async (): Promise<StatusView | undefined> => {
    const object = await objectAt(installed.client, `${root}/strict-for-all`);
    return (object as { readonly status?: StatusView } | undefined)?.status;
  };
  await eventually(async () => {
    const refusal = (await status())?.firstRejection;
    return refusal?.proxy === 'rogue-alone/one' ? true : undefined;
  });
  // What another replica knows speaks against it: no time that passes condemns the form any more.
  await eventually(async () => {
    const found = (await askAdmin(other.adminSocket, '/v1/diagnostics')) as readonly Diagnostic[];
    const isOf = ({ code, object }: Diagnostic): boolean =>
      code === 'Rejected' && object?.name === 'strict-for-all';
    return found.some(isOf) ? undefined : true;
  });
  await eventually(async () => {
    const { conditions, proxies } = (await status()) ?? {};
    const message = conditions?.at(-1)?.message ?? '';
    const isInForce = message.includes('in force where it is accepted');
    return isInForce && proxies?.['rejected'] === 1 && proxies['live'] !== 0 ? true : undefined;
  });
}, 60_000);

test('nothing that the API server keeps has a token, or a key but the authority’s own', async () => {
  const token = await rob('kept');
  expect(await outcome(open(token, 'kept', freshRequest()))).toBe('served');
  const kinds = ['configmaps', 'secrets', 'events', 'pods', 'serviceaccounts', 'services'];
  const withKeys: string[] = [];
  for (const path of [
    ...kinds.map((kind) => `/api/v1/${kind}`),
    '/apis/coordination.k8s.io/v1/leases',
  ]) {
    const { items } = (await installed.client.send({ method: 'GET', path })) as {
      readonly items: readonly {
        readonly metadata: { readonly name: string };
        readonly data?: object;
      }[];
    };
    for (const item of items) {
      // A Secret's entries are base64.
      const entries = Object.values(item.data ?? {}).map((text) =>
        Buffer.from(String(text), 'base64').toString('latin1'),
      );
      const text = [JSON.stringify(item), ...entries].join('\n');
      expect(text).not.toContain(token);
      if (text.includes('PRIVATE KEY')) withKeys.push(`${path} ${item.metadata.name}`);
    }
  }
  expect(withKeys).toEqual(['/api/v1/secrets skerry-ca']);
});
