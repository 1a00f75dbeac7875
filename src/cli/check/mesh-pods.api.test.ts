/** Checks of what a mesh runs: pods and their sidecars, policies and their definition, brought into each state that must be found. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { typeUrls } from '../../envoy/index.js';
import { at, listAt } from '../cluster/objects.js';
import { deploymentPath } from '../install/paths.js';
import { startCheckedShop, type CheckedShop } from './testing/checked-shop.js';

let mesh: CheckedShop;

beforeAll(async () => {
  mesh = await startCheckedShop();
}, 180_000);
afterAll(() => mesh.stop(), 60_000);

describe('pods', () => {
  const space = '/api/v1/namespaces/shop';
  const label = (path: string, name: string, value: string | null): Promise<void> =>
    mesh.patch(path, { metadata: { labels: { [name]: value } } });

  test('that are older than the enrolment of their namespace are counted', async () => {
    const late = '/api/v1/namespaces/late';
    await mesh.create('/api/v1/namespaces', { metadata: { name: 'late' } });
    const spec = { containers: [{ name: 'app', image: 'app' }] };
    for (const name of ['a', 'b', 'opted-out']) {
      const labels = name === 'opted-out' ? { 'skerry.dev/inject': 'disabled' } : {};
      await mesh.create(`${late}/pods`, { metadata: { name, labels }, spec });
    }
    await mesh.during({
      begin: () => label(late, 'skerry.dev/inject', 'enabled'),
      look: async () => {
        const { found } = await mesh.untilFound('PodsWithoutSidecar');
        expect(found).toContain('PodsWithoutSidecar: 2 pods of late, one is late/a');
      },
      end: () => label(late, 'skerry.dev/inject', null),
    });
  });

  test('that PodSecurity would refuse by their redirection are found by trying', async () => {
    const enforce = 'pod-security.kubernetes.io/enforce';
    await mesh.during({
      begin: () => label(space, enforce, 'baseline'),
      look: async () => {
        const { found } = await mesh.untilFound('RedirectionForbidden');
        const forbidden = /^RedirectionForbidden: namespace shop: .*NET_ADMIN/;
        expect(found).toEqual([expect.stringMatching(forbidden)]);
      },
      end: () => label(space, enforce, null),
    });
  });

  test('whose sidecars a newer installation would make otherwise are counted', async () => {
    const template = at(await mesh.get(deploymentPath), 'spec', 'template');
    const env = listAt(template, 'spec', 'containers').flatMap((container) =>
      listAt(container, 'env'),
    );
    const index = env.findIndex((one) => at(one, 'name') === 'SKERRY_ENVOY_IMAGE');
    const path = `/spec/template/spec/containers/0/env/${String(index)}/value`;
    await mesh.during({
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
    await mesh.during({
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
    await mesh.during({
      begin: () => mesh.shop.pod('lost', 'cart'),
      look: async () => {
        const startTime = new Date(Date.now() - 600_000).toISOString();
        await mesh.patch(`${space}/pods/lost/status`, { status: { startTime } });
        expect((await mesh.check()).found).toEqual(['ProxyOffline: shop/lost']);
      },
      end: () => mesh.shop.removePod('lost'),
    });
  });

  test('that have just started are not offline yet', async () => {
    await mesh.during({
      begin: () => mesh.shop.pod('fresh', 'cart'),
      look: async () => {
        const startTime = new Date().toISOString();
        await mesh.patch(`${space}/pods/fresh/status`, { status: { startTime } });
        expect((await mesh.check()).found).toEqual([]);
      },
      end: () => mesh.shop.removePod('fresh'),
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
    mesh.cart.hold(typeUrls.route);
    await mesh.during({
      begin: () => mesh.shop.policy('reader', allowing('GET')),
      look: async () => {
        const { code, found } = await mesh.untilFound('PolicyPending');
        expect(code).toBe(0);
        expect(found).toEqual([expect.stringMatching(/^PolicyPending: shop\/reader: /)]);
      },
      end: async () => {
        mesh.cart.release();
        await mesh.remove(path);
      },
    });
  }, 90_000);

  test('that a sidecar refuses are named, with its words', async () => {
    mesh.cart.refuseNew(typeUrls.route, 'no such method here');
    await mesh.during({
      begin: () => mesh.shop.policy('reader', allowing('PUT')),
      look: async () => {
        const { code, found } = await mesh.untilFound('PolicyNotInForce');
        expect(code).toBe(1);
        expect(found).toEqual([
          expect.stringMatching(/^ProxyRejected: shop\/cart: .*no such method here/),
          expect.stringMatching(/^PolicyNotInForce: shop\/reader: .*no such method here/),
        ]);
      },
      end: async () => {
        mesh.cart.refuseNew('', '');
        await mesh.remove(path);
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
      /^spiffe:\/\/cluster\.local\/ns\/shop\/sa\/app, ends in (59m|60m|1h0m)/,
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
    await mesh.shop.pod('broken', 'cart');
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
    await mesh.shop.removePod('broken');
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

// Last: all policies go with it.
test('a definition that is gone is missed', async () => {
  await mesh.remove(
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/trafficpolicies.skerry.dev',
  );
  const { found } = await mesh.untilFound('DefinitionMissing');
  expect(found).toContain('DefinitionMissing: there is no trafficpolicies.skerry.dev');
});
