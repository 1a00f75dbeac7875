/** The preparation of a sidecar's directory. */
import { beforeEach, expect, test } from '@jest/globals';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import {
  chmodSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { initSidecar, planSidecar, SidecarInitError, type SidecarInitOptions } from './init.js';
import { run, temporaryDirectory } from './test-kit.js';

let options: SidecarInitOptions;

beforeEach(() => {
  options = {
    nodeId: 'shop/cart-0',
    serviceAccount: 'cart',
    podUid: 'uid-1',
    controlPlane: { address: '10.0.0.1', port: 15012, serverName: 'skerry.local' },
    adsVariant: 'delta',
    statsProfile: 'minimal',
    directory: join(temporaryDirectory(), 'sidecar'),
    tokenPath: '/run/token',
    rootBundlePath: '/run/root/root.pem',
  };
});

function read(...path: readonly string[]): string {
  return readFileSync(join(options.directory, ...path), 'utf8');
}

test('openssl takes the request, and it is for the key beside it', async () => {
  const layout = await initSidecar(options);
  const checked = run('openssl', ['req', '-in', layout.csrPath, '-verify', '-noout', '-pubkey']);
  expect(checked.stderr).toMatch(/verify OK/);
  const key = createPublicKey(createPrivateKey(read('key', 'key.pem')));
  expect(checked.stdout).toBe(key.export({ format: 'pem', type: 'spki' }));
  expect(key.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
});

test('everything is closed to others and, made by root, belongs to the sidecar', async () => {
  await initSidecar(options);
  const entries = readdirSync(options.directory, { recursive: true, withFileTypes: true });
  const isRoot = process.geteuid?.() === 0;
  for (const entry of entries) {
    const stat = statSync(join(entry.parentPath, entry.name));
    expect(stat.mode & 0o777).toBe(entry.isDirectory() ? 0o700 : 0o600);
    expect(stat.uid).toBe(isRoot ? 1774 : process.geteuid?.());
  }
  expect(entries.map((entry) => entry.name).sort()).toEqual([
    'bootstrap.json',
    'csr.pem',
    'key',
    'key.pem',
    'run',
    'sds-ca.json',
    'sds-token.json',
  ]);
});

test('a second preparation makes a fresh key and a request and bootstrap that agree', async () => {
  await initSidecar(options);
  const before = read('key', 'key.pem');
  await initSidecar(options);
  expect(read('key', 'key.pem')).not.toBe(before);
  expect(JSON.parse(read('bootstrap.json'))).toMatchObject({
    node: { metadata: { 'skerry.dev/csr': read('csr.pem') } },
  });
});

test('a key is kept when asked for', async () => {
  await initSidecar(options);
  const before = read('key', 'key.pem');
  await initSidecar({ ...options, key: 'keep' });
  expect(read('key', 'key.pem')).toBe(before);
});

test.each<[string, (path: string) => void]>([
  [
    'is cut off',
    (path) => {
      writeFileSync(path, readFileSync(path, 'utf8').slice(0, 60));
    },
  ],
  [
    'was open to others',
    (path) => {
      chmodSync(path, 0o644);
    },
  ],
])('a key that %s is not kept', async (_what, spoil) => {
  await initSidecar(options);
  const before = read('key', 'key.pem');
  spoil(join(options.directory, 'key', 'key.pem'));
  await initSidecar({ ...options, key: 'keep' });
  expect(read('key', 'key.pem')).not.toBe(before);
  expect(createPrivateKey(read('key', 'key.pem')).asymmetricKeyType).toBe('ec');
});

test('the plan holds no key', () => {
  const text = JSON.stringify(planSidecar(options, 'the request'));
  expect(text).toContain('the request');
  expect(text).not.toContain('PRIVATE');
});

test('a directory that is a link is refused', async () => {
  symlinkSync(temporaryDirectory(), options.directory);
  await expect(initSidecar(options)).rejects.toThrow('to be a plain directory');
});

test('wrong options and a directory that cannot be made are reported', async () => {
  await expect(initSidecar({ ...options, nodeId: 'x' })).rejects.toThrow(SidecarInitError);
  const file = join(temporaryDirectory(), 'file');
  writeFileSync(file, '');
  const directory = join(file, 'sidecar');
  await expect(initSidecar({ ...options, directory })).rejects.toThrow('cannot prepare');
});
