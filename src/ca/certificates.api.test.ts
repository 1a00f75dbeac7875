/** Our certificates before judges that are not ours: openssl, SPIFFE's own verifier in Go, and a linter of X.509. */
import { beforeEach, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { createPublicKey, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { systemClock } from '../lib/index.js';
import { spiffeId } from '../model/index.js';
import { openAuthority, type Authority } from './authority.js';
import { defaultLifetimes } from './authority-options.js';
import { importIssuers } from './import.js';
import { signLeaf, type LeafSigner } from './leaf.js';
import { makeOfflineRoot, signRequests } from './offline-root.js';
import { requestIssuers } from './pending-request.js';
import { openDirectoryStore } from './store-directory.js';
import type { CaStore } from './store.js';
import { freshKey, freshRequest, temporaryDirectory, verifyChain } from './test-kit.js';

const trustDomain = 'example.org';
const id = 'spiffe://example.org/ns/shop/sa/cart';

let store: CaStore;

beforeEach(async () => {
  store = await openDirectoryStore(join(temporaryDirectory(), 'ca'));
});

interface Judgement {
  readonly id: string;
  readonly error: string;
  readonly findings: readonly {
    readonly certificate: number;
    readonly lint: string;
    readonly status: string;
  }[];
}

function judge(chain: string, bundle: string, domain = trustDomain): Judgement {
  const program = process.env['SKERRY_JUDGE'] ?? '';
  if (program === '') throw new Error('the judge was not built: run it by npm run test:api');
  const input = JSON.stringify({ trustDomain: domain, chain, bundle });
  const { status, stdout, stderr } = spawnSync(program, { input, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Judgement;
}

function open(domain = trustDomain): Promise<Authority> {
  return openAuthority({ store, trustDomain: domain, clock: systemClock });
}

async function issue(authority: Authority, domain = trustDomain): Promise<string> {
  const request = { spiffeId: spiffeId(domain, 'shop', 'cart'), csr: freshRequest(), podUid: 'u' };
  const svid = await authority.issue(request);
  if (!svid.ok) throw new Error(svid.error.detail);
  return svid.value.chainPem;
}

/** Takes intermediates of a root that is made elsewhere into use. */
async function bringOffline(): Promise<void> {
  const minting = { nowMs: Date.now(), backdateMs: 300_000, lifeMs: 864e5, randomBytes };
  const passphrase = 'correct horse battery';
  const { certPem: rootPem, sealedKey } = await makeOfflineRoot(trustDomain, passphrase, minting);
  const { csrPem: requests } = await requestIssuers(store, trustDomain);
  const signed = await signRequests({ rootPem, sealedKey, passphrase, requests }, minting);
  if (!signed.ok) throw new Error(signed.error);
  const imported = await importIssuers({
    ...{ store, trustDomain, pem: signed.value.pem, serverName: 'skerry.skerry-system.svc' },
    ...{ clock: systemClock, lifetimes: defaultLifetimes, randomBytes },
  });
  if (!imported.ok) throw new Error(imported.error);
}

test.each([
  ['of an authority of our own', () => Promise.resolve()],
  ['of an offline root', bringOffline],
])('the leaf, intermediate and root %s are accepted by all', async (_, prepare) => {
  await prepare();
  const authority = await open();
  const [chain, bundle] = [await issue(authority), authority.bundle()];
  expect(verifyChain(chain, bundle)).toMatchObject({ isOk: true });
  expect(judge(chain, bundle)).toEqual({ id, error: '', findings: [] });
  const server = await authority.serverCertificate(['skerry.skerry-system.svc']);
  expect(verifyChain(server.chainPem, bundle)).toMatchObject({ isOk: true });
  expect(judge(server.chainPem, bundle).findings).toEqual([]);
});

test('a certificate of another trust domain is refused, whoever signed it', async () => {
  const own = await open();
  store = await openDirectoryStore(join(temporaryDirectory(), 'ca'));
  const foreign = await open('elsewhere.example');
  const theirs = await issue(foreign, 'elsewhere.example');
  expect(verifyChain(theirs, own.bundle())).toMatchObject({ isOk: false });
  expect(judge(theirs, own.bundle())).toMatchObject({
    id: '',
    error: expect.any(String) as unknown,
  });
  expect(judge(theirs, foreign.bundle(), 'elsewhere.example').error).toBe('');

  // By our own intermediate, which is held to our names by its constraints.
  const issuer: (LeafSigner & { readonly chainPem: string }) | undefined =
    own.slots().active.workload;
  if (issuer === undefined) throw new Error('expected an intermediate');
  const name = 'spiffe://elsewhere.example/ns/shop/sa/cart';
  const nowMs = Date.now();
  const chainOf = (one: string): string =>
    `${signLeaf(issuer, {
      ...{ name: { kind: 'spiffe', id: one }, serial: randomBytes(16).fill(1, 0, 1) },
      spki: freshKeyInfo(),
      ...{ notBeforeMs: nowMs - 60_000, notAfterMs: nowMs + 60_000 },
    })}${issuer.chainPem}`;
  expect(verifyChain(chainOf(name), own.bundle()).text).toContain('permitted subtree violation');
  // Asked as members of that domain would ask, so that only the constraints are in the way.
  expect(judge(chainOf(name), own.bundle(), 'elsewhere.example').error).toMatch(/not permitted/);
  expect(judge(chainOf(name), own.bundle()).error).not.toBe('');
  expect(judge(chainOf(id), own.bundle()).error).toBe('');
});

function freshKeyInfo(): Uint8Array {
  return createPublicKey(freshKey()).export({ format: 'der', type: 'spki' });
}
