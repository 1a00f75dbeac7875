/** The CRD in a real API server: what it takes, what it refuses and in which words. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import { openKubernetesClient, type KubernetesClient } from '../../kubernetes/client.js';
import { startApiServer, type TestApiServer } from '../../kubernetes/testing/api-server.js';
import { parseTrafficPolicy } from '../traffic-policy.js';
import { trafficPolicyDefinition } from './definition.js';
import { knownFieldsPolicy } from './known-fields.js';
import { celRules } from './rules.js';
import { brokenRules } from './testing/broken-policies.js';
import { everything } from './testing/policies.js';
import { wrongValues } from './testing/wrong-values.js';
import type { Schema } from './structural.js';
import { textRules } from './texts.js';

const root = join(import.meta.dirname, '../../../..');
const crds = join(root, 'deploy/crds');
const policies = '/apis/skerry.dev/v1alpha1/namespaces/default/trafficpolicies';
const { definition, fields } = trafficPolicyDefinition();
const schema = (
  definition as unknown as {
    spec: { versions: [{ schema: { openAPIV3Schema: { properties: Record<string, Schema> } } }] };
  }
).spec.versions[0].schema.openAPIV3Schema.properties;

let server: TestApiServer;
let client: KubernetesClient;

function kubectl(args: readonly string[], input?: string): { status: number; text: string } {
  const folder = process.env['SKERRY_KUBERNETES_BIN'];
  const program = folder === undefined ? 'kubectl' : join(folder, 'kubectl');
  try {
    const text = execFileSync(program, ['--kubeconfig', server.kubeconfig, ...args], {
      ...{ encoding: 'utf8', stdio: 'pipe', input },
    });
    return { status: 0, text };
  } catch (error) {
    const { status, stderr } = error as { status: number; stderr: string };
    return { status, text: stderr };
  }
}

function policy(name: string, spec: unknown): Readonly<Record<string, unknown>> {
  return {
    apiVersion: 'skerry.dev/v1alpha1',
    kind: 'TrafficPolicy',
    metadata: { name, namespace: 'default' },
    spec,
  };
}

/** Undefined: it would be taken. */
async function refusal(spec: unknown): Promise<string | undefined> {
  try {
    const query = { dryRun: 'All' };
    await client.send({ method: 'POST', path: policies, query, body: policy('dry', spec) });
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error('not within a minute');
    await sleep(100);
  }
}

/** Each map of the specs that names its fields, once by path, with one field more. */
function unknownFields(specs: readonly object[]): readonly { path: string; spec: unknown }[] {
  const open = new Set(['set', 'add', 'matchLabels', 'subset', 'ports', 'claimToHeaders']);
  const found = new Map<string, unknown>();
  const visit = (value: unknown, path: string, build: (inner: unknown) => unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      value.forEach((item: unknown, index) => {
        visit(item, `${path}[]`, (inner) => build(value.with(index, inner)));
      });
      return;
    }
    const isOpen = open.has(path.split('.').at(-1) ?? '') || path.endsWith('not[].not[]');
    if (isOpen) return;
    found.set(path, build({ ...value, nonsense: true }));
    for (const [name, item] of Object.entries(value)) {
      visit(item, `${path}.${name}`, (inner) => build({ ...value, [name]: inner }));
    }
  };
  for (const spec of specs) visit(spec, 'spec', (inner) => inner);
  return [...found].map(([path, spec]) => ({ path, spec }));
}

function pathsIn(value: unknown, path: string): readonly string[] {
  if (typeof value !== 'object' || value === null) return [path];
  if (Array.isArray(value)) return [path, ...value.flatMap((item) => pathsIn(item, `${path}[]`))];
  const inner = Object.entries(value).flatMap(([name, item]) => pathsIn(item, `${path}.${name}`));
  return [path, ...inner];
}

const many = <T>(count: number, make: (index: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** As many entries as the lists take that are nested the deepest. */
const largest = {
  targetRefs: many(16, (at) => ({ kind: 'Service', name: `s${String(at)}` })),
  routes: many(64, (at) => ({
    name: `r${String(at)}`,
    matches: many(16, () => ({
      path: { type: 'PathPrefix', value: '/a' },
      headers: many(32, () => ({ name: 'x-user', type: 'Exact', value: 'a' })),
      from: many(8, () => ({ not: many(4, () => ({ namespace: 'a' })) })),
    })),
    backends: many(16, () => ({ service: 'a', port: 80, weight: 1 })),
    timeout: '1s',
  })),
};

beforeAll(async () => {
  server = await startApiServer();
  client = openKubernetesClient({ kubeconfig: server.kubeconfig });
  const applied = kubectl(['apply', '-k', crds]);
  if (applied.status !== 0) throw new Error(applied.text);
  kubectl(['wait', '--for=condition=Established', 'crd/trafficpolicies.skerry.dev']);
  // Admission policies are compiled a moment later.
  const nonsense = { targetRefs: [{ kind: 'Namespace' }], nonsense: 1 };
  await until(async () => (await refusal(nonsense)) !== undefined);
}, 180_000);
afterAll(async () => {
  client.close();
  await server.stop();
});

test('applying the CRD again changes nothing, and it fits in the annotation of kubectl apply', () => {
  const again = kubectl(['apply', '-k', crds]);
  expect(
    again.text
      .trim()
      .split('\n')
      .map((line) => line.split(' ').at(-1)),
  ).toEqual(['unchanged', 'unchanged', 'unchanged']);
  expect(kubectl(['get', 'tp', '-A']).status).toBe(0);
});

describe('what is right is taken', () => {
  const files = ['src', 'demo']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
        join(folder, file),
      ),
    )
    .filter((file) => file.endsWith('.in.yaml') || /demo\/.*\.yaml$/.test(file));
  const objects = files.flatMap((file) =>
    parseAllDocuments(readFileSync(join(root, file), 'utf8'))
      .map((document) => document.toJS() as Record<string, unknown> | null)
      .filter((object) => object?.['kind'] === 'TrafficPolicy')
      .map((object, index) => ({ file: `${file}#${String(index)}`, object: object ?? {} })),
  );

  test('there are policies to try', () => {
    expect(objects.length).toBeGreaterThan(40);
  });

  test('the API server takes whatever the control plane takes', async () => {
    const wrong: string[] = [];
    for (const { file, object } of objects) {
      const { policy: parsed } = parseTrafficPolicy(object, { rootNamespace: 'skerry-system' });
      if (parsed === undefined) continue;
      const said = await refusal(object['spec']);
      if (said !== undefined) wrong.push(`${file}: ${said}`);
    }
    expect(wrong).toEqual([]);
  });

  test('every field of the schema is among what is taken', () => {
    const known = fields.map(({ path }) => path).filter((path) => path.startsWith('spec.'));
    const used = new Set(everything.flatMap((spec) => pathsIn(spec, 'spec')));
    expect(known.filter((path) => !used.has(path))).toEqual([]);
  });

  test.each(everything.map((spec) => [Object.keys(spec).join(', '), spec]))(
    'every field of the schema is taken: %s',
    async (_name, spec) => {
      expect(await refusal(spec)).toBeUndefined();
    },
  );
});

describe('what is wrong is refused by field', () => {
  const cases = wrongValues(schema['spec'] ?? {});

  test('each enum, pattern, bound and type', async () => {
    expect(cases.length).toBeGreaterThan(300);
    const silent: string[] = [];
    for (const { field, rule, spec, says } of cases) {
      const said = (await refusal(spec)) ?? 'nothing';
      if (!said.includes(field) || !said.includes(says)) silent.push(`${field} ${rule}: ${said}`);
    }
    expect(silent).toEqual([]);
  }, 120_000);

  test.each(brokenRules)('%j', async (spec, field, says) => {
    const said = (await refusal(spec)) ?? 'nothing';
    expect(said).toContain(`${field}: Invalid value`);
    expect(said).toContain(says);
    const parsed = parseTrafficPolicy(policy('dry', spec), { rootNamespace: 'default' });
    expect(parsed.policy).toBeUndefined();
  });

  test('each rule between fields has its case', () => {
    const rules = [
      ...Object.values(celRules).flat(),
      ...[...textRules.values()].flatMap(({ validations }) => validations ?? []),
    ];
    const idle = rules.filter(
      ({ message }) => !brokenRules.some(([, , says]) => message.includes(says)),
    );
    expect(idle).toEqual([]);
  });
});

describe('unknown fields', () => {
  const typo = { targetRefs: [{ kind: 'Namespace' }], inbound: { mtls: { mod: 'Strict' } } };
  const says = 'unknown field in spec.inbound.mtls: expected only mode, ports, floor';

  test.each([
    ['kubectl apply', ['apply', '-f', '-']],
    ['kubectl apply without its own validation', ['apply', '--validate=ignore', '-f', '-']],
    ['kubectl apply --server-side', ['apply', '--server-side', '-f', '-']],
    ['kubectl create', ['create', '-f', '-']],
  ])('are refused by name to %s', (_name, args) => {
    const { status, text } = kubectl(args, JSON.stringify(policy('typo', typo)));
    expect(status).not.toBe(0);
    expect(text).toContain(says);
  });

  test('are refused wherever a field may stand', async () => {
    const places = unknownFields(everything);
    const rule = knownFieldsPolicy(schema['spec'] ?? {})[0]?.['spec'] as {
      readonly validations: readonly { readonly message: string }[];
    };
    const ruled = rule.validations.map(({ message }) => /field in (\S+):/.exec(message)?.[1]);
    expect(places.map(({ path }) => path).sort()).toEqual(ruled.sort());
    const taken: string[] = [];
    for (const { path, spec } of places) {
      const said = (await refusal(spec)) ?? 'nothing';
      if (!said.includes(`unknown field in ${path}:`)) taken.push(`${path}: ${said}`);
    }
    expect(taken).toEqual([]);
  }, 120_000);

  test('of objects from before the rule do not stand in the way of labels, and are reported', async () => {
    const name = 'trafficpolicies.skerry.dev';
    const api = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings';
    const binding = await client.send({ method: 'GET', path: `${api}/${name}` });
    await client.send({ method: 'DELETE', path: `${api}/${name}` });
    await until(async () => (await refusal(typo)) === undefined);
    await client.send({ method: 'POST', path: policies, body: policy('old', typo) });
    const { apiVersion, kind, metadata, spec } = binding as Record<string, Record<string, unknown>>;
    const { labels } = metadata ?? {};
    await client.send({
      method: 'POST',
      path: api,
      body: { apiVersion, kind, metadata: { name, labels }, spec },
    });
    await until(async () => (await refusal(typo)) !== undefined);
    expect(kubectl(['label', 'tp', 'old', 'a=b']).status).toBe(0);
    const mode = JSON.stringify({ spec: { mode: 'Disabled' } });
    expect(kubectl(['patch', 'tp', 'old', '--type=merge', '-p', mode]).text).toContain(says);
    const object = await client.send({ method: 'GET', path: `${policies}/old` });
    const { policy: parsed, diagnostics } = parseTrafficPolicy(object, { rootNamespace: 'x' });
    expect(parsed).toBeUndefined();
    expect(diagnostics).toMatchObject([{ code: 'Invalid', field: 'spec.inbound.mtls.mod' }]);
    expect(kubectl(['delete', 'tp', 'old']).status).toBe(0);
  });

  test('the largest policy is judged within the cost that the API server grants', async () => {
    expect(await refusal(largest)).toBeUndefined();
    const last = largest.routes.length - 1;
    const routes = largest.routes.map((one, at) => (at === last ? { ...one, tiemout: '1s' } : one));
    expect(await refusal({ ...largest, routes })).toContain('unknown field in spec.routes[]');
  });
});

describe('status', () => {
  const now = new Date().toISOString();
  const condition = (type: string, reason: string): object => ({
    ...{ type, reason, status: 'True', message: 'accepted', lastTransitionTime: now },
    observedGeneration: 1,
  });
  const status = {
    observedGeneration: 1,
    target: 'Service/reviews:http',
    mode: 'Audit',
    conditions: [condition('Accepted', 'Accepted'), condition('Programmed', 'Programmed')],
    proxies: { selected: 41, live: 40, rejected: 0, offline: 1, summary: '40/41' },
    slowest: 'shop/reviews-1',
    firstRejection: { proxy: 'shop/reviews-2', message: 'no' },
    wouldDeny: { count: 2, callers: [{ caller: 'a', count: 2 }] },
  };

  test('is written by its own path only, has its columns, and moves no generation', async () => {
    const spec = { targetRefs: [{ kind: 'Namespace' }], mode: 'Audit' };
    const created = { ...policy('status', spec), status };
    const stored = await client.send({ method: 'POST', path: policies, body: created });
    expect(stored).not.toHaveProperty('status');
    const written = await client.send({
      ...{ method: 'PATCH', path: `${policies}/status/status`, body: { status } },
      contentType: 'application/merge-patch+json',
    });
    expect(written).toMatchObject({ metadata: { generation: 1 }, spec, status });
    const table = kubectl(['get', 'tp', 'status']).text.trim().split('\n');
    expect(table[0]?.split(/\s+/)).toEqual(['NAME', 'TARGET', 'MODE', 'ACCEPTED', 'LIVE', 'AGE']);
    expect(table[1]?.split(/\s+/).slice(0, 5)).toEqual([
      ...['status', 'Service/reviews:http', 'Audit', 'Accepted', '40/41'],
    ]);
    const spoilt = { spec: { mode: 'Enforce' }, status: { proxies: { live: 41 } } };
    const after = await client.send({
      ...{ method: 'PATCH', path: `${policies}/status`, body: spoilt },
      contentType: 'application/merge-patch+json',
    });
    expect(after).toMatchObject({ metadata: { generation: 2 }, status });
  });

  test('conditions of two writers stand beside each other', async () => {
    await client.send({
      ...{ method: 'POST', path: policies },
      body: policy('two', { targetRefs: [{ kind: 'Namespace' }] }),
    });
    for (const type of ['Accepted', 'Programmed']) {
      await client.send({
        ...{ method: 'PATCH', path: `${policies}/two/status` },
        query: { fieldManager: type, force: 'true' },
        contentType: 'application/apply-patch+yaml',
        body: {
          ...{
            apiVersion: 'skerry.dev/v1alpha1',
            kind: 'TrafficPolicy',
            metadata: { name: 'two' },
          },
          status: { conditions: [condition(type, type)] },
        },
      });
    }
    const { status: both } = (await client.send({ method: 'GET', path: `${policies}/two` })) as {
      readonly status: { readonly conditions: readonly { readonly type: string }[] };
    };
    expect(both.conditions.map(({ type }) => type)).toEqual(['Accepted', 'Programmed']);
  });
});

test('there are no defaults to be written into objects', async () => {
  const spec = { targetRefs: [{ kind: 'Service', name: 'a' }], routes: [{ matches: [{}] }] };
  const stored = await client.send({
    ...{ method: 'POST', path: policies, query: { dryRun: 'All' } },
    body: policy('bare', spec),
  });
  expect(stored).toMatchObject({ spec });
  expect(JSON.stringify((stored as { spec: unknown }).spec).length).toBe(
    JSON.stringify(spec).length,
  );
});
