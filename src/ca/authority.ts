/** The certificate authority: opens its slots, signs, renews its own certificates. Mutable. */
import { fail, ok, type Result } from '../lib/index.js';
import {
  settle,
  type AuthorityOptions,
  type IssueRefusal,
  type IssueRequest,
  type Settled,
} from './authority-options.js';
import { issuedChains, type IssuedChains, type Svid } from './issued.js';
import { Issuers } from './issuers.js';
import { signLeaf } from './leaf.js';
import { openSlots, type OpenSlots } from './open-slots.js';
import { serverCertificates, type ServerCertificate } from './server-certificate.js';
import { randomLabel } from './slot.js';
import { parseWorkloadSpiffeId } from './spiffe.js';
import { renewalTimeMs } from './svid.js';
import { checkCsr } from './x509.js';

const maintenanceMs = 60 * 60 * 1000;

/** The authority at work. */
export interface Authority {
  readonly trustDomain: string;
  /** All trusted roots: active, next, retired; PEM. */
  bundle(): string;
  /** A certificate for the key in the request; until its renewal is due, the same one again. */
  issue(request: IssueRequest): Promise<Result<Svid, IssueRefusal>>;
  /** The control plane's own certificate for these DNS names; the same one until half its life is over. */
  serverCertificate(dnsNames: readonly string[]): Promise<ServerCertificate>;
  /** Hands `apply` a server certificate now and at each renewal; the returned function ends that. */
  keepServerCertificate(
    dnsNames: readonly string[],
    apply: (certificate: ServerCertificate) => void,
  ): Promise<() => void>;
  /** Renews what is due and forgets expired chains; also done every hour between `start` and `stop`. */
  maintain(): Promise<void>;
  start(): void;
  stop(): void;
}

async function issueSvid(
  request: IssueRequest,
  options: Settled,
  issuers: Issuers,
  chains: IssuedChains,
): Promise<Result<Svid, IssueRefusal>> {
  const { clock, trustDomain, lifetimes, random, randomBytes, audit } = options;
  const identity = parseWorkloadSpiffeId(request.spiffeId);
  if (!identity.ok || identity.value.trustDomain !== trustDomain) {
    const detail = `expected a workload of trust domain ${trustDomain}, found ${request.spiffeId}`;
    return fail({ code: 'identity', detail });
  }
  const spki = checkCsr(request.csr);
  if (!spki.ok) return fail({ code: 'csr', detail: spki.error });
  const known = await chains.find(spki.value, request.spiffeId, issuers.root());
  if (known !== undefined) return ok(known);
  const issuer = await issuers.get('workload');
  if (issuer === undefined) {
    return fail({
      code: 'issuer-expired',
      detail: 'no intermediate is valid and none can be made',
    });
  }
  const issuedAtMs = clock.now();
  // Certificates count whole seconds.
  const notAfterMs =
    Math.floor(Math.min(issuedAtMs + lifetimes.leafMs, issuer.notAfterMs) / 1000) * 1000;
  const notBeforeMs = Math.floor((issuedAtMs - lifetimes.backdateMs) / 1000) * 1000;
  const serial = randomLabel(randomBytes);
  const leafPem = signLeaf(issuer, {
    spki: spki.value,
    name: { kind: 'spiffe', id: request.spiffeId },
    notBeforeMs,
    notAfterMs,
    serial: Buffer.from(serial, 'hex'),
  });
  const svid: Svid = {
    spiffeId: request.spiffeId,
    chainPem: `${leafPem}${issuer.certPem}`,
    serial,
    notBeforeMs,
    notAfterMs,
    renewAtMs: renewalTimeMs({ issuedAtMs, notAfterMs }, random),
  };
  audit({ serial, spiffeId: request.spiffeId, podUid: request.podUid, notAfterMs });
  await chains.keep(spki.value, svid);
  return ok(svid);
}

function bundleOf(slots: OpenSlots): string {
  const others = [slots.next, slots.retired].flatMap((slot) => (slot === undefined ? [] : [slot]));
  return [slots.active, ...others].map((slot) => slot.rootPem).join('');
}

/**
 * Opens the authority of a trust domain, making its root when, and only when, none was ever made in
 * this store. Rejects with a `CaError` when what is stored is damaged, foreign, expired or gone.
 */
export async function openAuthority(options: AuthorityOptions): Promise<Authority> {
  const settled = settle(options);
  const { clock, store, warn, lifetimes, trustDomain, randomBytes } = settled;
  const slots = await openSlots({
    store,
    publishedBundle: options.publishedBundle,
    minting: { ...lifetimes, trustDomain, nowMs: clock.now(), randomBytes },
  });
  const issuers = new Issuers(slots.active, settled);
  const chains = issuedChains({
    store,
    now: () => clock.now(),
    onStoreFailure: (cause) => {
      warn({ code: 'chain-not-stored', cause });
    },
  });
  const servers = serverCertificates({
    clock,
    lifetimes,
    randomBytes,
    issuer: () => issuers.get('server'),
  });
  const bundle = bundleOf(slots);
  let cancel = (): void => undefined;

  async function maintain(): Promise<void> {
    await issuers.get('workload');
    await issuers.get('server');
    await chains.sweep();
  }
  function schedule(): void {
    cancel = clock.after(maintenanceMs, () => {
      schedule();
      maintain().catch((cause: unknown) => {
        warn({ code: 'issuer-not-renewed', cause });
      });
    });
  }
  await chains.sweep();
  return {
    trustDomain,
    bundle: () => bundle,
    issue: (request) => issueSvid(request, settled, issuers, chains),
    serverCertificate: (dnsNames) => servers.get(dnsNames),
    keepServerCertificate: (dnsNames, apply) => servers.keep(dnsNames, apply),
    maintain,
    start: schedule,
    stop: () => {
      cancel();
    },
  };
}
