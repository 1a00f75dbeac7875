/** Tokens that a real API server gave to pods: who is let in, who is not, and what that costs the API server. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import { generateKeyPairSync } from 'node:crypto';
import { silentLogger, systemClock, type Clock } from '../../lib/index.js';
import {
  createReflector,
  parseObject,
  type KubernetesClient,
  type SourceBatch,
} from '../../sources/index.js';
import { joinCluster } from './test-kit.js';
import { createTokenAuthority, type TokenAuthority } from './token-authority.js';

const cluster = joinCluster();
const ends: (() => Promise<void>)[] = [];
let namespace: string;
let calls: string[];

beforeEach(async () => {
  namespace = await cluster().namespace();
  calls = [];
});

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** The same client, and a list of what it was asked. */
function counted(): KubernetesClient {
  const { client } = cluster();
  return {
    ...client,
    send: (request) => {
      calls.push(request.path);
      return client.send(request);
    },
  };
}

function send(method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown> {
  const full = `/api/v1/namespaces/${namespace}/${path}`;
  return cluster().client.send({ method, path: full, ...(body === undefined ? {} : { body }) });
}

function textIn(object: unknown, ...names: readonly string[]): string {
  const found = names.reduce<unknown>(
    (value, name) => (typeof value === 'object' && value !== null ? Reflect.get(value, name) : ''),
    object,
  );
  return typeof found === 'string' ? found : '';
}

/** Makes a service account; resolves with its uid. */
async function account(name: string): Promise<string> {
  return textIn(await send('POST', 'serviceaccounts', { metadata: { name } }), 'metadata', 'uid');
}

/** Makes a pod; resolves with its uid. */
async function pod(name: string, serviceAccountName = 'cart'): Promise<string> {
  const containers = [{ name: 'app', image: 'app' }];
  const spec = { serviceAccountName, nodeName: 'node-1', containers };
  return textIn(await send('POST', 'pods', { metadata: { name }, spec }), 'metadata', 'uid');
}

interface TokenRequest {
  readonly serviceAccount?: string;
  readonly pod?: { readonly name: string; readonly uid: string };
  readonly audience?: string;
}

async function token(request: TokenRequest): Promise<string> {
  const { serviceAccount = 'cart', pod: bound, audience = 'skerry' } = request;
  const answer = await send('POST', `serviceaccounts/${serviceAccount}/token`, {
    ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' },
    spec: {
      audiences: [audience],
      expirationSeconds: 600,
      ...(bound && { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', ...bound } }),
    },
  });
  return textIn(answer, 'status', 'token');
}

async function begin(clock: Clock = systemClock): Promise<TokenAuthority> {
  const authority = createTokenAuthority({ client: counted(), clock, logger: silentLogger });
  await authority.start();
  ends.push(() => authority.stop());
  return authority;
}

/** Hands the pods of the namespace to `take`, as the source does. */
async function follow(take: (batch: SourceBatch) => void): Promise<() => Promise<void>> {
  const reflector = createReflector({
    ...{ client: cluster().client, clock: systemClock, random: Math.random },
    path: `/api/v1/namespaces/${namespace}/pods`,
    read: (object) => parseObject(object, { rootNamespace: 'skerry-system' }),
    onChange: (changes) => {
      take({
        diagnostics: [],
        changes: changes.flatMap(({ key, value }): SourceBatch['changes'] => {
          const ref = { group: '', kind: 'Pod', namespace, name: key };
          if (value === undefined) return [{ collection: 'pods', key, value, ref }];
          if (value.kind !== 'ours' || value.outcome.kind !== 'good') return [];
          const { row } = value.outcome;
          return row.collection === 'pods' ? [{ ...row, key, ref }] : [];
        }),
      });
    },
  });
  await reflector.start();
  const end = (): Promise<void> => reflector.stop();
  ends.push(end);
  return end;
}

async function cart(): Promise<{
  readonly authority: TokenAuthority;
  readonly good: string;
  readonly uid: string;
}> {
  await account('cart');
  const uid = await pod('cart-0');
  const authority = await begin();
  await follow((batch) => {
    authority.onBatch(batch);
  });
  return { authority, uid, good: await token({ pod: { name: 'cart-0', uid } }) };
}

test('a token says who its pod is', async () => {
  const { authority, good, uid } = await cart();
  expect(await authority.verify(good)).toEqual({
    ok: true,
    value: {
      ...{ namespace, serviceAccount: 'cart', podName: 'cart-0', podUid: uid },
      serviceAccountUid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      nodeName: 'node-1',
      expiresAtMs: (decodeJwt(good).exp ?? 0) * 1000,
    },
  });
});

test('a thousand reconnects cost the API server nothing', async () => {
  const { authority, good } = await cart();
  calls = [];
  const answers = await Promise.all(Array.from({ length: 1000 }, () => authority.verify(good)));
  expect(answers.filter(({ ok }) => ok)).toHaveLength(1000);
  expect(calls).toEqual([]);
});

test('a token for another audience is refused', async () => {
  const { authority, uid } = await cart();
  const other = await token({ pod: { name: 'cart-0', uid }, audience: 'https://kubernetes' });
  expect(await authority.verify(other)).toEqual({ ok: false, error: 'wrong-audience' });
});

test('a token of no pod is refused', async () => {
  const { authority } = await cart();
  expect(await authority.verify(await token({}))).toEqual({ ok: false, error: 'no-pod' });
});

test('a token that has ended is refused', async () => {
  const { good, uid } = await cart();
  const clock = { ...systemClock, now: () => Date.now() + 600_000 };
  const late = await begin(clock);
  expect(uid).not.toBe('');
  expect(await late.verify(good)).toEqual({ ok: false, error: 'expired' });
});

test.each(['keep', 'unknown'])('a forged token is refused (key id: %s)', async (key) => {
  const { authority, good } = await cart();
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { kid = '' } = decodeProtectedHeader(good);
  const forged = await new SignJWT(decodeJwt(good))
    .setProtectedHeader({ alg: 'RS256', kid: key === 'keep' ? kid : 'unknown' })
    .sign(privateKey);
  const reason = key === 'keep' ? 'wrong-signature' : 'unknown-key';
  expect(await authority.verify(forged)).toEqual({ ok: false, error: reason });
});

test('a token whose pod has been deleted is refused, and the API server is asked once', async () => {
  const { authority, good } = await cart();
  await send('DELETE', 'pods/cart-0', { gracePeriodSeconds: 0 });
  calls = [];
  const answers = await Promise.all(Array.from({ length: 10 }, () => authority.verify(good)));
  expect(answers).toEqual(Array(10).fill({ ok: false, error: 'pod-gone' }));
  expect(calls).toEqual(['/apis/authentication.k8s.io/v1/tokenreviews']);
});

test('a token of an earlier pod of the same name is refused', async () => {
  const { authority, good } = await cart();
  await send('DELETE', 'pods/cart-0', { gracePeriodSeconds: 0 });
  const uid = await pod('cart-0');
  expect(await authority.verify(good)).toEqual({ ok: false, error: 'pod-gone' });
  const fresh = await token({ pod: { name: 'cart-0', uid } });
  expect((await authority.verify(fresh)).ok).toBe(true);
});

test('a token of an earlier service account of the same name is refused', async () => {
  const { authority, good, uid } = await cart();
  await send('DELETE', 'serviceaccounts/cart');
  await account('cart');
  expect(await authority.verify(good)).toEqual({ ok: false, error: 'service-account-gone' });
  const fresh = await token({ pod: { name: 'cart-0', uid } });
  expect((await authority.verify(fresh)).ok).toBe(true);
});

test('a pod that is newer than our copy is waited for, and nobody is asked', async () => {
  await account('cart');
  const authority = await begin();
  const uid = await pod('cart-0');
  const good = await token({ pod: { name: 'cart-0', uid } });
  calls = [];
  const answer = authority.verify(good);
  await follow((batch) => {
    authority.onBatch(batch);
  });
  expect((await answer).ok).toBe(true);
  expect(calls).toEqual([]);
});

test('without an API server a known pod is let in, and an unknown one is told to come again', async () => {
  await account('cart');
  const [one, two] = [await pod('cart-0'), await pod('cart-1')];
  let isAway = false;
  const client: KubernetesClient = {
    ...cluster().client,
    send: (request) =>
      isAway ? Promise.reject(new Error('away')) : cluster().client.send(request),
  };
  const authority = createTokenAuthority({ client, clock: systemClock, logger: silentLogger });
  await authority.start();
  ends.push(() => authority.stop());
  await follow((batch) => {
    const changes = batch.changes.filter(({ key }) => key.endsWith('cart-0'));
    authority.onBatch({ ...batch, changes });
  });
  const known = await token({ pod: { name: 'cart-0', uid: one } });
  const unknown = await token({ pod: { name: 'cart-1', uid: two } });
  isAway = true;
  expect((await authority.verify(known)).ok).toBe(true);
  expect(await authority.verify(unknown)).toEqual({ ok: false, error: 'undecided' });
});

test('before it has read anything it says so, and stopping ends the wait', async () => {
  const client: KubernetesClient = {
    ...cluster().client,
    send: () => Promise.reject(new Error('away')),
  };
  const authority = createTokenAuthority({ client, clock: systemClock, logger: silentLogger });
  const started = authority.start();
  expect(authority.waiting()).toHaveLength(2);
  await authority.stop();
  await expect(started).rejects.toThrow();
});
