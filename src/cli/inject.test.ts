/** `skerry inject` as a user meets it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { runSkerry, type CliRun } from './test-kit.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skerry-inject-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function inject(text: string): Promise<CliRun> {
  const file = join(folder, 'in.yaml');
  writeFileSync(file, text);
  return runSkerry('inject', '-f', file);
}

const pod = '{ spec: { containers: [{ name: app, image: web:1 }] } }';

function manifest(kind: string, spec: string): string {
  return `apiVersion: v1\nkind: ${kind}\nmetadata: { name: web, namespace: shop }\nspec: ${spec}\n`;
}

const sidecar = { initContainers: [{}, {}, { name: 'skerry-proxy', restartPolicy: 'Always' }] };

describe('skerry inject', () => {
  test.each([
    ['Deployment', `{ template: ${pod} }`, { template: { spec: sidecar } }],
    ['StatefulSet', `{ template: ${pod} }`, { template: { spec: sidecar } }],
    ['DaemonSet', `{ template: ${pod} }`, { template: { spec: sidecar } }],
    ['Job', `{ template: ${pod} }`, { template: { spec: sidecar } }],
    [
      'CronJob',
      `{ jobTemplate: { spec: { template: ${pod} } } }`,
      { jobTemplate: { spec: { template: { spec: sidecar } } } },
    ],
    ['Pod', '{ containers: [{ name: app, image: web:1 }] }', sidecar],
  ])('injects a %s', async (kind, spec, expected) => {
    const { code, stdout } = await inject(manifest(kind, spec));
    expect(code).toBe(0);
    expect(parse(stdout)).toMatchObject({ kind, metadata: { name: 'web' }, spec: expected });
  });

  test('injects the pods in a List, and only these', async () => {
    const items = ['Deployment', 'Service'].map(
      (kind) => `- { kind: ${kind}, metadata: { name: web }, spec: { template: ${pod} } }`,
    );
    const text = ['apiVersion: v1', 'kind: List', 'items:', ...items].join('\n');
    const { stdout } = await inject(text);
    const list = parse(stdout) as { readonly items: readonly unknown[] };
    expect(list.items[0]).toMatchObject({ spec: { template: { spec: sidecar } } });
    expect(list.items[1]).toEqual(
      parse(`{ kind: Service, metadata: { name: web }, spec: { template: ${pod} } }`),
    );
  });

  test('prints what kubectl cannot take for JSON, and leaves JSON in which nothing changes', async () => {
    const spec = { containers: [{ name: 'app', image: 'web:1' }] };
    const json = JSON.stringify({ kind: 'Pod', metadata: { name: 'web' }, spec }, null, 2);
    const { stdout } = await inject(json);
    expect(stdout.startsWith('---\n')).toBe(true);
    expect(parse(stdout)).toMatchObject({ kind: 'Pod', spec: sidecar });
    const other = '{ "kind": "Service", "metadata": { "name": "web" } }\n';
    expect((await inject(other)).stdout).toBe(other);
  });

  test('leaves other documents as they were written, to the letter', async () => {
    const service = '# mine\nkind:   Service # odd\nmetadata: {name:   web}\n';
    const config = '---\nkind: ConfigMap\ndata: {a: "1",   b: |-\n  x}\n'.replace('|-\n  x', "'x'");
    const { stdout } = await inject(
      `${service}---\n${manifest('Deployment', `{ template: ${pod} }`)}${config}`,
    );
    expect(stdout.startsWith(`${service}---\n`)).toBe(true);
    expect(stdout.endsWith(config)).toBe(true);
    const documents = parseAllDocuments(stdout).map((each) => each.toJS() as unknown);
    expect(documents).toMatchObject([
      { kind: 'Service' },
      { kind: 'Deployment', spec: { template: { spec: sidecar } } },
      { kind: 'ConfigMap' },
    ]);
  });

  test('keeps the comments of what it injects', async () => {
    const text = manifest('Deployment', `\n  # two of them\n  replicas: 2\n  template: ${pod}`);
    expect((await inject(text)).stdout).toContain('# two of them');
  });

  test('writes no anchors, which people who read it would have to follow', async () => {
    const { stdout } = await inject(manifest('Deployment', `{ template: ${pod} }`));
    expect(stdout).not.toMatch(/[&*]a\d/);
  });

  test('says the same when it reads its own output', async () => {
    const once = await inject(manifest('Deployment', `{ template: ${pod} }`));
    const twice = await inject(once.stdout);
    expect(twice.stdout).toBe(once.stdout);
  });

  test('says which pods it leaves alone and why', async () => {
    const text = manifest('Pod', '{ hostNetwork: true, containers: [{ name: app }] }');
    const { code, stdout, stderr } = await inject(text);
    expect([code, stdout]).toEqual([0, text]);
    expect(stderr).toContain('Pod/web is left alone: it uses the network of its node');
  });

  test.each([
    ['a pod that cannot be injected', manifest('Pod', '{ containers: [] }'), 'to have containers'],
    ['documents that only ... parts', 'kind: A\n...\nkind: B\n', 'expected --- between'],
    ['what is no YAML', 'kind: [\n', 'this is no YAML'],
  ])('exits 1 and prints no YAML for %s', async (_, text, reason) => {
    const { code, stdout, stderr } = await inject(text);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(reason);
    expect(stderr).not.toContain('    at ');
  });

  test('exits 2 for a file that cannot be read', async () => {
    expect(await runSkerry('inject', '-f', '/nonexistent')).toMatchObject({ code: 2, stdout: '' });
  });

  test('writes a redirection that the command line understands', async () => {
    const noted =
      "{ metadata: { annotations: { skerry.dev/exclude-inbound-ports: '81,82', skerry.dev/exclude-outbound-cidrs: 10.9.0.0/16 } }, spec: { containers: [{ name: app }] } }";
    const { stdout } = await inject(manifest('Deployment', `{ template: ${noted} }`));
    const { spec } = parse(stdout) as {
      readonly spec: {
        readonly template: {
          readonly spec: { readonly initContainers: [{ readonly args: string[] }] };
        };
      };
    };
    const rules = await runSkerry(...spec.template.spec.initContainers[0].args, '--print');
    expect(rules.code).toBe(0);
    for (const rule of [
      '--dport 81 -j RETURN',
      '--dport 82 -j RETURN',
      '-d 10.9.0.0/16 -j RETURN',
    ]) {
      expect(rules.stdout).toContain(rule);
    }
  });
});
