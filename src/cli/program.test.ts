/** The command line as a user meets it, on the demo's own YAML. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ControllerOptions } from './controller-options.js';
import { runCli } from './program.js';

const demoMesh = fileURLToPath(new URL('../../demo/mesh', import.meta.url));

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly started: readonly ControllerOptions[];
}

async function skerry(...args: readonly string[]): Promise<Run> {
  const output = { stdout: '', stderr: '' };
  const started: ControllerOptions[] = [];
  const code = await runCli(args, {
    stdout: { write: (text) => (output.stdout += text) },
    stderr: { write: (text) => (output.stderr += text) },
    // Where nobody has a kubeconfig.
    env: { HOME: '/nonexistent' },
    startController: (options) => {
      started.push(options);
      return Promise.reject(new Error('the address is in use'));
    },
  });
  return { code, ...output, started };
}

let broken: string;
beforeAll(() => {
  broken = mkdtempSync(join(tmpdir(), 'skerry-cli-'));
  const lines = [
    'apiVersion: skerry.dev/v1alpha1',
    'kind: TrafficPolicy',
    'metadata: {name: cart, namespace: shop}',
    'spec:',
    '  targetRefs: [{kind: Namespace}]',
    '  inbound: {mtls: {mode: Sometimes}}',
  ];
  writeFileSync(join(broken, 'cart.yaml'), lines.join('\n'));
});
afterAll(() => {
  rmSync(broken, { recursive: true, force: true });
});

describe('skerry', () => {
  test('lists every command in its help and exits 0', async () => {
    const { code, stdout } = await skerry('--help');
    expect(code).toBe(0);
    for (const verb of ['validate', 'explain', 'proxies', 'config', 'controller', 'sidecar']) {
      expect(stdout).toContain(verb);
    }
  });

  test('shows an example with the help of a command', async () => {
    const { code, stdout } = await skerry('validate', '--help');
    expect(code).toBe(0);
    expect(stdout).toContain('skerry validate -f ./mesh');
  });

  test.each([
    [['frobnicate']],
    [['validate']],
    [['validate', '-f', '/nonexistent']],
    [['proxies']],
    [['config', 'no-slash', '--admin-socket', '/nonexistent']],
    [['sidecar', 'redirect', '--exclude-inbound-port', '99999', '--print']],
  ])('exits 2 when used wrongly: %j', async (args) => {
    const { code, stderr } = await skerry(...args);
    expect(code).toBe(2);
    expect(stderr).not.toContain('    at ');
  });

  test('says in one line why a control plane cannot be asked', async () => {
    const { code, stderr } = await skerry('proxies', '--admin-socket', '/nonexistent.sock');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^skerry: no control plane answers on \/nonexistent\.sock .*\n$/);
  });

  test('hands the control plane its flags, and says why it did not start', async () => {
    const { code, stderr, started } = await skerry(
      ...['controller', '--directory', 'd', '--state-dir', 's'],
      ...['--mesh-cidr', '10.0.0.0/8', '--mesh-cidr', 'fd00::/8', '--svid-ttl', '60'],
    );
    expect(code).toBe(1);
    expect(stderr).toBe('skerry: the address is in use\n');
    expect(started[0]).toMatchObject({
      adminSocket: 's/admin.sock',
      meshCidrs: ['10.0.0.0/8', 'fd00::/8'],
      serverNames: ['skerry.skerry-system.svc'],
      svidTtlSeconds: 60,
      outbound: 'on-demand',
    });
  });
});

describe('skerry validate', () => {
  test('finds nothing wrong with the demo', async () => {
    const { code, stdout } = await skerry('validate', '-f', demoMesh);
    expect(stdout).toContain('0 errors');
    expect(code).toBe(0);
  });

  test('names file, line, object, field, value and remedy', async () => {
    const { code, stdout } = await skerry('validate', '-f', broken);
    expect(code).toBe(1);
    expect(stdout).toMatch(/cart\.yaml:6:\d+ TrafficPolicy\.skerry\.dev shop\/cart/);
    expect(stdout).toContain('spec.inbound.mtls.mode');
    expect(stdout).toContain('Sometimes');
  });

  test('prints JSON for machines', async () => {
    const { stdout } = await skerry('validate', '-f', broken, '-o', 'json');
    const report = JSON.parse(stdout) as { diagnostics: readonly { code: string }[] };
    expect(report.diagnostics.map((one) => one.code)).toContain('Invalid');
  });
});

describe('skerry explain', () => {
  test('names the policy by which A may not call C', async () => {
    const { code, stdout } = await skerry(
      ...['explain', 'a/frontend', 'ratings.c:8080', 'GET', '/', '-f', demoMesh],
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(/verdict .* refused by c\/callers\/default/);
    expect(stdout).toContain('TrafficPolicy c/callers');
  });

  test('follows the header to the version it is for, and says which routes were passed by', async () => {
    const beta = ['-H', 'x-user: beta'];
    const call = ['explain', 'a/frontend', 'reviews.b:80', '-f', demoMesh, '-o', 'json'];
    const plain = await skerry(...call);
    const tested = await skerry(...call, ...beta);
    expect(plain.code).toBe(0);
    expect(plain.stdout).toContain('version=v1');
    expect(plain.stdout).toContain('is passed by');
    expect(tested.stdout).toContain('b/reviews-v2');
    expect(tested.stdout).not.toContain('b/reviews-v1');
  });

  test('says that a name is nobody’s', async () => {
    const { code, stdout } = await skerry('explain', 'a/frontend', 'nobody.b:80', '-f', demoMesh);
    expect(code).toBe(1);
    expect(stdout).toContain('names no Service');
  });
});
