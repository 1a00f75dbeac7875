/** Plans of real changes to the demo's YAML, as a user reads them. */
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runSkerry } from '../test-kit.js';

const demoMesh = fileURLToPath(new URL('../../../demo/mesh', import.meta.url));
const goldens = join(import.meta.dirname, 'testdata');
const isWriting = process.env['SKERRY_GOLDEN'] === 'write';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skerry-plan-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

type Edit = readonly [file: string, from: string, to: string];

/** The demo's YAML with texts replaced. */
function edited(name: string, edits: readonly Edit[]): string {
  const directory = join(folder, name.replaceAll(/\W/g, '-'));
  cpSync(demoMesh, directory, { recursive: true });
  for (const [file, from, to] of edits) {
    const path = join(directory, file);
    const text = readFileSync(path, 'utf8');
    if (!text.includes(from)) throw new Error(`${file} does not contain ${from}`);
    writeFileSync(
      path,
      text.replace(from, () => to),
    );
  }
  return directory;
}

const policies = '50-policies.yaml';
const cases: readonly (readonly [name: string, code: number, edits: readonly Edit[]])[] = [
  [
    'a-right-is-narrowed',
    1,
    [
      [
        policies,
        'from: [{ namespace: a }]',
        'from: [{ namespace: a }]\n          to: [{ methods: [GET], paths: [/api/*] }]',
      ],
    ],
  ],
  [
    'a-right-is-given',
    0,
    [
      [
        policies,
        'from: [{ namespace: b }]\n  outbound',
        'from: [{ namespace: b }, { namespace: a }]\n  outbound',
      ],
    ],
  ],
  [
    'a-canary-moves',
    0,
    [
      [policies, 'weight: 90', 'weight: 50'],
      [policies, 'weight: 10', 'weight: 50'],
    ],
  ],
  ['strict-is-lifted', 0, [[policies, 'mtls: { mode: Strict }', 'mtls: { mode: Permissive }']]],
  [
    'everything-is-closed',
    1,
    [
      [
        policies,
        'mtls: { mode: Permissive }',
        'mtls: { mode: Strict }\n    authorization: { default: Deny }',
      ],
    ],
  ],
  ['a-policy-has-an-error', 1, [[policies, 'weight: 90', 'weight: heavy']]],
  [
    'a-service-goes',
    1,
    [
      [
        '20-b.yaml',
        'kind: Service\nmetadata: { name: reviews-v2,',
        'kind: ServiceAccount\nmetadata: { name: reviews-v2,',
      ],
    ],
  ],
];

test.each(cases)('%s', async (name, code, edits) => {
  const found = await runSkerry('plan', '-f', edited(name, edits), '--against', demoMesh, '--long');
  const path = join(goldens, `${name}.txt`);
  if (isWriting) writeFileSync(path, found.stdout);
  expect(existsSync(path) ? readFileSync(path, 'utf8') : '').toBe(found.stdout);
  expect(found).toMatchObject({ code, stderr: '' });
});

test('a directory against itself changes nothing', async () => {
  const found = await runSkerry(
    'plan',
    '-f',
    demoMesh,
    '--against',
    demoMesh,
    '--detailed-exitcode',
  );
  expect(found.code).toBe(0);
  expect(found.stdout).toMatch(/^CALLS {2}0 changes; \d+ calls judged/);
  expect(found.stdout).toMatch(/nothing would change\n$/);
});

test('neither directory is written to', async () => {
  const next = edited('untouched', [[policies, 'weight: 90', 'weight: 80']]);
  const times = (): readonly number[] =>
    [next, demoMesh].flatMap((each) => [
      statSync(each).mtimeMs,
      statSync(join(each, policies)).mtimeMs,
    ]);
  const before = times();
  await runSkerry('plan', '-f', next, '--against', demoMesh);
  expect(times()).toEqual(before);
});

test('the exit code can tell whether anything changes', async () => {
  const next = edited('detailed', [[policies, 'weight: 90', 'weight: 80']]);
  const args = ['plan', '-f', next, '--against', demoMesh];
  expect((await runSkerry(...args)).code).toBe(0);
  expect((await runSkerry(...args, '--detailed-exitcode')).code).toBe(2);
});

test('JSON holds what the text holds, and each changed call', async () => {
  const next = edited('json', [
    [policies, 'from: [{ namespace: a }]', 'from: [{ namespace: nobody }]'],
  ]);
  const { stdout } = await runSkerry('plan', '-f', next, '--against', demoMesh, '--json');
  const plan = JSON.parse(stdout) as {
    calls: { changes: readonly { kind: string; callers: readonly string[]; to: string }[] };
  };
  expect(plan).toMatchObject({
    objects: [
      {
        operation: 'changed',
        object: 'TrafficPolicy.skerry.dev b/callers',
        fields: ['spec.inbound.authorization.allow[0].from[0].namespace'],
      },
    ],
    sidecars: { total: 7 },
    diagnostics: { new: [], gone: [] },
  });
  expect(plan.calls.changes).toContainEqual(
    expect.objectContaining({ kind: 'refused', callers: ['a/frontend'], to: 'reviews.b:80' }),
  );
});

test('a plan that is cut says so', async () => {
  const { stdout } = await runSkerry(
    'plan',
    '-f',
    demoMesh,
    '--against',
    demoMesh,
    '--max-calls',
    '5',
  );
  expect(stdout).toMatch(
    /not complete: \d+ targets were not judged: the limit of 5 calls was reached/,
  );
});

test.each([
  [
    'a directory that is not there',
    ['-f', '/nonexistent', '--against', demoMesh],
    'found none at /nonexistent',
  ],
  [
    'another that is not there',
    ['-f', demoMesh, '--against', '/nonexistent'],
    'found none at /nonexistent',
  ],
  ['no cluster to ask', ['-f', demoMesh], 'which cluster?'],
  [
    'a number that is none',
    ['-f', demoMesh, '--against', demoMesh, '--max-calls', 'many'],
    'expected a number of calls',
  ],
])('%s is used wrongly', async (_what, args, says) => {
  const { code, stderr } = await runSkerry('plan', ...args);
  expect([code, stderr]).toEqual([2, expect.stringContaining(says)]);
});
