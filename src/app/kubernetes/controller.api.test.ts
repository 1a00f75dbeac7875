/** Whole control planes beside a real API server, with the rights of an installation and no others. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { askAdmin, defaultInstall, installObjects } from '../../cli/index.js';
import { certificateRequest, nodeMetadataKeys, ownCertificateName } from '../../sidecar/index.js';
import { createDiscoveryClient, type ClientStream } from '../../xds/testing/grpc-client.js';
import { eventually, objectAt } from './test-kit.js';
import { install, type AuditedRequest, type Installed, type Replica } from './testing/installed.js';

let installed: Installed;
let first: Replica;
let second: Replica;
const ends: (() => void)[] = [];

beforeAll(async () => {
  installed = await install();
  first = await installed.startReplica('one');
  second = await installed.startReplica('two');
  // Looked at again in the end: it takes a minute.
  await namespace('leaving');
  await rootsIn('leaving');
  await installed.client.send({
    ...{ method: 'PATCH', path: '/api/v1/namespaces/leaving' },
    contentType: 'application/merge-patch+json',
    body: { metadata: { labels: { 'skerry.dev/inject': null } } },
  });
}, 120_000);

afterAll(async () => {
  for (const end of ends.splice(0)) end();
  await installed.stop();
}, 60_000);

const send = (
  method: 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<unknown> =>
  installed.client.send({ method, path, ...(body === undefined ? {} : { body }) });

function textIn(object: unknown, ...names: readonly (string | number)[]): string {
  const found = names.reduce<unknown>(
    (value, name) => (typeof value === 'object' && value !== null ? Reflect.get(value, name) : ''),
    object,
  );
  return typeof found === 'string' ? found : '';
}

async function namespace(name: string): Promise<void> {
  const labels = { 'skerry.dev/inject': 'enabled' };
  await send('POST', '/api/v1/namespaces', { metadata: { name, labels } });
  await send('POST', `/api/v1/namespaces/${name}/serviceaccounts`, { metadata: { name: 'cart' } });
}

async function pod(space: string, name: string): Promise<unknown> {
  const spec = {
    serviceAccountName: 'cart',
    nodeName: 'node-1',
    containers: [{ name: 'app', image: 'app' }],
  };
  // Until the certificate by which it knows the webhook is published, the API server refuses.
  return eventually(() =>
    send('POST', `/api/v1/namespaces/${space}/pods`, { metadata: { name }, spec }).catch(
      (error: unknown) => {
        if (error instanceof Error && error.message.includes('failed calling webhook')) {
          return undefined;
        }
        throw error;
      },
    ),
  );
}

async function token(space: string, bound: unknown, audience = 'skerry'): Promise<string> {
  const [name, uid] = [textIn(bound, 'metadata', 'name'), textIn(bound, 'metadata', 'uid')];
  const answer = await send('POST', `/api/v1/namespaces/${space}/serviceaccounts/cart/token`, {
    ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' },
    spec: {
      audiences: [audience],
      expirationSeconds: 600,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
    },
  });
  return textIn(answer, 'status', 'token');
}

async function rootsIn(space: string): Promise<string> {
  return eventually(async () => {
    const path = `/api/v1/namespaces/${space}/configmaps/skerry-root`;
    const pem = textIn(await objectAt(installed.client, path), 'data', 'root.pem');
    return pem === '' ? undefined : pem;
  });
}

/** Opens a stream as a sidecar does, and asks for what it trusts. */
function connect(
  replica: Replica,
  sidecar: { readonly token: string; readonly nodeId: string; readonly roots: string },
): ClientStream {
  const client = createDiscoveryClient(replica.address, {
    roots: sidecar.roots,
    serverName: 'skerry.skerry-system.svc',
  });
  ends.push(() => {
    client.close();
  });
  const stream = client.open({ isDelta: true, token: sidecar.token });
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const metadata = {
    [nodeMetadataKeys.csr]: certificateRequest(privateKey),
    [nodeMetadataKeys.keyFile]: '/key.pem',
  };
  stream.send({
    node: { id: sidecar.nodeId, metadata },
    type_url: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
    resource_names_subscribe: [ownCertificateName],
  });
  return stream;
}

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}

/** Every right of the control plane, as `verb group/resource`. */
function grantedRights(): readonly string[] {
  const roles = installObjects(defaultInstall).filter(
    ({ kind, metadata }) =>
      ['ClusterRole', 'Role'].includes(kind) && metadata.name === 'skerry-controller',
  );
  return roles
    .flatMap((role) => role['rules'] as readonly Rule[])
    .flatMap(({ apiGroups = [''], resources, nonResourceURLs, verbs }) =>
      (resources ?? nonResourceURLs ?? []).flatMap((what) =>
        apiGroups.flatMap((group) => verbs.map((verb) => `${verb} ${group}/${what}`)),
      ),
    );
}

test('of two replicas one leads, and both are ready', async () => {
  const leaders = await eventually(async () => {
    const states = await Promise.all(
      [first, second].map(({ adminSocket }) => askAdmin(adminSocket, '/v1/state')),
    );
    const leading = states.filter((state) => Reflect.get(Object(state), 'isLeader') === true);
    return leading.length === 0 ? undefined : leading.length;
  });
  expect(leaders).toBe(1);
  for (const { healthUrl } of [first, second]) {
    expect((await fetch(`${healthUrl}/readyz`)).status).toBe(200);
  }
});

test('a namespace with the label gets the trust bundle, and its pods a sidecar by the webhook', async () => {
  await namespace('enrolled');
  expect(await rootsIn('enrolled')).toContain('BEGIN CERTIFICATE');
  const made = await pod('enrolled', 'a');
  expect(JSON.stringify(made)).toContain('"name":"skerry-proxy"');
});

test('a sidecar is served by its token; forged, foreign and misdirected tokens are refused', async () => {
  await namespace('served');
  const roots = await rootsIn('served');
  const [one, other] = [await pod('served', 'one'), await pod('served', 'other')];
  const own = await token('served', one);
  const served = connect(second, { token: own, nodeId: 'served/one', roots });
  const answer = await served.next();
  expect(answer.typeUrl).toMatch(/Secret$/);

  const refused = async (nodeId: string, bearer: string): Promise<string> => {
    const stream = connect(first, { token: bearer, nodeId, roots });
    return (await stream.ended).code;
  };
  expect(await refused('served/other', own)).toBe('PERMISSION_DENIED');
  expect(await refused('served/one', await token('served', other))).toBe('PERMISSION_DENIED');
  expect(await refused('served/one', await token('served', one, 'elsewhere'))).toBe(
    'UNAUTHENTICATED',
  );
  expect(await refused('served/one', `${own.slice(0, -8)}AAAAAAAA`)).toBe('UNAUTHENTICATED');
  const metrics = await (await fetch(`${first.healthUrl}/metrics`)).text();
  expect(metrics).toMatch(/skerry_refused_streams_total\{reason="node-id"\} 2/);
});

test('without the API server sidecars go on being served, and the age of what is served is told', async () => {
  await namespace('outage');
  const roots = await rootsIn('outage');
  const made = await pod('outage', 'one');
  const bearer = await token('outage', made);
  await connect(first, { token: bearer, nodeId: 'outage/one', roots }).next();
  await installed.server.kill();
  try {
    const again = connect(second, { token: bearer, nodeId: 'outage/one', roots });
    expect((await again.next()).typeUrl).toMatch(/Secret$/);
    const age = await eventually(async () => {
      const text = await (await fetch(`${second.healthUrl}/metrics`)).text();
      const found = /skerry_source_age_seconds\{kind="pods"\} (\S+)/.exec(text)?.[1];
      return Number(found) > 1 ? Number(found) : undefined;
    });
    expect(age).toBeGreaterThan(1);
    expect((await fetch(`${second.healthUrl}/readyz`)).status).toBe(200);
  } finally {
    await installed.server.start();
  }
  // What happens after the outage is seen.
  await namespace('after');
  expect(await rootsIn('after')).toBe(roots);
}, 120_000);

test('a policy is told to be live, and what is wrong with another one', async () => {
  await namespace('told');
  const policies = '/apis/skerry.dev/v1alpha1/namespaces/told/trafficpolicies';
  const policy = (name: string, service: string): unknown => ({
    ...{ apiVersion: 'skerry.dev/v1alpha1', kind: 'TrafficPolicy', metadata: { name } },
    spec: {
      targetRefs: [{ kind: 'Service', name: service }],
      inbound: { mtls: { mode: 'Strict' } },
    },
  });
  await send('POST', '/api/v1/namespaces/told/services', {
    metadata: { name: 'there' },
    spec: { selector: { app: 'there' }, ports: [{ port: 80 }] },
  });
  await send('POST', policies, policy('good', 'there'));
  await send('POST', policies, policy('lost', 'nowhere'));
  // Each kind is followed by itself, and after an outage one may be back some seconds before another.
  const untilReason = (name: string, type: string, reason: string): Promise<true> =>
    eventually(async () => {
      const { status } = (await objectAt(installed.client, `${policies}/${name}`)) as {
        readonly status?: { readonly conditions?: readonly Readonly<Record<string, string>>[] };
      };
      const found = status?.conditions?.find((one) => one['type'] === type);
      return found?.['reason'] === reason ? true : undefined;
    }, 30_000);
  expect(await untilReason('good', 'Accepted', 'Accepted')).toBe(true);
  expect(await untilReason('good', 'Programmed', 'Programmed')).toBe(true);
  expect(await untilReason('lost', 'Accepted', 'TargetNotFound')).toBe(true);
});

test('a token outlives its pod in vain', async () => {
  await namespace('gone');
  const roots = await rootsIn('gone');
  const bearer = await token('gone', await pod('gone', 'one'));
  await installed.client.send({
    ...{ method: 'DELETE', path: '/api/v1/namespaces/gone/pods/one' },
    query: { gracePeriodSeconds: '0' },
  });
  const stream = connect(first, { token: bearer, nodeId: 'gone/one', roots });
  expect((await stream.ended).code).toBe('UNAUTHENTICATED');
});

test('the leader gives way to the other, which goes on', async () => {
  const isLeader = async ({ adminSocket }: Replica): Promise<boolean> =>
    Reflect.get(Object(await askAdmin(adminSocket, '/v1/state')), 'isLeader') === true;
  const [leader, other] = (await isLeader(second)) ? [second, first] : [first, second];
  const startedAt = performance.now();
  await leader.stop();
  await eventually(async () => ((await isLeader(other)) ? true : undefined), 20_000);
  expect(performance.now() - startedAt).toBeLessThan(20_000);
  await send('POST', '/api/v1/namespaces', {
    metadata: { name: 'moved-on', labels: { 'skerry.dev/inject': 'enabled' } },
  });
  expect(await rootsIn('moved-on')).toContain('BEGIN CERTIFICATE');
}, 60_000);

test('every request of a control plane was within its rights', async () => {
  const requests = await installed.audited();
  const nameOf = ({ verb, group, resource, namespace: space, name }: AuditedRequest): string =>
    [verb, group, resource, space, name].join(' ');
  // An API server that has just started refuses what it allows once it has read its roles.
  const allowed = new Set(requests.filter(({ status }) => status < 400).map(nameOf));
  const refused = requests.filter(({ status }) => status === 403).map(nameOf);
  expect(refused.filter((one) => !allowed.has(one))).toEqual([]);
  expect(allowed.size).toBeGreaterThan(20);
});

test('a namespace that is not enrolled any more loses the bundle after a while', async () => {
  const path = '/api/v1/namespaces/leaving/configmaps/skerry-root';
  const isGone = async (): Promise<true | undefined> =>
    (await objectAt(installed.client, path)) === undefined ? true : undefined;
  expect(await eventually(isGone, 120_000)).toBe(true);
}, 150_000);

test('no right is given that nothing uses', async () => {
  const used = new Set(
    (await installed.audited())
      .filter(({ status }) => status < 400)
      .map(({ verb, group, resource }) => `${verb} ${group}/${resource}`),
  );
  // An apply that creates is audited as a patch; verdicts are read and created where sidecars judge.
  const unseen = ['create /configmaps', 'get /configmaps'];
  const unused = grantedRights().filter((right) => !used.has(right) && !unseen.includes(right));
  expect(unused).toEqual([]);
});
