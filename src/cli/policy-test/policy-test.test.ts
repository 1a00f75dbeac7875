/** Tests of policies, as a user runs them: files in, report and exit code out. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runSkerry, type CliRun } from '../test-kit.js';

/** `web/cart` calls `shop/reviews`, whose pods are v1 and v2; `web/plain` has no sidecar. */
const pod = (key: string, ip: string, more: string): string => {
  const [namespace = '', name = ''] = key.split('/');
  const annotations = key === 'web/plain' ? '{}' : `{ skerry.dev/sidecar: 'true' }`;
  return `apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: ${namespace}, annotations: ${annotations}, ${more} }
spec: { serviceAccountName: ${name}, containers: [{ name: app, ports: [{ containerPort: 8080 }] }] }
status: { phase: Running, podIP: ${ip} }
---`;
};
const service = (name: string, ip: string, addresses: readonly string[]): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: ${ip}, ports: [{ name: http, port: 80, targetPort: 8080, appProtocol: http }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}-1, namespace: shop, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
ports: [{ name: http, port: 8080, protocol: TCP }]
endpoints: [${addresses.map((each) => `{ addresses: [${each}] }`).join(', ')}]
---`;
/** The key of RFC 7517, appendix A.1. */
const keys = JSON.stringify({
  keys: [
    {
      ...{ kty: 'EC', crv: 'P-256' },
      x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
      y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
    },
  ],
});
const policy = `
apiVersion: skerry.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: reviews, namespace: shop }
spec:
  targetRefs: [{ kind: Service, name: reviews }]
  routes:
    - name: beta
      matches: [{ path: { value: /v2, type: PathPrefix }, headers: [{ name: x-user, value: beta }] }]
      backends: [{ subset: { version: v2 } }]
      timeout: 3s
      retries: { attempts: 4 }
      mirror: { service: shadow, percent: 5 }
    - name: away
      matches: [{ path: { value: /old, type: Exact } }]
      redirect: { hostname: new.example.com }
    - name: canary
      backends: [{ subset: { version: v1 }, weight: 3 }, { subset: { version: v2 }, weight: 1 }]
  inbound:
    mtls: { mode: Strict }
    authorization:
      allow:
        - name: carts
          from: [{ serviceAccount: web/cart }]
        - name: staff
          from: [{ namespace: office }]
          to: [{ methods: [GET] }]
          when: [{ claim: groups, values: [staff] }]
    jwt:
      issuers: [{ issuer: 'https://sso.local', audiences: [shop], jwks: { inline: KEYS } }]
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skerry-test-'));
  const objects = [
    pod('web/cart', '10.1.0.1', 'labels: { app: cart }'),
    pod('web/plain', '10.1.0.2', 'labels: {}'),
    pod('shop/v1', '10.1.1.1', 'labels: { version: v1 }'),
    pod('shop/v2', '10.1.1.2', 'labels: { version: v2 }'),
    service('reviews', '10.96.0.1', ['10.1.1.1', '10.1.1.2']),
    service('shadow', '10.96.0.2', ['10.1.1.2']),
  ];
  writeFileSync(join(folder, 'mesh.yaml'), objects.join('\n'));
  writeFileSync(
    join(folder, 'policy.yaml'),
    policy.trimStart().replace('KEYS', () => `'${keys}'`),
  );
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the cases given, one a line. */
async function run(cases: string, ...flags: readonly string[]): Promise<CliRun> {
  const path = join(folder, 'reviews.test.yaml');
  writeFileSync(path, `expect:\n${cases}\n`);
  return await runSkerry('test', path, '-f', folder, ...flags);
}

const to = 'to: "reviews.shop:80"';

test.each([
  ['a rule', `{ from: web/cart, ${to}, verdict: allowed, rule: shop/reviews/carts, tls: mutual }`],
  [
    'a refusal',
    `{ from: { namespace: office }, ${to}, verdict: denied, rule: shop/reviews/allow }`,
  ],
  ['a refusal at TLS', `{ from: web/plain, ${to}, verdict: denied, tls: plaintext }`],
  [
    'claims',
    `{ from: { namespace: office, serviceAccount: desk }, ${to}, claims: { iss: 'https://sso.local', aud: shop, groups: [staff] }, rule: shop/reviews/staff }`,
  ],
  [
    'a method that no rule allows',
    `{ from: { namespace: office }, ${to}, method: POST, claims: { iss: 'https://sso.local', aud: shop, groups: [staff] }, verdict: denied }`,
  ],
  [
    'a split',
    `{ from: web/cart, ${to}, route: shop/reviews/canary, backends: [{ subset: { version: v2 }, weight: 25 }, { subset: { version: v1 }, weight: 75 }] }`,
  ],
  [
    'a route by header, its mirror, timeout and retries',
    `{ from: web/cart, ${to}, path: /v2/x?y=z, headers: { X-User: beta }, route: shop/reviews/beta, backend: { service: reviews, subset: { version: v2 } }, mirror: { service: shadow, percent: 5 }, timeout: 3s, retries: 4 }`,
  ],
  ['a redirect', `{ from: web/cart, ${to}, path: /old, verdict: answered, status: 302 }`],
  ['no mirror and no timeout', `{ from: web/cart, ${to}, mirror: none, timeout: 0s }`],
  [
    'a Service without policies',
    `{ from: web/cart, to: 'shadow.shop:80', route: none, backend: shadow.shop:80, verdict: allowed }`,
  ],
  ['a name that is nobody’s', `{ from: web/cart, to: 'nobody.shop:80', verdict: unreachable }`],
])('%s is expected and found', async (_what, one) => {
  expect(await run(`  - ${one}`)).toMatchObject({ code: 0, stdout: '1 case, 0 failed\n' });
});

test.each([
  ['verdict', `verdict: denied`, 'verdict allowed by shop/reviews/carts'],
  ['rule', `rule: shop/reviews/staff`, 'rule shop/reviews/carts'],
  ['route', `route: shop/reviews/beta`, 'route shop/reviews/canary'],
  ['status', `status: 301`, 'status the callee’s own'],
  ['backend', `backend: shadow`, 'backends 75 % shop/reviews:80 with version=v1, 25 %'],
  [
    'weights',
    `backends: [{ subset: { version: v2 }, weight: 1 }, { subset: { version: v1 }, weight: 9 }]`,
    'backends 75 %',
  ],
  ['mirror', `mirror: { service: shadow }`, 'mirror none'],
  ['timeout', `timeout: 5s`, 'timeout none'],
  ['retries', `retries: 9`, 'retries 2'],
  ['tls', `tls: plaintext`, 'tls mutual'],
])('another %s than expected fails the case and is said', async (_what, expected, found) => {
  const { code, stdout } = await run(`  - { from: web/cart, ${to}, ${expected} }`);
  expect(code).toBe(1);
  expect(stdout).toContain(`found     ${found}`);
  expect(stdout).toContain('1 case, 1 failed');
});

test('a failed case names the field that failed, and the YAML behind what is', async () => {
  const { stdout } = await run(
    [
      `  - from: web/cart`,
      `    ${to}`,
      `    headers: { x-user: beta }`,
      `    route: shop/reviews/beta`,
    ].join('\n'),
  );
  expect(stdout).toMatch(/FAIL .*reviews\.test\.yaml:2 web\/cart to reviews\.shop:80 GET \//);
  expect(stdout).toMatch(/expected {2}route shop\/reviews\/beta {2}\(.*reviews\.test\.yaml:5\)/);
  expect(stdout).toMatch(
    /route shop\/reviews\/beta is passed by: path is .* \[.*policy\.yaml:7 TrafficPolicy shop\/reviews spec\.routes\[0\]\]/,
  );
});

test('a caller that is in no manifest fails the case, and the way out is said', async () => {
  const { code, stdout } = await run(`  - { from: web/nobody, ${to}, verdict: denied }`);
  expect(code).toBe(1);
  expect(stdout).toContain('no pod web/nobody is known');
  expect(stdout).toContain('from: {namespace, serviceAccount}');
});

test.each([
  [
    'an unknown field',
    `from: web/cart, ${to}, verdct: denied`,
    'expect[0].verdct',
    'did you mean verdict?',
  ],
  [
    'a wrong value',
    `from: web/cart, ${to}, verdict: no`,
    'expect[0].verdict',
    'expected one of allowed',
  ],
  ['no caller', `${to}, verdict: denied`, 'expect[0].from', 'this field is required'],
  [
    'no port',
    `from: web/cart, to: reviews.shop, verdict: denied`,
    'expect[0].to',
    '<service>.<namespace>:<port>',
  ],
  [
    'nothing expected',
    `from: web/cart, ${to}`,
    'expect[0]:',
    'expected at least one of verdict, rule',
  ],
  [
    'claims of nobody',
    `from: web/cart, ${to}, claims: { groups: [a] }, verdict: denied`,
    'expect[0].claims',
    'expected iss',
  ],
  [
    'an unknown field of a caller',
    `from: { namespace: web, serviceAcount: x }, ${to}, verdict: denied`,
    'expect[0].from.serviceAcount',
    'did you mean serviceAccount?',
  ],
  [
    'backend and backends',
    `from: web/cart, ${to}, backend: a, backends: [{ service: a }]`,
    'expect[0].backend',
    'not both',
  ],
])(
  '%s in a test is malformed: exit 2, with file, line, field and remedy',
  async (_what, one, field, says) => {
    const { code, stderr } = await run(`  - { ${one} }`);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error TestInvalid: .*reviews\.test\.yaml:2:\d+/);
    expect(stderr).toContain(field);
    expect(stderr).toContain(says);
  },
);

test('a malformed case does not keep the others from being run', async () => {
  const good = `{ from: web/cart, ${to}, verdict: allowed }`;
  const { code, stdout } = await run(`  - { ${to} }\n  - ${good}`);
  expect([code, stdout]).toEqual([2, '1 case, 0 failed\n']);
});

test('text that is no YAML is malformed', async () => {
  const { code, stderr } = await run(`  - { from: web/cart`);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^error YamlSyntax: .*reviews\.test\.yaml:\d+/);
});

test('a directory without tests is used wrongly', async () => {
  rmSync(join(folder, 'reviews.test.yaml'), { force: true });
  const { code, stderr } = await runSkerry('test', folder);
  expect(code).toBe(2);
  expect(stderr).toContain('expected a document with `expect:`');
});

test('tests beside manifests are found, and are nothing to skerry validate', async () => {
  writeFileSync(
    join(folder, 'reviews.test.yaml'),
    `expect: { from: web/cart, ${to}, verdict: allowed }\n`,
  );
  expect(await runSkerry('test', folder)).toMatchObject({ code: 0, stdout: '1 case, 0 failed\n' });
  const validated = await runSkerry('validate', '-f', folder);
  expect(validated.stdout).not.toContain('reviews.test.yaml');
});

test('reports for machines hold the same', async () => {
  const cases = [
    `  - { name: 'a "quoted" <name>', from: web/cart, ${to}, verdict: denied }`,
    `  - { name: fine, from: web/cart, ${to}, verdict: allowed }`,
  ].join('\n');
  const file = join(folder, 'junit.xml');
  const json = JSON.parse((await run(cases, '--json', '--junit', file)).stdout) as unknown;
  expect(json).toMatchObject({
    cases: 2,
    failed: 1,
    results: [
      {
        isPassed: false,
        line: 2,
        differences: [{ field: 'verdict', expected: 'denied', line: 2 }],
      },
      { name: 'fine', isPassed: true, differences: [] },
    ],
  });
  const xml = readFileSync(file, 'utf8');
  expect(xml).toContain('<testsuites name="skerry test" tests="2" failures="1">');
  expect(xml).toContain('<testcase name="a &quot;quoted&quot; &lt;name&gt;"');
  expect(xml.match(/<failure /g)).toHaveLength(1);
  expect((await run(cases, '-o', 'junit')).stdout).toBe(xml);
});
