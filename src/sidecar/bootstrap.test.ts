/** The bootstrap: what it says, and that a stock Envoy takes it. */
import { expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrap, checkBootstrapOptions, type BootstrapOptions } from './bootstrap.js';
import { initSidecar } from './init.js';
import { envoyPath, run, temporaryDirectory } from './test-kit.js';

const options: BootstrapOptions = {
  nodeId: 'shop/cart-0',
  serviceAccount: 'cart',
  csr: 'the request',
  podUid: 'uid-1',
  labels: { app: 'cart' },
  controlPlane: { address: '10.0.0.1', port: 15012, serverName: 'skerry.skerry-system.svc' },
  paths: {
    key: '/run/skerry/key/key.pem',
    token: '/var/run/secrets/skerry/token',
    rootBundle: '/var/run/skerry-root/root.pem',
    adminSocket: '/run/skerry/run/admin.sock',
    sdsDirectory: '/run/skerry',
  },
  adsVariant: 'delta',
  statsProfile: 'minimal',
};

test('the node says who it is and carries its request', () => {
  expect(bootstrap(options).bootstrap).toMatchObject({
    node: {
      id: 'shop/cart-0',
      cluster: 'cart',
      metadata: {
        'skerry.dev/csr': 'the request',
        'skerry.dev/key-file': '/run/skerry/key/key.pem',
        'skerry.dev/pod-uid': 'uid-1',
        'skerry.dev/labels': { app: 'cart' },
      },
    },
  });
});

test('configuration is waited for without end, and the node is sent once a stream', () => {
  expect(bootstrap(options).bootstrap).toMatchObject({
    dynamic_resources: {
      ads_config: { api_type: 'DELTA_GRPC', set_node_on_first_message_only: true },
      cds_config: { initial_fetch_timeout: '0s' },
      lds_config: { initial_fetch_timeout: '0s' },
    },
  });
});

test('each stream says what time it is for the sidecar', () => {
  expect(JSON.stringify(bootstrap(options).bootstrap)).toContain(
    '{"key":"x-skerry-clock","value":"%START_TIME(%s)%"}',
  );
});

test('the admin interface is a unix socket for its owner alone', () => {
  expect(bootstrap(options).bootstrap).toMatchObject({
    admin: { address: { pipe: { path: '/run/skerry/run/admin.sock', mode: 0o600 } } },
  });
});

test('the control plane is trusted by its name under the bundle that is watched', () => {
  expect(bootstrap(options).files['sds-ca.json']).toMatchObject({
    resources: [
      {
        validation_context: {
          trusted_ca: { filename: '/var/run/skerry-root/root.pem' },
          watched_directory: { path: '/var/run/skerry-root' },
          match_typed_subject_alt_names: [
            { san_type: 'DNS', matcher: { exact: 'skerry.skerry-system.svc' } },
          ],
        },
      },
    ],
  });
});

test('the bootstrap names no key and no token but by their files', () => {
  const text = JSON.stringify(bootstrap(options));
  expect(text).toContain('/var/run/secrets/skerry/token');
  expect(text).not.toContain('inline');
});

test.each([
  ['10.0.0.1', 'STATIC'],
  ['fd00::1', 'STATIC'],
  ['skerry.skerry-system.svc', 'STRICT_DNS'],
])('a control plane at %s is a %s cluster', (address, type) => {
  const { bootstrap: made } = bootstrap({
    ...options,
    controlPlane: { ...options.controlPlane, address },
  });
  expect(made).toMatchObject({ static_resources: { clusters: [{ type }, { type: 'STATIC' }] } });
});

test('what is written last reaches the app through a listener behind a listener', () => {
  // Without these two, egress policies are refused by Envoy, or answers are cut off.
  expect(bootstrap(options).bootstrap).toMatchObject({
    bootstrap_extensions: [{ name: 'envoy.bootstrap.internal_listener' }],
    layered_runtime: {
      layers: [
        {
          static_layer: {
            'envoy.reloadable_features.enable_send_rst_on_user_space_socket': false,
          },
        },
      ],
    },
  });
});

test('the full statistics profile leaves out the matcher', () => {
  expect(bootstrap(options).bootstrap).toHaveProperty('stats_config');
  const full = bootstrap({ ...options, statsProfile: 'full' }).bootstrap;
  expect(full).not.toHaveProperty('stats_config');
});

test.each<[string, Partial<BootstrapOptions>]>([
  ['node id of the form namespace/pod', { nodeId: 'cart-0' }],
  ['node id of the form namespace/pod', { nodeId: 'a/b/c' }],
  ['absolute path', { paths: { ...options.paths, token: 'token' } }],
  ['at most 107 bytes', { paths: { ...options.paths, adminSocket: `/${'a'.repeat(107)}` } }],
  ['port from 1 to 65535', { controlPlane: { ...options.controlPlane, port: 0 } }],
])('the check asks for %s', (wanted, change) => {
  expect(checkBootstrapOptions(options)).toEqual([]);
  expect(checkBootstrapOptions({ ...options, ...change }).join()).toContain(wanted);
});

test.each([
  ['delta', 'minimal', '10.0.0.1'],
  ['sotw', 'full', 'skerry.skerry-system.svc'],
] as const)(
  'a stock Envoy takes the %s bootstrap with %s statistics and control plane %s',
  async (adsVariant, statsProfile, address) => {
    const directory = temporaryDirectory();
    const tokenPath = join(directory, 'token');
    const rootBundlePath = join(directory, 'root.pem');
    writeFileSync(tokenPath, 'token');
    writeFileSync(rootBundlePath, 'bundle');
    const controlPlane = { ...options.controlPlane, address };
    const layout = await initSidecar({
      ...options,
      ...{ adsVariant, statsProfile, controlPlane, tokenPath, rootBundlePath },
      directory: join(directory, 'sidecar'),
    });
    const verdict = run(envoyPath(), ['--mode', 'validate', '-c', layout.bootstrapPath]);
    expect(`${verdict.stdout}${verdict.stderr}`).toMatch(/configuration '.*' OK/);
    expect(verdict.stderr).not.toMatch(/deprecated|unknown field/i);
  },
);
