/** The control plane's own TLS server certificate: made with a fresh key, renewed at half life and when another root has its turn. Mutable. */
import { generateKeyPairSync } from 'node:crypto';
import type { Clock } from '../lib/index.js';
import { CaError } from './ca-error.js';
import type { CaAuditEvent, Lifetimes } from './authority-options.js';
import { signLeaf } from './leaf.js';
import { keyFingerprintOf, keyIdOf, randomLabel, type Issuer } from './slot.js';

/** How often at least a timer looks again: a clock may be set, and timers cannot span months. */
const pollMs = 60 * 60 * 1000;
const dnsNamePattern = /^(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/** A server's certificate and key. */
export interface ServerCertificate {
  /** The leaf, then what stands between it and the root; PEM. */
  readonly chainPem: string;
  /** Fingerprint of that root. */
  readonly root: string;
  /** PKCS #8, PEM. */
  readonly keyPem: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly renewAtMs: number;
}

/** What `serverCertificates` needs. */
export interface ServerCertificateOptions {
  readonly clock: Clock;
  readonly lifetimes: Lifetimes;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly audit: (event: CaAuditEvent) => void;
  /** The intermediate for servers, valid now; undefined when there is none. */
  readonly issuer: () => Promise<ServerIssuer | undefined>;
}

/** Who signs for servers, and the fingerprint of the root behind it. */
export interface ServerIssuer {
  readonly issuer: Issuer;
  readonly root: string;
}

/** Server certificates by their DNS names. */
export interface ServerCertificates {
  /** Rejects with `CaExpired` when none can be signed, with `CaMismatch` when a name is no DNS name. */
  get(dnsNames: readonly string[]): Promise<ServerCertificate>;
  /** Hands a certificate to `apply` now and after each renewal; the returned function ends that. */
  keep(
    dnsNames: readonly string[],
    apply: (certificate: ServerCertificate) => void,
  ): Promise<() => void>;
  /** Looks now whether another root has its turn. */
  refresh(): Promise<void>;
}

function checkNames(dnsNames: readonly string[]): void {
  const wrong = dnsNames.find((name) => name.length > 253 || !dnsNamePattern.test(name));
  if (wrong !== undefined || dnsNames.length === 0) {
    throw new CaError(
      'CaMismatch',
      `expected DNS names in lower case, found ${wrong === undefined ? 'none' : JSON.stringify(wrong)}`,
    );
  }
}

function signServer(
  dnsNames: readonly string[],
  { issuer, root }: ServerIssuer,
  options: ServerCertificateOptions,
): ServerCertificate {
  const { clock, lifetimes, randomBytes, audit } = options;
  const serial = randomLabel(randomBytes);
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const nowMs = clock.now();
  const notBeforeMs = nowMs - lifetimes.backdateMs;
  const notAfterMs = Math.min(nowMs + lifetimes.serverMs, issuer.notAfterMs);
  const leafPem = signLeaf(issuer, {
    spki: keys.publicKey.export({ format: 'der', type: 'spki' }),
    name: { kind: 'dns', names: dnsNames },
    ...{ notBeforeMs, notAfterMs },
    serial: Buffer.from(serial, 'hex'),
  });
  audit({
    ...{ kind: 'server', serial, names: dnsNames, key: keyFingerprintOf(keys.publicKey) },
    ...{ issuer: keyIdOf(issuer), root, notAfter: new Date(notAfterMs).toISOString() },
  });
  return {
    chainPem: `${leafPem}${issuer.chainPem}`,
    root,
    keyPem: keys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    ...{ notBeforeMs, notAfterMs },
    renewAtMs: nowMs + (notAfterMs - nowMs) / 2,
  };
}

/** A clock that was ahead has left one that is not valid yet. */
function isGood({ notBeforeMs, renewAtMs }: ServerCertificate, nowMs: number): boolean {
  return notBeforeMs <= nowMs && nowMs < renewAtMs;
}

/** Server certificates signed on demand and remembered until half of their life is over. */
export function serverCertificates(options: ServerCertificateOptions): ServerCertificates {
  const { clock } = options;
  const known = new Map<string, ServerCertificate>();
  const pending = new Map<string, Promise<ServerCertificate>>();
  const keepers = new Set<() => Promise<void>>();

  function get(dnsNames: readonly string[]): Promise<ServerCertificate> {
    const key = dnsNames.join(',');
    const making = pending.get(key) ?? make(key, dnsNames).finally(() => pending.delete(key));
    pending.set(key, making);
    return making;
  }

  async function make(key: string, dnsNames: readonly string[]): Promise<ServerCertificate> {
    checkNames(dnsNames);
    const current = known.get(key);
    const issuer = await options.issuer();
    const isRight = issuer === undefined || issuer.root === current?.root;
    if (current !== undefined && isRight && isGood(current, clock.now())) return current;
    if (issuer === undefined) {
      if (current !== undefined && clock.now() < current.notAfterMs) return current;
      throw new CaError('CaExpired', 'no intermediate for servers is valid and none can be made');
    }
    const certificate = signServer(dnsNames, issuer, options);
    known.set(key, certificate);
    return certificate;
  }

  async function keep(
    dnsNames: readonly string[],
    apply: (certificate: ServerCertificate) => void,
  ): Promise<() => void> {
    let current = await get(dnsNames);
    let isStopped = false;
    let cancel = (): void => undefined;
    async function look(): Promise<void> {
      // A failure leaves the old certificate in use; the next look tries again.
      const found = await get(dnsNames).catch(() => current);
      if (isStopped) return;
      if (found !== current) apply(found);
      current = found;
    }
    function schedule(): void {
      const delayMs = Math.min(pollMs, Math.max(1000, current.renewAtMs - clock.now()));
      cancel = clock.after(delayMs, () => {
        void look().then(() => {
          if (!isStopped) schedule();
        });
      });
    }
    apply(current);
    schedule();
    keepers.add(look);
    return () => {
      isStopped = true;
      keepers.delete(look);
      cancel();
    };
  }

  return {
    get,
    keep,
    async refresh(): Promise<void> {
      for (const look of keepers) await look();
    },
  };
}
