/** Checks of a mesh that runs: real control planes on a real API server, brought into each state that must be found. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { SidecarClient } from '../../app/kubernetes/testing/sidecar-client.js';
import { makeWorkloads, type Workloads } from '../../app/kubernetes/testing/workloads.js';
import { typeUrls } from '../../envoy/index.js';
import type { KubernetesClient } from '../../sources/index.js';
import { askAdmin } from '../admin-client.js';
import { at, listAt } from '../cluster/objects.js';
import { deploymentPath, webhookPath } from '../install/paths.js';
import {
  eventually,
  startCheckedMesh,
  type CheckedMesh,
  type CheckRun,
} from './testing/checked-mesh.js';

let mesh: CheckedMesh;
let client: KubernetesClient;
let shop: Workloads;
let first: SidecarClient;
const sidecars: SidecarClient[] = [];

beforeAll(async () => {
  mesh = await startCheckedMesh();
  client = mesh.client;
  shop = await makeWorkloads(mesh.installed, 'shop');
  await shop.pod('cart', 'cart');
  await shop.pod('web', 'web');
  first = await shop.connect('cart', mesh.replicas[0]);
  sidecars.push(first, await shop.connect('web', mesh.replicas[1]));
  await eventually(
    async () => ((await mesh.check()).found.length === 0 ? true : undefined),
    30_000,
  );
}, 180_000);
afterAll(async () => {
  for (const sidecar of sidecars) sidecar.close();
  await mesh.stop();
}, 60_000);

const get = (path: string): Promise<unknown> => client.send({ method: 'GET', path });
const create = (path: string, body: unknown): Promise<unknown> =>
  client.send({ method: 'POST', path, body });
const remove = async (path: string): Promise<void> => {
  await client.send({ method: 'DELETE', path });
};

const collectionOf = (path: string): string => path.replace(/\/[^/]*$/, '');
const removePod = async (namespace: string, name: string): Promise<void> => {
  const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
  await client.send({ method: 'DELETE', path, body: { gracePeriodSeconds: 0 } });
};

/** An object as it can be created again. */
async function copyOf(path: string): Promise<unknown> {
  const object = (await get(path)) as object;
  const { name, namespace, labels, annotations } = at(object, 'metadata') as Record<
    string,
    unknown
  >;
  return { ...object, metadata: { name, namespace, labels, annotations } };
}

/** Checks again and again until a finding of this code is there. */
function untilFound(code: string): Promise<CheckRun> {
  return eventually(async () => {
    const run = await mesh.check();
    return run.found.some((one) => one.startsWith(`${code}:`)) ? run : undefined;
  }, 30_000);
}

async function untilWell(): Promise<void> {
  let last: readonly string[] = [];
  try {
    await eventually(async () => {
      last = (await mesh.check()).found;
      return last.length === 0 ? true : undefined;
    }, 60_000);
  } catch (cause) {
    throw new Error(`not well: ${last.join('\n')}`, { cause });
  }
}

/** Brings about a state, looks at it, and undoes it, whatever was seen. */
async function during(state: {
  readonly begin: () => Promise<unknown>;
  readonly end: () => Promise<unknown>;
  readonly look: () => Promise<void>;
}): Promise<void> {
  try {
    await state.begin();
    await state.look();
  } finally {
    await state.end();
    await untilWell();
  }
}

test('certificates are told with the root behind them, which is today’s', async () => {
  const ask = (path: string): Promise<unknown> => askAdmin(mesh.replicas[0].adminSocket, path);
  const [active] = listAt(await ask('/v1/ca'), 'roots');
  const proxies = { all: await ask('/v1/proxies') };
  const roots = listAt(proxies, 'all').map((proxy) => at(proxy, 'certificateRoot'));
  expect(at(active, 'fingerprint')).toMatch(/^[0-9a-f]{64}$/);
  expect(roots).toEqual([at(active, 'fingerprint')]);
});

test('a mesh that is well is found well, and exits 0', async () => {
  const { code, reports } = await mesh.check();
  expect([...reports.values()].map(({ name, result }) => `${name}: ${result}`)).toEqual([
    ...['api-server: ok', 'kubernetes-version: ok', 'nodes: ok', 'clocks: ok'],
    ...['installation: ok', 'definition: ok', 'replicas: ok', 'control-plane: ok', 'leader: ok'],
    'sources: ok',
    ...['authority: ok', 'webhook: ok', 'injection: ok', 'trust-bundles: ok', 'enrolment: ok'],
    ...['sidecars: ok', 'proxies: ok', 'policies: ok'],
  ]);
  expect(code).toBe(0);
  const says = (name: string): string | undefined => reports.get(name)?.says;
  expect(says('installation')).toBe(
    '0.1.0 in skerry-system, trust domain cluster.local, redirection init',
  );
  expect(says('replicas')).toBe('2 of 2 are ready');
  expect(says('leader')).toMatch(/^(one|two)_\w+ leads$/);
  expect(says('sources')).toMatch(/^\d+ collections, the oldest as of 0s ago$/);
  expect(says('authority')).toMatch(/^1 roots, the first ends in 9y36\dd$/);
  expect(says('injection')).toBe('tried without creating anything: shop');
  expect(says('proxies')).toBe('2 sidecars are connected');
});

describe('the control plane', () => {
  test('is missed, and the rest is skipped', async () => {
    const copy = await copyOf(deploymentPath);
    await during({
      begin: () => remove(deploymentPath),
      look: async () => {
        const { code, found, reports } = await mesh.check();
        expect(code).toBe(1);
        expect(found).toEqual([
          'NotInstalled: there is no control plane in namespace skerry-system',
        ]);
        expect(reports.get('policies')).toMatchObject({
          result: 'skipped',
          says: 'see control-plane',
        });
      },
      end: async () => {
        await create(collectionOf(deploymentPath), copy);
        await mesh.deploymentStatus(2);
      },
    });
  });

  test('is missed by one replica, which is named; the other is asked', async () => {
    await during({
      begin: async () => {
        await mesh.controllerPod('two', false);
        await mesh.deploymentStatus(1);
      },
      look: async () => {
        const { found } = await mesh.check();
        expect(found).toEqual([
          'ReplicaMissing: 1 of 2 replicas of the control plane are ready',
          'ReplicaMissing: two: it hangs',
        ]);
      },
      end: async () => {
        await mesh.controllerPod('two', true);
        await mesh.deploymentStatus(2);
      },
    });
  });

  test('has no replica: nobody can be asked', async () => {
    await during({
      begin: async () => {
        for (const name of ['one', 'two']) await removePod('skerry-system', name);
      },
      look: async () => {
        const { found, reports } = await mesh.check();
        expect(found).toEqual(['NoReplica: 0 replicas answer']);
        expect(reports.get('proxies')).toMatchObject({ result: 'skipped' });
      },
      end: async () => {
        for (const name of ['one', 'two']) await mesh.controllerPod(name, true);
      },
    });
  });

  test('has a replica that gives no answer: what it may serve is not taken for offline', async () => {
    await during({
      begin: () => mesh.controllerPod('three', true),
      look: async () => {
        const { found } = await mesh.check();
        expect(found).toEqual([
          expect.stringMatching(/^ReplicaSilent: three: no control plane answers/),
        ]);
      },
      end: () => removePod('skerry-system', 'three'),
    });
  });

  test('of another version than the command line is a warning', async () => {
    const path = '/spec/template/spec/containers/0/image';
    await during({
      begin: () => mesh.setInDeployment(path, 'registry.local/skerry/skerry:0.2.0'),
      look: async () => {
        const { code, found } = await mesh.check();
        const differs = 'the control plane is 0.2.0, this command line 0.1.0';
        expect([code, found]).toEqual([0, [`CommandLineDiffers: ${differs}`]]);
      },
      end: () => mesh.setInDeployment(path, 'registry.local/skerry/skerry:0.1.0'),
    });
  });

  test('without a Lease has no leader', async () => {
    const path = '/apis/coordination.k8s.io/v1/namespaces/skerry-system/leases/skerry-leader';
    await during({
      begin: () => Promise.resolve(),
      look: async () => {
        // The other replica may have made it anew before the check looks.
        const says = await eventually(async () => {
          await remove(path).catch(() => undefined);
          const { reports } = await mesh.check();
          return reports.get('leader')?.findings.find(({ code }) => code === 'NoLeader')?.says;
        }, 30_000);
        expect(says).toBe('there is no Lease skerry-leader');
      },
      // It comes back by itself; for some seconds the former leader does not know.
      end: () => eventually(async () => ((await mesh.has(path)) ? true : undefined)),
    });
  });

  test('without its Secret has lost its authority', async () => {
    const path = '/api/v1/namespaces/skerry-system/secrets/skerry-ca';
    const copy = await copyOf(path);
    await during({
      begin: () => remove(path),
      look: async () => {
        const { found } = await mesh.check();
        expect(found).toEqual(['AuthorityLost: there is no Secret skerry-system/skerry-ca']);
      },
      end: () => create(collectionOf(path), copy).catch(() => undefined),
    });
  });
});

describe('the webhook', () => {
  const hookNow = async (): Promise<object> =>
    listAt(await get(webhookPath), 'webhooks')[0] as object;

  /** Looks at another form of the webhook, and puts it back. */
  async function withHook(change: object, look: () => Promise<void>): Promise<void> {
    const hook = await hookNow();
    await during({
      begin: () => mesh.patch(webhookPath, { webhooks: [{ ...hook, ...change }] }),
      look,
      end: () => mesh.patch(webhookPath, { webhooks: [hook] }),
    });
  }

  test('whose certificate is another’s is not trusted', async () => {
    const clientConfig = {
      ...(at(await hookNow(), 'clientConfig') as object),
      caBundle: Buffer.from(await mesh.foreignCertificate()).toString('base64'),
    };
    await mesh.withoutRight('mutatingwebhookconfigurations', () =>
      withHook({ clientConfig }, async () => {
        const { code, found, reports } = await mesh.check();
        expect(code).toBe(1);
        expect(found).toEqual(['WebhookUntrusted: its caBundle is not the trust bundle']);
        expect(reports.get('injection')).toMatchObject({ result: 'skipped', says: 'see webhook' });
      }),
    );
  }, 90_000);

  test('that is gone is missed', async () => {
    const copy = await copyOf(webhookPath);
    await during({
      begin: () => remove(webhookPath),
      look: async () => {
        const { found } = await mesh.check();
        const missing = 'there is no MutatingWebhookConfiguration skerry-injector';
        expect(found).toEqual([`WebhookMissing: ${missing}`]);
      },
      end: () => create(collectionOf(webhookPath), copy),
    });
  });

  test('that somebody has narrowed injects no more', async () => {
    const narrow = { objectSelector: { matchLabels: { team: 'a' } }, failurePolicy: 'Ignore' };
    await withHook(narrow, async () => {
      const { found } = await untilFound('NotInjected');
      expect(found).toEqual([
        'WebhookChanged: changed: objectSelector, failurePolicy',
        'NotInjected: namespace shop: it has no skerry-proxy',
      ]);
    });
  });

  test('that the API server cannot call is found by trying', async () => {
    const clientConfig = {
      ...(at(await hookNow(), 'clientConfig') as object),
      url: 'https://localhost:1/inject',
    };
    await withHook({ clientConfig }, async () => {
      const { found } = await untilFound('WebhookUnreachable');
      expect(found).toEqual([
        expect.stringMatching(/^WebhookUnreachable: namespace shop: .*failed calling webhook/),
      ]);
    });
  });
});

test('trust bundles are missed, and compared, where nobody may publish them', async () => {
  const path = '/api/v1/namespaces/shop/configmaps/skerry-root';
  await mesh.withoutRight('configmaps', () =>
    during({
      begin: () => remove(path),
      look: async () => {
        expect((await mesh.check()).found).toEqual(['TrustBundleMissing: namespace shop']);
        const body = { metadata: { name: 'skerry-root' }, data: { 'root.pem': 'other' } };
        await create(collectionOf(path), body);
        expect((await mesh.check()).found).toEqual(['TrustBundleStale: namespace shop']);
      },
      end: () => mesh.giveRightsBack(),
    }),
  );
}, 90_000);

describe('pods', () => {
  const space = '/api/v1/namespaces/shop';
  const label = (path: string, name: string, value: string | null): Promise<void> =>
    mesh.patch(path, { metadata: { labels: { [name]: value } } });

  test('that are older than the enrolment of their namespace are counted', async () => {
    const late = '/api/v1/namespaces/late';
    await create('/api/v1/namespaces', { metadata: { name: 'late' } });
    const spec = { containers: [{ name: 'app', image: 'app' }] };
    for (const name of ['a', 'b', 'opted-out']) {
      const labels = name === 'opted-out' ? { 'skerry.dev/inject': 'disabled' } : {};
      await create(`${late}/pods`, { metadata: { name, labels }, spec });
    }
    await during({
      begin: () => label(late, 'skerry.dev/inject', 'enabled'),
      look: async () => {
        const { found } = await untilFound('PodsWithoutSidecar');
        expect(found).toContain('PodsWithoutSidecar: 2 pods of late, one is late/a');
      },
      end: () => label(late, 'skerry.dev/inject', null),
    });
  });

  test('that PodSecurity would refuse by their redirection are found by trying', async () => {
    const enforce = 'pod-security.kubernetes.io/enforce';
    await during({
      begin: () => label(space, enforce, 'baseline'),
      look: async () => {
        const { found } = await untilFound('RedirectionForbidden');
        const forbidden = /^RedirectionForbidden: namespace shop: .*NET_ADMIN/;
        expect(found).toEqual([expect.stringMatching(forbidden)]);
      },
      end: () => label(space, enforce, null),
    });
  });

  test('whose sidecars a newer installation would make otherwise are counted', async () => {
    const env = listAt(await get(deploymentPath), 'spec', 'template', 'spec', 'containers').flatMap(
      (container) => listAt(container, 'env'),
    );
    const index = env.findIndex((one) => at(one, 'name') === 'SKERRY_ENVOY_IMAGE');
    const path = `/spec/template/spec/containers/0/env/${String(index)}/value`;
    await during({
      begin: () => mesh.setInDeployment(path, 'registry.local/skerry/envoy:1.41.0'),
      look: async () => {
        const { code, found } = await mesh.check();
        expect(code).toBe(0);
        expect(found).toEqual([
          'ProxyVersionsDiffer: Envoy 1.40.0 instead of 1.41.0: 2 sidecars, one is shop/cart',
        ]);
      },
      end: () => mesh.setInDeployment(path, 'registry.local/skerry/envoy:1.40.0'),
    });
    await during({
      begin: () =>
        mesh.setInDeployment(
          path.replace(String(index), String(index - 1)),
          'a.local/skerry:0.1.0',
        ),
      look: async () => {
        expect((await mesh.check()).found).toEqual([
          'SidecarsOutdated: 2 pods of shop, one is shop/cart',
        ]);
      },
      end: () =>
        mesh.setInDeployment(
          path.replace(String(index), String(index - 1)),
          'registry.local/skerry/skerry:0.1.0',
        ),
    });
  });

  test('that run with a sidecar nobody has heard of are offline', async () => {
    await during({
      begin: () => shop.pod('lost', 'cart'),
      look: async () => {
        const startTime = new Date(Date.now() - 600_000).toISOString();
        await mesh.patch(`${space}/pods/lost/status`, { status: { startTime } });
        expect((await mesh.check()).found).toEqual(['ProxyOffline: shop/lost']);
      },
      end: () => shop.removePod('lost'),
    });
  });

  test('that have just started are not offline yet', async () => {
    await during({
      begin: () => shop.pod('fresh', 'cart'),
      look: async () => {
        const startTime = new Date().toISOString();
        await mesh.patch(`${space}/pods/fresh/status`, { status: { startTime } });
        expect((await mesh.check()).found).toEqual([]);
      },
      end: () => shop.removePod('fresh'),
    });
  });
});

describe('policies', () => {
  const allowing = (method: string): unknown => ({
    targetRefs: [{ kind: 'Pod', selector: { matchLabels: { app: 'cart' } } }],
    inbound: { authorization: { allow: [{ to: [{ methods: [method] }] }] } },
  });
  const path = '/apis/skerry.dev/v1alpha1/namespaces/shop/trafficpolicies/reader';

  test('that a sidecar has not answered yet are pending', async () => {
    first.hold(typeUrls.route);
    await during({
      begin: () => shop.policy('reader', allowing('GET')),
      look: async () => {
        const { code, found } = await untilFound('PolicyPending');
        expect(code).toBe(0);
        expect(found).toEqual([expect.stringMatching(/^PolicyPending: shop\/reader: /)]);
      },
      end: async () => {
        first.release();
        await remove(path);
      },
    });
  }, 90_000);

  test('that a sidecar refuses are named, with its words', async () => {
    first.refuseNew(typeUrls.route, 'no such method here');
    await during({
      begin: () => shop.policy('reader', allowing('PUT')),
      look: async () => {
        const { code, found } = await untilFound('PolicyNotInForce');
        expect(code).toBe(1);
        expect(found).toEqual([
          expect.stringMatching(/^ProxyRejected: shop\/cart: .*no such method here/),
          expect.stringMatching(/^PolicyNotInForce: shop\/reader: .*no such method here/),
        ]);
      },
      end: async () => {
        first.refuseNew('', '');
        await remove(path);
      },
    });
  }, 90_000);
});

describe('one sidecar', () => {
  const pods = '/api/v1/namespaces/shop/pods';

  test('that is well is shown in detail', async () => {
    const { code, reports } = await mesh.check('--proxy', 'shop/cart');
    expect(code).toBe(0);
    const says = (name: string): string | undefined => reports.get(name)?.says;
    expect(says('pod')).toBe('shop/cart on no node is Running');
    expect(says('connection')).toMatch(/^to one for \d+(m\d+)?s, Envoy 1\.40\.0$/);
    expect(says('configuration')).toMatch(/^generation \d+ of \d+ accepted; holds \d+ \w+/);
    expect(says('certificate')).toMatch(
      /^spiffe:\/\/cluster\.local\/ns\/shop\/sa\/app, ends in (59|60)m|1h0m/,
    );
  });

  test('that does not exist, or whose pod has none, is said so', async () => {
    expect((await mesh.check('--proxy', 'shop/nobody')).found).toEqual([
      'PodMissing: shop/nobody does not exist',
    ]);
    const { code, found } = await mesh.check('--proxy', 'late/a');
    expect([code, found]).toEqual([
      1,
      ['PodWithoutSidecar: late/a: its namespace has no label skerry.dev/inject: enabled'],
    ]);
  });

  test('whose containers fail is told with their last words', async () => {
    await shop.pod('broken', 'cart');
    const status = (name: string, state: object, more: object = {}): object => ({
      ...{ name, image: 'x', imageID: '', ready: false, restartCount: 0, state, ...more },
    });
    const terminated = { exitCode: 1, message: 'one\nskerry: no iptables here', reason: 'Error' };
    const killed = { terminated: { exitCode: 137, reason: 'OOMKilled' } };
    await mesh.patch(`${pods}/broken/status`, {
      status: {
        initContainerStatuses: [
          status('skerry-redirect', { terminated }),
          status('skerry-proxy', { running: {} }, { restartCount: 3, lastState: killed }),
        ],
      },
    });
    const { found } = await mesh.check('--proxy', 'shop/broken');
    expect(found).toEqual([
      'SidecarContainerFails: skerry-redirect: it ended with 1: skerry: no iptables here',
      'SidecarRestarted: skerry-proxy: 3 times, at last with 137 (OOMKilled)',
      'ProxyOffline: shop/broken is connected to no replica',
    ]);
    await shop.removePod('broken');
  });

  test.each([['cart'], ['a/b/c'], ['/cart'], ['shop/']])(
    'is named by namespace and pod, not by %s',
    async (name) => {
      const { code, stdout } = await mesh.check('--proxy', name);
      expect(code).toBe(2);
      expect(stdout).toBe(`skerry: expected --proxy namespace/pod, found ${name}\n`);
    },
  );
});

test('without the API server a replica says of when the state is that it serves', async () => {
  const [{ adminSocket }] = mesh.replicas;
  const well = await mesh.check('--admin-socket', adminSocket);
  expect(well.code).toBe(0);
  expect(well.reports.get('sources')?.says).toMatch(/^\d+ collections, the oldest as of 0s ago$/);
  await mesh.installed.server.kill();
  try {
    const { code, found, reports } = await mesh.check();
    expect(code).toBe(1);
    expect(found).toEqual([expect.stringMatching(/^ApiServerAway: /)]);
    expect(reports.get('sources')).toMatchObject({ result: 'skipped' });
    const says = await eventually(async () => {
      const alone = await mesh.check('--admin-socket', adminSocket);
      const text = alone.reports.get('sources')?.says ?? '';
      return / as of [2-9]s ago/.test(text) ? text : undefined;
    }, 30_000);
    expect(says).toMatch(/^\d+ collections, the oldest as of \ds ago \(.+\)$/);
    const alone = await mesh.check('--admin-socket', adminSocket);
    expect(alone.reports.get('proxies')?.says).toBe('1 sidecars are connected to this replica');
  } finally {
    await mesh.installed.server.start();
  }
  await untilWell();
}, 120_000);

test('a socket where nobody answers is said to be one', async () => {
  const { code, stdout } = await mesh.check('--admin-socket', '/nonexistent.sock');
  expect(code).toBe(1);
  expect(stdout).toMatch(/^skerry: no control plane answers on \/nonexistent\.sock/);
});

// Last: all policies go with it.
test('a definition that is gone is missed', async () => {
  await remove(
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/trafficpolicies.skerry.dev',
  );
  const { found } = await untilFound('DefinitionMissing');
  expect(found).toContain('DefinitionMissing: there is no trafficpolicies.skerry.dev');
});
