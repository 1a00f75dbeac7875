/** What the authority makes of its store: damage, writing that fails, modes, and several processes at once. */
import { beforeEach, expect, test } from '@jest/globals';
import { buildSync } from 'esbuild';
import { spawn } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Svid } from './issued.js';
import type { CaStore } from './store.js';
import { openDirectoryStore } from './store-directory.js';
import { freshRequest, temporaryDirectory, verifyChain } from './test-kit.js';
import {
  createAuthorityWorld,
  dayMs,
  hourMs,
  issue,
  type AuthorityWorld,
} from './testing/authority-world.js';

let directory: AuthorityWorld['directory'];
let clock: AuthorityWorld['clock'];
let warnings: AuthorityWorld['warnings'];
let open: AuthorityWorld['open'];
let fileIn: AuthorityWorld['fileIn'];

beforeEach(() => {
  ({ directory, clock, warnings, open, fileIn } = createAuthorityWorld());
});

test.each<[string, (svid: Svid) => string]>([
  ['that is cut off', (svid) => JSON.stringify(svid).slice(0, 100)],
  ['for another key', (svid) => JSON.stringify(svid)],
  [
    'with a changed life',
    (svid) => JSON.stringify({ ...svid, notAfterMs: svid.notAfterMs + 1000 }),
  ],
  ['of a wrong type', (svid) => JSON.stringify({ ...svid, chainPem: 7 })],
])('a stored chain %s is not served', async (what, spoil) => {
  const first = await open();
  const csr = freshRequest();
  const svid = await issue(first, csr);
  const [name = ''] = readdirSync(fileIn('issued'));
  const foreign = what === 'for another key' ? await issue(first, freshRequest()) : svid;
  writeFileSync(fileIn('issued', name), spoil(foreign), { mode: 0o600 });
  const served = await issue(await open(), csr);
  expect(served.serial).not.toBe(foreign.serial);
  expect(verifyChain(served.chainPem, first.bundle()).isOk).toBe(true);
});

const damaged = ['root.pem', 'root-key.pem', 'workload-issuer.pem', 'server-issuer.pem'].flatMap(
  (name) => [0, 0.1, 0.4, 0.7, 0.95].map((share): [string, number] => [name, share]),
);

test.each(damaged)(
  '%s cut off at %d of its length stops the start and changes nothing',
  async (name, share) => {
    await open();
    const whole = readFileSync(fileIn('active', name), 'utf8');
    const cut = whole.slice(0, Math.floor(whole.length * share));
    writeFileSync(fileIn('active', name), cut);
    await expect(open()).rejects.toMatchObject({ code: 'CaCorrupt' });
    expect(readFileSync(fileIn('active', name), 'utf8')).toBe(cut);
  },
);

test.each([['root-key.pem'], ['workload-issuer.pem'], ['root.pem']])(
  '%s of another CA stops the start',
  async (name) => {
    await open();
    const store = await openDirectoryStore(fileIn('other'));
    await open({ store });
    writeFileSync(fileIn('active', name), (await store.readSlot('active'))?.get(name) ?? '');
    await expect(open()).rejects.toMatchObject({ code: 'CaCorrupt' });
  },
);

test('a store that cannot write does not stop issuing and says so', async () => {
  const inner = await openDirectoryStore(directory);
  const full: CaStore = { ...inner, writeIssued: () => Promise.reject(new Error('ENOSPC')) };
  const authority = await open({ store: full });
  const csr = freshRequest();
  const svid = await issue(authority, csr);
  expect(await issue(authority, csr)).toEqual(svid);
  expect(warnings).toMatchObject([{ code: 'chain-not-stored' }]);
});

test('an intermediate that cannot be stored is used from memory and reported', async () => {
  const inner = await openDirectoryStore(directory);
  const full: CaStore = { ...inner, writeSlotFile: () => Promise.reject(new Error('ENOSPC')) };
  const authority = await open({ store: full });
  clock.advance(250 * dayMs);
  const svid = await issue(authority, freshRequest());
  expect(svid.notAfterMs).toBe(clock.now() + 12 * hourMs);
  expect(warnings).toMatchObject([{ code: 'issuer-not-stored' }]);
});

test.each([
  ['the directory', '', 0o755, 'chmod 700'],
  ['a slot', 'active', 0o750, 'chmod 700'],
  ['a key', 'active/root-key.pem', 0o640, 'chmod 600'],
  ['the published record', 'published.json', 0o604, 'chmod 600'],
])(
  '%s open to others stops the start and the message says how to mend it',
  async (_what, path, mode, remedy) => {
    await open();
    chmodSync(fileIn(path), mode);
    await expect(open()).rejects.toMatchObject({
      code: 'CaPermissions',
      message: expect.stringContaining(remedy),
    });
  },
);

test('everything written is for the owner alone', async () => {
  await issue(await open(), freshRequest());
  const found = new Set<string>();
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const { statSync } = await import('node:fs');
    const mode = statSync(join(entry.parentPath, entry.name)).mode & 0o777;
    found.add(`${entry.isDirectory() ? 'directory' : 'file'} ${mode.toString(8)}`);
  }
  expect([...found].sort()).toEqual(['directory 700', 'file 600']);
});

const program = `
  import { openAuthority, openDirectoryStore } from './src/ca/index.ts';
  import { systemClock } from './src/lib/clock.ts';
  const store = await openDirectoryStore(process.argv[2]);
  const authority = await openAuthority({ store, trustDomain: 'example.org', clock: systemClock });
  process.stdout.write(authority.bundle());
`;

function run(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (chunk) => (text += String(chunk)));
    child.on('error', reject);
    child.on('close', () => {
      resolve(text);
    });
  });
}

test('four processes starting at once end with one root', async () => {
  const outfile = join(temporaryDirectory(), 'start.mjs');
  // Some packages inside the bundle are CommonJS and ask for require.
  const banner = {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  };
  const stdin = { contents: program, resolveDir: process.cwd(), loader: 'ts' } as const;
  buildSync({
    stdin,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outfile,
    banner,
  });
  const bundles = await Promise.all(Array.from({ length: 4 }, () => run(outfile)));
  expect(bundles[0]).toMatch(/BEGIN CERTIFICATE/);
  expect(new Set(bundles).size).toBe(1);
  expect(readdirSync(directory).sort()).toEqual(['active', 'issued', 'published.json']);
});
