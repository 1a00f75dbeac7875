/** The certificate authority: opens its slots, signs, renews its own certificates, follows its store. Mutable. */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { fail, ok, type Result } from '../lib/index.js';
import {
  publicationMs,
  settle,
  type AuthorityOptions,
  type CaAuditEvent,
  type IssueRefusal,
  type IssueRequest,
  type Settled,
} from './authority-options.js';
import { CaError } from './ca-error.js';
import { issuedChains, issuedKey, type IssuedChains, type Svid } from './issued.js';
import { Issuers } from './issuers.js';
import { createKeyBudget, type KeyBudget } from './key-budget.js';
import { signLeaf } from './leaf.js';
import { openSlots, readStored, rootsOf, type OpenSlots } from './open-slots.js';
import { areSameRoots } from './rotation-record.js';
import {
  serverCertificates,
  type ServerCertificate,
  type ServerIssuer,
} from './server-certificate.js';
import { keyIdOf, randomLabel, type Slot } from './slot.js';
import { parseWorkloadSpiffeId } from './spiffe.js';
import type { StoredAuthority } from './store.js';
import { renewalTimeMs } from './svid.js';
import { checkCsr } from './csr.js';

const maintenanceMs = 60 * 60 * 1000;

/** The authority at work. */
export interface Authority {
  readonly trustDomain: string;
  /** All trusted roots, PEM, in an order that the roots alone decide: one that changes its slot changes nothing here. */
  bundle(): string;
  /** The slots as they are in use. */
  slots(): OpenSlots;
  /** A certificate for the key in the request; until its renewal is due or another root signs, the same one again. */
  issue(request: IssueRequest): Promise<Result<Svid, IssueRefusal>>;
  /** The pod with this uid is gone for good: what it was issued is not kept in memory for it any longer. */
  forget(podUid: string): void;
  /** The control plane's own certificate for these DNS names; the same one until half its life is over. */
  serverCertificate(dnsNames: readonly string[]): Promise<ServerCertificate>;
  /** Hands `apply` a server certificate now and at each renewal; the returned function ends that. */
  keepServerCertificate(
    dnsNames: readonly string[],
    apply: (certificate: ServerCertificate) => void,
  ): Promise<() => void>;
  /** Takes over what the store holds by now. Rejects with a `CaError`, and keeps what it has, when that is no sequel of it. */
  reload(): Promise<OpenSlots>;
  /** Tells of each move of the slots, after it is in use; the returned function ends that. */
  onMove(listener: () => void): () => void;
  /** Renews what is due and forgets expired chains; also done every hour between `start` and `stop`. */
  maintain(): Promise<void>;
  start(): void;
  stop(): void;
}

/** Why nothing is signed: the clock is so far behind that what is signed now had ended before its root was made. */
function tooEarly({ root }: Slot, { clock, lifetimes }: Settled): string | undefined {
  // A root that was brought is not backdated, and may have been made a moment ago.
  if (clock.now() + lifetimes.leafMs > Date.parse(root.validFrom)) return undefined;
  return `the clock of the control plane says ${new Date(clock.now()).toISOString()}, long before its root was made (${root.validFrom}): put it right`;
}

async function issueSvid(
  request: IssueRequest,
  options: Settled,
  issuersNow: () => Issuers,
  { chains, budget }: { readonly chains: IssuedChains; readonly budget: KeyBudget },
): Promise<Result<Svid, IssueRefusal>> {
  const { clock, trustDomain, lifetimes, newKeys, random, randomBytes, audit } = options;
  const identity = parseWorkloadSpiffeId(request.spiffeId);
  if (!identity.ok || identity.value.trustDomain !== trustDomain) {
    const detail = `expected a workload of trust domain ${trustDomain}, found ${request.spiffeId}`;
    return fail({ code: 'identity', detail });
  }
  const spki = checkCsr(request.csr);
  if (!spki.ok) return fail({ code: 'csr', detail: spki.error });
  const { spiffeId, podUid } = request;
  const holder = { spki: spki.value, spiffeId, podUid };
  const known = await chains.find(holder, issuersNow().current());
  if (known !== undefined) return ok(known);
  const issuers = issuersNow();
  const early = tooEarly(issuers.current(), options);
  if (early !== undefined) return fail({ code: 'clock', detail: early });
  const issuer = await issuers.get('workload');
  if (issuer === undefined) {
    return fail({
      code: 'issuer-expired',
      detail: 'no intermediate is valid and none can be made',
    });
  }
  // Renewals count for nothing: there are as many as half lives, and a mesh lives by them.
  const wanted = { podUid, key: issuedKey(spki.value, spiffeId), held: chains.keyOf(podUid) };
  if (!budget.take(wanted)) {
    const detail = `expected at most ${newKeys.atOnce} new keys of one pod at once, and one each ${newKeys.msPerKey / 1000} s after that: come again later`;
    return fail({ code: 'too-many-keys', detail });
  }
  const issuedAtMs = clock.now();
  // Certificates count whole seconds.
  const notAfterMs =
    Math.floor(Math.min(issuedAtMs + lifetimes.leafMs, issuer.notAfterMs) / 1000) * 1000;
  const notBeforeMs = Math.floor((issuedAtMs - lifetimes.backdateMs) / 1000) * 1000;
  const serial = randomLabel(randomBytes);
  const leafPem = signLeaf(issuer, {
    spki: spki.value,
    name: { kind: 'spiffe', id: spiffeId },
    notBeforeMs,
    notAfterMs,
    serial: Buffer.from(serial, 'hex'),
  });
  const svid: Svid = {
    spiffeId,
    chainPem: `${leafPem}${issuer.chainPem}`,
    root: issuers.current().fingerprint,
    serial,
    notBeforeMs,
    notAfterMs,
    renewAtMs: renewalTimeMs({ issuedAtMs, notAfterMs }, random),
  };
  audit({
    ...{ kind: 'workload', serial, spiffeId, podUid },
    key: createHash('sha256').update(spki.value).digest('hex'),
    ...{ issuer: keyIdOf(issuer), root: svid.root },
    notAfter: new Date(notAfterMs).toISOString(),
  });
  await chains.keep(holder, svid);
  return ok(svid);
}

function rootsEvent(slots: OpenSlots): CaAuditEvent {
  const { workload, server } = slots.active;
  const issuers = [workload, server].flatMap((one) => (one === undefined ? [] : [keyIdOf(one)]));
  return { kind: 'roots', ...rootsOf(slots), active: slots.active.fingerprint, issuers };
}

function present({ active, next, retired }: OpenSlots): readonly Slot[] {
  return [active, next, retired].flatMap((slot) => (slot === undefined ? [] : [slot]));
}

function bundleOf(slots: OpenSlots): string {
  const oldestFirst = (a: Slot, b: Slot): number => {
    const ageMs = Date.parse(a.root.validFrom) - Date.parse(b.root.validFrom);
    return ageMs !== 0 ? ageMs : a.fingerprint < b.fingerprint ? -1 : 1;
  };
  return [...present(slots)]
    .sort(oldestFirst)
    .map(({ rootPem }) => rootPem)
    .join('');
}

/** Whether a store that held `before` can have come to hold `after` by a rotation of ours. */
function refuseForeign(before: OpenSlots, after: OpenSlots): void {
  if (after.published.includes(before.active.fingerprint)) return;
  throw new CaError(
    'CaMismatch',
    `the store holds another CA by now, root ${after.active.fingerprint}, which has never known the one in use, ` +
      `root ${before.active.fingerprint}: restore that one from a backup, or restart to begin with the other`,
  );
}

/** The intermediates by root: those of a slot that moves stay the same ones. Mutable. */
function issuersByRoot(settled: Settled): (slots: OpenSlots) => (slot: Slot) => Issuers {
  let known = new Map<string, Issuers>();
  return (slots) => {
    const next = new Map<string, Issuers>();
    for (const slot of present(slots)) {
      const issuers = known.get(slot.fingerprint) ?? new Issuers(slot, settled);
      issuers.adopt(slot);
      next.set(slot.fingerprint, issuers);
    }
    known = next;
    return (slot) => next.get(slot.fingerprint) ?? new Issuers(slot, settled);
  };
}

/**
 * Who signs our servers' certificates: they are verified by files, which spread slowly, so the root
 * that was there before the rotation goes on until the files that hold both have surely arrived. A
 * forced rotation does not wait.
 */
async function serverIssuer(
  slots: OpenSlots,
  issuersOf: (slot: Slot) => Issuers,
  { clock, lifetimes }: Settled,
): Promise<ServerIssuer | undefined> {
  const { active, retired, rotation } = slots;
  const former = rotation?.former ?? retired?.fingerprint;
  // Less than half of the wait for the last old leaf, so that the other half proves it.
  const spreadMs = Math.min(publicationMs, lifetimes.leafMs / 4);
  const isSpreading =
    rotation === undefined ||
    (rotation.mode === 'staged' && clock.now() < rotation.sinceMs + spreadMs);
  const isFormerFirst = retired !== undefined && retired.fingerprint === former && isSpreading;
  for (const slot of isFormerFirst ? [retired, active] : [active]) {
    const issuer = await issuersOf(slot).get('server');
    if (issuer !== undefined) return { issuer, root: slot.fingerprint };
  }
  return undefined;
}

/**
 * Opens the authority of a trust domain, making its root when, and only when, none was ever made in
 * this store. Rejects with a `CaError` when what is stored is damaged, foreign, expired or gone.
 */
export async function openAuthority(options: AuthorityOptions): Promise<Authority> {
  const settled = settle(options);
  const { clock, store, warn, lifetimes, trustDomain, randomBytes, pollMs } = settled;
  let slots = await openSlots({
    store,
    publishedBundle: options.publishedBundle,
    minting: { ...lifetimes, trustDomain, nowMs: clock.now(), randomBytes },
  });
  const adopt = issuersByRoot(settled);
  let issuersOf = adopt(slots);
  let bundle = bundleOf(slots);
  const chains = issuedChains({
    store,
    now: () => clock.now(),
    onStoreFailure: (cause) => {
      warn({ code: 'chain-not-stored', cause });
    },
  });
  const budget = createKeyBudget(settled.newKeys, clock);
  const servers = serverCertificates({
    ...{ clock, lifetimes, randomBytes, audit: settled.audit },
    issuer: () => serverIssuer(slots, issuersOf, settled),
  });
  const listeners = new Set<() => void>();
  let cancels: readonly (() => void)[] = [];
  let isEstranged = false;
  let reading: Promise<unknown> = Promise.resolve();
  let last: StoredAuthority | undefined;

  async function readNow(): Promise<OpenSlots> {
    const stored = await store.read();
    // Mostly nothing has changed, and reading keys costs.
    if (isDeepStrictEqual(stored, last)) return slots;
    const found = readStored(stored, trustDomain, clock.now());
    refuseForeign(slots, found);
    const hasMoved = !areSameRoots(rootsOf(slots), rootsOf(found));
    const event = rootsEvent(found);
    if (!isDeepStrictEqual(event, rootsEvent(slots))) settled.audit(event);
    last = stored;
    slots = found;
    issuersOf = adopt(found);
    bundle = bundleOf(found);
    if (hasMoved) for (const listener of listeners) listener();
    return found;
  }
  function reload(): Promise<OpenSlots> {
    // One after the other, so that the last one read is the newest.
    const next = reading.then(readNow, readNow);
    reading = next;
    return next;
  }
  async function poll(): Promise<void> {
    try {
      await reload();
      isEstranged = false;
    } catch (cause) {
      // A store that is away for a while is met every few seconds.
      if (!isEstranged) warn({ code: 'store-not-adopted', cause });
      isEstranged = true;
    }
    await servers.refresh();
  }
  async function maintain(): Promise<void> {
    const issuers = issuersOf(slots.active);
    await issuers.get('workload');
    await issuers.get('server');
    await chains.sweep();
  }
  function every(periodMs: number, work: () => Promise<void>): () => void {
    let isStopped = false;
    let cancel = (): void => undefined;
    const schedule = (): void => {
      cancel = clock.after(periodMs, () => {
        work()
          .catch((cause: unknown) => {
            warn({ code: 'issuer-not-renewed', cause });
          })
          .finally(() => {
            if (!isStopped) schedule();
          });
      });
    };
    schedule();
    return () => {
      isStopped = true;
      cancel();
    };
  }
  await chains.sweep();
  settled.audit(rootsEvent(slots));
  return {
    trustDomain,
    bundle: () => bundle,
    slots: () => slots,
    issue: (request) =>
      issueSvid(request, settled, () => issuersOf(slots.active), { chains, budget }),
    forget: (podUid) => {
      chains.forget(podUid);
      budget.forget(podUid);
    },
    serverCertificate: (dnsNames) => servers.get(dnsNames),
    keepServerCertificate: (dnsNames, apply) => servers.keep(dnsNames, apply),
    reload,
    onMove: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    maintain,
    start: () => {
      cancels = [every(maintenanceMs, maintain), every(pollMs, poll)];
    },
    stop: () => {
      for (const cancel of cancels) cancel();
      cancels = [];
    },
  };
}
