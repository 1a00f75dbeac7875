/** Checks of a mesh that runs: control planes, webhook and trust bundles, brought into each state that must be found. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { askAdmin } from '../admin-client.js';
import { at, listAt } from '../cluster/objects.js';
import { deploymentPath, webhookPath } from '../install/paths.js';
import { eventually } from './testing/checked-mesh.js';
import { collectionOf, startCheckedShop, type CheckedShop } from './testing/checked-shop.js';

let mesh: CheckedShop;

beforeAll(async () => {
  mesh = await startCheckedShop();
}, 180_000);
afterAll(() => mesh.stop(), 60_000);

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
    const copy = await mesh.copyOf(deploymentPath);
    await mesh.during({
      begin: () => mesh.remove(deploymentPath),
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
        await mesh.create(collectionOf(deploymentPath), copy);
        await mesh.deploymentStatus(2);
      },
    });
  });

  test('is missed by one replica, which is named; the other is asked', async () => {
    await mesh.during({
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
    await mesh.during({
      begin: async () => {
        for (const name of ['one', 'two']) await mesh.removePod('skerry-system', name);
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
    await mesh.during({
      begin: () => mesh.controllerPod('three', true),
      look: async () => {
        const { found } = await mesh.check();
        expect(found).toEqual([
          expect.stringMatching(/^ReplicaSilent: three: no control plane answers/),
        ]);
      },
      end: () => mesh.removePod('skerry-system', 'three'),
    });
  });

  test('of another version than the command line is a warning', async () => {
    const path = '/spec/template/spec/containers/0/image';
    await mesh.during({
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
    await mesh.during({
      begin: () => Promise.resolve(),
      look: async () => {
        // The other replica may have made it anew before the check looks.
        const says = await eventually(async () => {
          await mesh.remove(path).catch(() => undefined);
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
    const copy = await mesh.copyOf(path);
    await mesh.during({
      begin: () => mesh.remove(path),
      look: async () => {
        const { found } = await mesh.check();
        expect(found).toEqual(['AuthorityLost: there is no Secret skerry-system/skerry-ca']);
      },
      end: () => mesh.create(collectionOf(path), copy).catch(() => undefined),
    });
  });
});

describe('the webhook', () => {
  const hookNow = async (): Promise<object> =>
    listAt(await mesh.get(webhookPath), 'webhooks')[0] as object;

  /** Looks at another form of the webhook, and puts it back. */
  async function withHook(change: object, look: () => Promise<void>): Promise<void> {
    const hook = await hookNow();
    await mesh.during({
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
    const copy = await mesh.copyOf(webhookPath);
    await mesh.during({
      begin: () => mesh.remove(webhookPath),
      look: async () => {
        const { found } = await mesh.check();
        const missing = 'there is no MutatingWebhookConfiguration skerry-injector';
        expect(found).toEqual([`WebhookMissing: ${missing}`]);
      },
      end: () => mesh.create(collectionOf(webhookPath), copy),
    });
  });

  test('that somebody has narrowed injects no more', async () => {
    const narrow = { objectSelector: { matchLabels: { team: 'a' } }, failurePolicy: 'Ignore' };
    await withHook(narrow, async () => {
      const { found } = await mesh.untilFound('NotInjected');
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
      const { found } = await mesh.untilFound('WebhookUnreachable');
      expect(found).toEqual([
        expect.stringMatching(/^WebhookUnreachable: namespace shop: .*failed calling webhook/),
      ]);
    });
  });
});

test('trust bundles are missed, and compared, where nobody may publish them', async () => {
  const path = '/api/v1/namespaces/shop/configmaps/skerry-root';
  await mesh.withoutRight('configmaps', () =>
    mesh.during({
      begin: () => mesh.remove(path),
      look: async () => {
        expect((await mesh.check()).found).toEqual(['TrustBundleMissing: namespace shop']);
        const body = { metadata: { name: 'skerry-root' }, data: { 'root.pem': 'other' } };
        await mesh.create(collectionOf(path), body);
        expect((await mesh.check()).found).toEqual(['TrustBundleStale: namespace shop']);
      },
      end: () => mesh.giveRightsBack(),
    }),
  );
}, 90_000);

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
  await mesh.untilWell();
}, 120_000);

test('a socket where nobody answers is said to be one', async () => {
  const { code, stdout } = await mesh.check('--admin-socket', '/nonexistent.sock');
  expect(code).toBe(1);
  expect(stdout).toMatch(/^skerry: no control plane answers on \/nonexistent\.sock/);
});
