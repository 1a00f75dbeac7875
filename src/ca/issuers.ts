/** The intermediates of one root, each replaced before it expires. Mutable. */
import type { Lifetimes, Settled } from './authority-options.js';
import { CaError } from './ca-error.js';
import { alarmLevel } from './expiry.js';
import {
  issuerFile,
  keyIdOf,
  makeIssuerText,
  readSlot,
  rootFile,
  type Issuer,
  type Slot,
} from './slot.js';
import type { IssuerScope } from './x509.js';

/** Share of an intermediate's life after which it is replaced. */
const issuerRenewalShare = 2 / 3;
/** Where none can be made, the store is looked at again this often: an operator may put one there. */
const retryMs = 60_000;
const kinds = ['workload', 'server'] as const;

function isRenewalDue(
  issuer: Issuer,
  { root, rootNotAfterMs }: Slot,
  lifetimes: Lifetimes,
  nowMs: number,
): boolean {
  // Made while the clock was ahead, it is good for nobody yet; before the root, the clock is wrong now.
  if (nowMs < issuer.notBeforeMs) return nowMs >= Date.parse(root.validFrom);
  const lifeMs = issuer.notAfterMs - issuer.notBeforeMs;
  const isLate = nowMs >= issuer.notBeforeMs + lifeMs * issuerRenewalShare;
  // Near the root's end a new intermediate would live no longer than the old one.
  const gainMs = Math.min(nowMs + lifetimes.issuerMs, rootNotAfterMs) - issuer.notAfterMs;
  return isLate && gainMs > 1000;
}

/** Signs nothing itself; one renewal at a time for each kind. */
export class Issuers {
  private slot: Slot;
  /** What the store held of each kind when it was last looked at. */
  private seen: Slot;
  private readonly options: Settled;
  private readonly renewals = new Map<IssuerScope['kind'], Promise<Issuer | undefined>>();
  private readonly failedAtMs = new Map<IssuerScope['kind'], number>();

  constructor(slot: Slot, options: Settled) {
    this.slot = slot;
    this.seen = slot;
    this.options = options;
  }

  /** The slot as it is used now: an intermediate that could not be stored is used all the same. */
  current(): Slot {
    return this.slot;
  }

  /** Takes over what the store holds of the same root by now, where it has changed there. */
  adopt(stored: Slot): void {
    // Whoever takes the root's key out of the store takes it from here too.
    const { workload, server } = this.slot;
    let next: Slot = {
      ...stored,
      ...(workload !== undefined && { workload }),
      ...(server !== undefined && { server }),
    };
    for (const kind of kinds) {
      const issuer = stored[kind];
      if (issuer === undefined || issuer.chainPem === this.seen[kind]?.chainPem) continue;
      next = { ...next, [kind]: issuer };
      this.failedAtMs.delete(kind);
    }
    this.slot = next;
    this.seen = stored;
  }

  /** An issuer that is valid now; undefined when there is none and none can be made. */
  async get(kind: IssuerScope['kind']): Promise<Issuer | undefined> {
    const { clock, lifetimes } = this.options;
    const current = this.slot[kind];
    const isDue = current === undefined || isRenewalDue(current, this.slot, lifetimes, clock.now());
    const issuer = isDue ? ((await this.renew(kind)) ?? current) : current;
    return issuer !== undefined && clock.now() < issuer.notAfterMs ? issuer : undefined;
  }

  private renew(kind: IssuerScope['kind']): Promise<Issuer | undefined> {
    const running = this.renewals.get(kind);
    if (running !== undefined) return running;
    const nowMs = this.options.clock.now();
    const failedAtMs = this.failedAtMs.get(kind);
    if (failedAtMs !== undefined && Math.abs(nowMs - failedAtMs) < retryMs) {
      return Promise.resolve(undefined);
    }
    const renewal = this.replace(kind)
      .then((issuer) => {
        if (issuer === undefined) this.failedAtMs.set(kind, nowMs);
        else this.failedAtMs.delete(kind);
        return issuer;
      })
      .finally(() => this.renewals.delete(kind));
    this.renewals.set(kind, renewal);
    return renewal;
  }

  /** What another replica has made meanwhile, or an operator has brought; never under another root. */
  private async stored(kind: IssuerScope['kind']): Promise<Issuer | undefined> {
    const { store, clock, lifetimes, trustDomain } = this.options;
    try {
      const { slots } = await store.read();
      const found = [...slots].find(([, files]) => files.get(rootFile) === this.slot.rootText);
      const issuer =
        found === undefined ? undefined : readSlot(found[0], found[1], trustDomain)[kind];
      if (issuer === undefined) return undefined;
      const isDue = isRenewalDue(issuer, this.slot, lifetimes, clock.now());
      return isDue ? undefined : issuer;
    } catch {
      // A store that is away or damaged must not keep this replica from renewing what it holds.
      return undefined;
    }
  }

  private async replace(kind: IssuerScope['kind']): Promise<Issuer | undefined> {
    const { store, clock, warn, audit, trustDomain, lifetimes, randomBytes } = this.options;
    const stored = await this.stored(kind);
    if (stored !== undefined) {
      this.slot = { ...this.slot, [kind]: stored };
      return stored;
    }
    const { name, rootPem, rootText, rootKey, rootNotAfterMs, fingerprint } = this.slot;
    const current = this.slot[kind];
    // Where the key is meant to be elsewhere, that is no news before it is time to sign anew there.
    const isExpected = rootKey === undefined && current !== undefined;
    if (isExpected && alarmLevel(current.notAfterMs, clock.now()) === undefined) return undefined;
    if (rootKey === undefined || clock.now() >= rootNotAfterMs) {
      const why =
        rootKey === undefined ? 'the root key is not in the store' : 'the root has expired';
      warn({ code: 'issuer-not-renewed', cause: new CaError('CaExpired', why) });
      return undefined;
    }
    const text = await makeIssuerText(
      kind,
      { certPem: rootPem, key: rootKey, notAfterMs: rootNotAfterMs },
      { ...lifetimes, trustDomain, nowMs: clock.now(), randomBytes },
    );
    const files = new Map([
      [rootFile, rootPem],
      [issuerFile(kind), text],
    ]);
    const issuer = readSlot(name, files, trustDomain)[kind];
    this.slot = { ...this.slot, ...(issuer === undefined ? {} : { [kind]: issuer }) };
    if (issuer !== undefined) {
      audit({
        ...{ kind: 'intermediate', of: kind, issuer: keyIdOf(issuer), root: fingerprint },
        notAfter: new Date(issuer.notAfterMs).toISOString(),
      });
    }
    await store.writeSlotFile(rootText, issuerFile(kind), text).catch((cause: unknown) => {
      warn({ code: 'issuer-not-stored', cause });
    });
    return issuer;
  }
}
