/** `skerry validate --envoy`: a real Envoy names what the parser lets pass and a sidecar would refuse. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { envoyBinary } from '../../envoy/testing/envoy-binary.js';
import { runSkerry } from '../test-kit.js';

const demoMesh = fileURLToPath(new URL('../../../demo/mesh', import.meta.url));
const envoy = envoyBinary();

interface Report {
  readonly diagnostics: readonly {
    readonly code: string;
    readonly message: string;
    readonly object?: { readonly namespace: string; readonly name: string };
    readonly position?: { readonly file: string; readonly line: number };
  }[];
  readonly envoy?: { readonly sidecars: number; readonly configurations: number };
}

const service = (namespace: string, name: string): string => `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: ${namespace}}
spec: {clusterIP: 10.96.0.${String(name.length)}, selector: {app: ${name}}, ports: [{port: 80, targetPort: 8080}]}
`;

/** The routes of a Service. */
const routes = (namespace: string, name: string, target: string, path: string): string => `
apiVersion: skerry.dev/v1alpha1
kind: TrafficPolicy
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  targetRefs: [{kind: Service, name: ${target}}]
  routes: [{matches: [{path: {type: RegularExpression, value: '${path}'}}]}]
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'skerry-check-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function write(file: string, ...documents: readonly string[]): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), documents.join('---'));
}

async function validate(): Promise<{ readonly code: number; readonly report: Report }> {
  const { code, stdout } = await runSkerry(
    ...['validate', '-f', folder, '--envoy', envoy, '-o', 'json'],
  );
  return { code, report: JSON.parse(stdout) as Report };
}

const rejected = ({ diagnostics }: Report): readonly string[] =>
  diagnostics
    .filter(({ code }) => code === 'Rejected')
    .map(
      ({ object, position }) =>
        `${object?.namespace ?? ''}/${object?.name ?? ''} ${position?.file ?? ''}:${String(position?.line)}`,
    );

describe('skerry validate --envoy', () => {
  test('finds nothing wrong with the demo, whose pods it has', async () => {
    const { code, stdout } = await runSkerry('validate', '-f', demoMesh, '--envoy', envoy);
    expect(stdout).toMatch(/given to Envoy: \d+ configurations, of 9 sidecars/);
    expect(code).toBe(0);
  });

  test('names each policy that Envoy refuses, with its words, file and line; without it nothing is found', async () => {
    write(
      'cart.yaml',
      service('shop', 'cart'),
      routes('shop', 'a-good', 'cart', '/[a-z]{9}'),
      service('shop', 'reviews'),
      routes('shop', 'b-bad', 'reviews', '/[a-z]{300}'),
    );
    write('deep/pay.yaml', service('shop', 'pay'), routes('shop', 'c-bad', 'pay', '/[0-9]{301}'));
    write('till.yaml', service('bank', 'tills'), routes('bank', 'd-good', 'tills', '/.*'));

    const plain = await runSkerry('validate', '-f', folder);
    expect(plain).toMatchObject({ code: 0 });

    const { code, report } = await validate();
    expect(code).toBe(1);
    expect(rejected(report)).toEqual(['shop/b-bad cart.yaml:19', 'shop/c-bad deep/pay.yaml:7']);
    expect(report.diagnostics.map(({ message }) => message)).toEqual([
      expect.stringContaining("regex '/[a-z]{300}' RE2 program size of"),
      expect.stringContaining("regex '/[0-9]{301}' RE2 program size of"),
    ]);
  });

  test('puts sidecars where the manifests have none: of each Service, of pods that are targets, of callers', async () => {
    write(
      'mesh.yaml',
      service('shop', 'cart'),
      routes('web', 'far', 'cart', '/[a-z]{9}').replace(
        'name: cart}',
        'name: cart, namespace: shop}',
      ),
      `
apiVersion: skerry.dev/v1alpha1
kind: TrafficPolicy
metadata: {name: jobs, namespace: shop}
spec:
  targetRefs: [{kind: Pod, selector: {matchLabels: {app: job}}}]
  inbound: {mtls: {mode: Strict}}
`,
    );
    const { report } = await validate();
    expect(rejected(report)).toEqual([]);
    expect(report.envoy).toEqual({ sidecars: 3, configurations: 3 });
  });

  test('says in one line what is wrong with the Envoy', async () => {
    const ask = (...args: readonly string[]): ReturnType<typeof runSkerry> =>
      runSkerry('validate', '-f', demoMesh, '--envoy', ...args);
    expect(await ask('/nonexistent')).toMatchObject({
      code: 2,
      stderr: 'skerry: --envoy names no executable: /nonexistent\n',
    });
    const none = await ask();
    expect(none.code).toBe(2);
    expect(none.stderr).toMatch(/^skerry: found no Envoy: name a binary .* by --envoy PATH.*\n$/);
    const other = await ask('/bin/false');
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(/^skerry: \/bin\/false did not judge the configuration: .*\n$/);
  });
});
