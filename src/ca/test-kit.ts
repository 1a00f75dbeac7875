/** What the tests of this room share: a clock held still, requests, a place to put files, and openssl. */
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { afterAll } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  derBits,
  derContext,
  derOid,
  derSequence,
  derUnsigned,
  pemOf,
  type Clock,
} from '../lib/index.js';

/** A clock that moves when told to, and then runs what has fallen due. */
export interface HeldClock extends Clock {
  advance(ms: number): void;
  set(nowMs: number): void;
}

/** A clock that stands at `nowMs`, by default the machine's time in whole seconds. */
export function heldClock(nowMs: number = Math.floor(Date.now() / 1000) * 1000): HeldClock {
  let now = nowMs;
  const tasks = new Set<{ readonly atMs: number; readonly task: () => void }>();
  const runDue = (): void => {
    for (const entry of [...tasks].sort((a, b) => a.atMs - b.atMs)) {
      if (entry.atMs <= now && tasks.delete(entry)) entry.task();
    }
  };
  return {
    now: () => now,
    after: (delayMs, task) => {
      const entry = { atMs: now + delayMs, task };
      tasks.add(entry);
      return () => void tasks.delete(entry);
    },
    advance: (ms) => {
      now += ms;
      runDue();
    },
    set: (at) => {
      now = at;
    },
  };
}

const made: string[] = [];

/** A new empty directory, 0700; removed when the tests of the file are done. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'skerry-ca-'));
  made.push(directory);
  return directory;
}

afterAll(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** A fresh P-256 key. */
export function freshKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

/** A PKCS #10 request for the public key of `key`, signed with `signer`. */
export function requestFor(key: KeyObject, publicKey: KeyObject, signer: KeyObject = key): string {
  const info = derSequence(
    derUnsigned(Buffer.from([0])),
    derSequence(),
    publicKey.export({ format: 'der', type: 'spki' }),
    derContext(0),
  );
  const algorithm = derSequence(derOid('1.2.840.10045.4.3.2'));
  const signature = derBits(sign('sha256', info, signer));
  return pemOf('CERTIFICATE REQUEST', derSequence(info, algorithm, signature));
}

/** A request signed by a fresh key of its own. */
export function freshRequest(): string {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return requestFor(privateKey, publicKey);
}

/** What openssl printed, errors included, and whether it was content. */
export function openssl(...args: readonly string[]): {
  readonly isOk: boolean;
  readonly text: string;
} {
  const { status, stdout, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  return { isOk: status === 0, text: `${stdout}${stderr}` };
}

/** What `openssl verify -x509_strict` says of a chain (leaf first) under a bundle of roots. */
export function verifyChain(chainPem: string, bundlePem: string): ReturnType<typeof openssl> {
  const directory = temporaryDirectory();
  const at = (name: string, text: string): string => {
    const path = join(directory, name);
    writeFileSync(path, text);
    return path;
  };
  const chain = at('chain.pem', chainPem);
  const bundle = at('bundle.pem', bundlePem);
  return openssl('verify', '-x509_strict', '-CAfile', bundle, '-untrusted', chain, chain);
}

/** What `openssl x509 -text` prints of the first certificate in `pem`. */
export function certificateText(pem: string): string {
  const path = join(temporaryDirectory(), 'certificate.pem');
  writeFileSync(path, pem);
  return openssl('x509', '-in', path, '-noout', '-text').text;
}
