/** Malformed and hostile files: each gives a finding, and the good objects beside it are unaffected. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createDirectoryRig, type DirectoryRig } from './directory/directory-rig.js';
import { readDirectory } from './directory/read-once.js';

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skerry-hostile-'));
});
afterAll(() => rm(directory, { recursive: true }));

const good = `apiVersion: v1
kind: Service
metadata: {name: good, namespace: shop}
spec:
  ports: [{port: 80}]
`;
const head = 'apiVersion: v1\nkind: Service\nmetadata: {name: bad, namespace: shop}\n';
const policyHead =
  'apiVersion: skerry.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: {name: bad, namespace: shop}\n';
const targets = 'spec:\n  targetRefs: [{kind: Service, name: a}]\n';

/** Nine levels of nine aliases each: 9^9 values when written out. */
const bomb = [
  'a: &a [x,x,x,x,x,x,x,x,x]',
  ...'bcdefghi'.split('').map(
    (name, index) =>
      `${name}: &${name} [${Array(9)
        .fill(`*${'abcdefgh'.charAt(index)}`)
        .join(',')}]`,
  ),
].join('\n');
const mergeBomb = `base: &base {${Array.from({ length: 9000 }, (_, index) => `k${index}: 1`).join(', ')}}
all:
  <<: [${Array(9000).fill('*base').join(', ')}]`;

/** What a file says, and the findings: `code line field`. */
const cases: readonly (readonly [string, string | Uint8Array, readonly string[]])[] = [
  // Not YAML
  ['an unclosed list', `${head}spec: {ports: [`, ['YamlSyntax 4']],
  ['an unclosed map', `${head}spec: {ports: 1`, ['YamlSyntax 4']],
  ['an unclosed quote', `${head}spec: "ports`, ['YamlSyntax 4']],
  ['a tab for indentation', `${head}spec:\n\tports: []\n`, ['YamlSyntax 5']],
  ['bad indentation', `${head}spec:\n    a: 1\n  b: 2\n`, ['YamlSyntax 6']],
  ['a key twice', `${head}spec: {}\nspec: {}\n`, ['YamlSyntax 5']],
  ['a key twice, deeper', `${head}spec:\n  ports: []\n  ports: []\n`, ['YamlSyntax 6']],
  ['an alias to nothing', `${head}spec: *nothing\n`, ['YamlSyntax 4']],
  ['a map and a list mixed', `${head}spec:\n  a: 1\n  - b\n`, ['YamlSyntax 6']],
  ['a colon too many', 'apiVersion: v1: v2\n', ['YamlSyntax 1']],
  ['a NUL byte', `${head}spec: a\0b\n`, ['YamlSyntax 4']],
  ['an escape character', `${head}spec: a\u001bb\n`, ['YamlSyntax 4']],
  [
    'bytes that are not UTF-8',
    Buffer.from([...Buffer.from(head), 0xff, 0xfe, 0x0a]),
    ['YamlSyntax 4'],
  ],
  ['UTF-16', Buffer.from(`\ufeff${head}`, 'utf16le'), ['YamlSyntax 1']],
  ['an unknown tag', `${head}spec: !exec {cmd: ls}\n`, ['YamlSyntax 4']],
  ['a JavaScript tag', `${head}spec: !!js/function "function(){}"\n`, ['YamlSyntax 4']],
  ['a binary executable', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]), ['YamlSyntax 1']],
  ['a directive alone', '%YAML 1.2\n', ['YamlSyntax 2']],
  ['merge of what is no map', `${head}spec:\n  <<: 1\n`, ['YamlSyntax 1']],
  // Too much
  ['ten megabytes', `${head}spec: "${'x'.repeat(10 * 1024 * 1024)}"\n`, ['FileTooLarge 1']],
  [
    'a document of two megabytes',
    `${head}spec: "${'x'.repeat(2 * 1024 * 1024)}"\n`,
    ['FileTooLarge 1'],
  ],
  ['a million tokens', `${head}spec: [${'1,'.repeat(500_000)}]\n`, ['FileTooLarge 4']],
  ['ten thousand and one documents', '---\na: 1\n'.repeat(10_001), ['FileTooLarge 1']],
  [
    'fourteen thousand keys',
    Array.from({ length: 14_000 }, (_, index) => `k${index}: 1\n`).join(''),
    ['NotAnObject 1 apiVersion', 'NotAnObject 1 kind', 'NotAnObject 1 metadata.name'],
  ],
  ['a billion laughs', bomb, ['YamlBomb 1']],
  ['a merge bomb', mergeBomb, ['YamlBomb 1']],
  ['lists a hundred thousand deep', '['.repeat(100_000), ['YamlSyntax 1']],
  ['maps ten thousand deep', '{a: '.repeat(10_000), ['YamlSyntax 1']],
  ['dashes ten thousand deep', '- '.repeat(10_000), ['YamlSyntax 1']],
  [
    'an object nested beyond reason',
    `${head}spec: {a: ${'['.repeat(80)}${']'.repeat(80)}}\n`,
    ['Invalid 4 spec.a[0][0][0][0][0][0]'],
  ],
  [
    'a value that contains itself',
    `${head}spec: &a {self: *a}\n`,
    ['Invalid 4 spec.self.self.self.self.self.self.self'],
  ],
  // Not objects
  ['a number', '42\n', ['NotAnObject 1']],
  ['a text', 'hello\n', ['NotAnObject 1']],
  ['a list', '- a\n- b\n', ['NotAnObject 1']],
  [
    'a map of something else',
    'a: 1\n',
    ['NotAnObject 1 apiVersion', 'NotAnObject 1 kind', 'NotAnObject 1 metadata.name'],
  ],
  [
    'no name',
    'apiVersion: v1\nkind: Service\nmetadata: {namespace: shop}\n',
    ['NotAnObject 3 metadata.name'],
  ],
  [
    'metadata that is a list',
    'apiVersion: v1\nkind: Service\nmetadata: []\n',
    ['NotAnObject 3 metadata', 'NotAnObject 3 metadata.name'],
  ],
  [
    'a name that is a number',
    'apiVersion: v1\nkind: Service\nmetadata: {name: 7}\n',
    ['NotAnObject 3 metadata.name'],
  ],
  [
    'a name with a slash',
    'apiVersion: v1\nkind: Service\nmetadata: {name: a/../b}\n',
    ['NotAnObject 3 metadata.name'],
  ],
  [
    'a name of capitals',
    'apiVersion: v1\nkind: Service\nmetadata: {name: Bad}\nspec: {}\n',
    ['Invalid 3 metadata.name'],
  ],
  [
    'a kind that nobody knows',
    'apiVersion: v1\nkind: Sevice\nmetadata: {name: a}\n',
    ['UnknownKind 2 kind'],
  ],
  [
    'another version',
    'apiVersion: v2\nkind: Service\nmetadata: {name: a}\nspec: {}\n',
    ['Invalid 1 apiVersion'],
  ],
  [
    'another’s TrafficPolicy',
    'apiVersion: other.dev/v1\nkind: TrafficPolicy\nmetadata: {name: a}\n',
    ['UnknownKind 2 kind'],
  ],
  [
    'a list whose items are none',
    'apiVersion: v1\nkind: List\nmetadata: {}\nitems: [1, null]\n',
    ['NotAnObject 4', 'NotAnObject 4'],
  ],
  // Wrong types and values
  ['a Service without spec', head, ['Invalid 1 spec']],
  ['a spec that is a list', `${head}spec: []\n`, ['Invalid 4 spec']],
  [
    'a port that is a text',
    `${head}spec:\n  ports:\n  - port: "80"\n`,
    ['Invalid 6 spec.ports[0].port'],
  ],
  [
    'a port beyond all',
    `${head}spec:\n  ports:\n  - port: 1e400\n`,
    ['Invalid 6 spec.ports[0].port'],
  ],
  [
    'a port of a hundred digits',
    `${head}spec:\n  ports:\n  - port: ${'9'.repeat(100)}\n`,
    ['Invalid 6 spec.ports[0].port'],
  ],
  [
    'a port that is not a number',
    `${head}spec:\n  ports:\n  - port: .nan\n`,
    ['Invalid 6 spec.ports[0].port'],
  ],
  [
    'an address of nonsense',
    `${head}spec:\n  clusterIP: 300.1.1.1\n`,
    ['Invalid 5 spec.clusterIP'],
  ],
  [
    'a label that is a number',
    'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n  labels:\n    v: 1\n',
    ['Invalid 6 metadata.labels.v'],
  ],
  ['the same object twice', `${head}spec: {}\n---\n${head}spec: {}\n`, ['DuplicateObject 6']],
  ['a policy without spec', policyHead, ['Invalid 1 spec.targetRefs', 'Invalid 1 spec']],
  [
    'a policy with an unknown field',
    `${policyHead}${targets}  rotues: []\n`,
    ['Invalid 6 spec.rotues'],
  ],
  [
    'a policy with a bare number for a duration',
    `${policyHead}${targets}  routes:\n  - timeout: 5\n`,
    ['Invalid 7 spec.routes[0].timeout'],
  ],
  [
    'a policy with a prototype',
    `${policyHead}${targets}  __proto__: {mode: Audit}\n`,
    ['Invalid 6 spec.__proto__'],
  ],
  [
    'a policy with a prototype among headers',
    `${policyHead}${targets}  routes:\n  - requestHeaders:\n      set: {__proto__: x}\n`,
    ['Invalid 8 spec.routes[0].requestHeaders.set.__proto__'],
  ],
  [
    'a policy with a constructor',
    `${policyHead}${targets}  constructor: {prototype: {}}\n`,
    ['Invalid 6 spec.constructor'],
  ],
  [
    'a policy with a regular expression that is none',
    `${policyHead}${targets}  routes:\n  - matches: [{path: {type: RegularExpression, value: "/(" }}]\n`,
    ['Invalid 7 spec.routes[0].matches[0].path.value'],
  ],
  [
    'a policy with a line break in a header',
    `${policyHead}${targets}  routes:\n  - requestHeaders: {set: {a: "b\\r\\nc: d"}}\n`,
    ['Invalid 7 spec.routes[0].requestHeaders.set.a'],
  ],
  [
    'a policy that merges a wrong field in',
    `${policyHead}${targets}  mode: Audit\n  <<: {rotues: []}\n`,
    ['Invalid 4 spec.rotues'],
  ],
  [
    'a policy for the mesh from below',
    `${policyHead}spec:\n  targetRefs: [{kind: Mesh}]\n`,
    ['TargetNotAllowed 5 spec.targetRefs[0].kind'],
  ],
  [
    'a policy that is not implemented',
    `${policyHead}spec:\n  targetRefs: [{kind: Namespace}]\n  telemetry: {accessLog: {mode: Errors}}\n`,
    ['NotImplemented 6 spec.telemetry.accessLog'],
  ],
];

const show = ({
  code,
  position,
  field,
}: {
  code: string;
  position?: { line: number };
  field?: string;
}): string => `${code} ${position?.line ?? 0} ${field ?? ''}`.trim();

test('there are at least fifty of them', () => {
  expect(cases.length).toBeGreaterThanOrEqual(50);
});

describe('one file at a time', () => {
  test.each(cases)('%s', async (_, content, expected) => {
    await writeFile(join(directory, 'bad.yaml'), content);
    await writeFile(join(directory, 'good.yaml'), good);
    const { changes, diagnostics } = await readDirectory(directory);
    expect(changes.filter(({ key }) => key === 'shop/good')).toHaveLength(1);
    expect(diagnostics.map(show)).toEqual(expected);
    expect(new Set(diagnostics.map(({ position }) => position?.file))).toEqual(
      new Set(['bad.yaml']),
    );
    for (const { message, remedy, value } of diagnostics) {
      expect(message).toMatch(/^[^A-Z].*[^.]$/);
      expect(remedy).not.toBe('');
      expect((value ?? '').length).toBeLessThanOrEqual(200);
    }
  });
});

describe('all of them at once', () => {
  const rigs: DirectoryRig[] = [];
  afterAll(() => Promise.all(rigs.map((rig) => rig.end())));

  test('a running source takes them, names each file, and goes on with the good object', async () => {
    const rig = await createDirectoryRig();
    rigs.push(rig);
    await rig.write('good.yaml', good);
    await rig.start();
    for (const [index, [, content]] of cases.entries()) {
      await rig.write(`bad-${index}.yaml`, content);
    }
    await rig.write('good.yaml', good.replace('80', '81'));
    const files = (): ReadonlySet<string | undefined> =>
      new Set(rig.diagnostics().map(({ position }) => position?.file));
    await rig.until(() => files().size === cases.length);
    await rig.until(() => JSON.stringify(rig.rows.get('services shop/good')).includes('81'));
    const removals = rig.batches
      .flatMap(({ changes }) => changes)
      .filter(({ key, value }) => key === 'shop/good' && value === undefined);
    expect(removals).toEqual([]);
    expect(({} as Record<string, unknown>)['mode']).toBeUndefined();
  });
});
