/** What an authority is opened with, what it is asked, and its defaults. */
import { randomBytes as systemRandomBytes } from 'node:crypto';
import type { Clock } from '../lib/index.js';
import type { SpiffeId } from '../model/index.js';
import { defaultKeyAllowance, type KeyAllowance } from './key-budget.js';
import type { CaStore } from './store.js';

const dayMs = 24 * 60 * 60 * 1000;

/** How long certificates live, in milliseconds. */
export interface Lifetimes {
  readonly rootMs: number;
  readonly issuerMs: number;
  readonly leafMs: number;
  /** The control plane's own server certificate. */
  readonly serverMs: number;
  /** How far `notBefore` lies before the signing, for peers whose clock runs behind. */
  readonly backdateMs: number;
}

/** How often the store is looked at, for what other replicas and operators have changed there. */
export const storePollMs = 5000;
/** How long at most files with the trust bundle take to reach those who verify our servers by them. */
export const publicationMs: number = 10 * 60 * 1000;

/** Root 10 years, intermediates 1 year, workloads 12 hours, own server 30 days, backdated 5 minutes. */
export const defaultLifetimes: Lifetimes = {
  rootMs: 3650 * dayMs,
  issuerMs: 365 * dayMs,
  leafMs: dayMs / 2,
  serverMs: 30 * dayMs,
  backdateMs: 5 * 60 * 1000,
};

/** What the authority has done, for the audit log. Keys are named by the SHA-256 of their public half. */
export type CaAuditEvent =
  /** Who was given what; `issuer`: the subject key identifier of the intermediate. */
  | {
      readonly kind: 'workload';
      readonly serial: string;
      readonly spiffeId: SpiffeId;
      readonly podUid: string;
      readonly key: string;
      readonly issuer: string;
      readonly root: string;
      readonly notAfter: string;
    }
  /** A certificate for a server of our own. */
  | {
      readonly kind: 'server';
      readonly serial: string;
      readonly names: readonly string[];
      readonly key: string;
      readonly issuer: string;
      readonly root: string;
      readonly notAfter: string;
    }
  /** An intermediate that was made here; `issuer`: its own subject key identifier. */
  | {
      readonly kind: 'intermediate';
      readonly of: 'workload' | 'server';
      readonly issuer: string;
      readonly root: string;
      readonly notAfter: string;
    }
  /** What signs and what is trusted from now on: at the start, and when that has changed in the store. */
  | {
      readonly kind: 'roots';
      readonly active: string;
      readonly next?: string;
      readonly retired?: string;
      /** Subject key identifiers of the active root's intermediates. */
      readonly issuers: readonly string[];
    };

/** Something an operator must know that does not stop the authority. */
export interface CaWarning {
  readonly code:
    | 'chain-not-stored'
    | 'issuer-not-stored'
    | 'issuer-not-renewed'
    /** What the store holds by now cannot be used, so that what it held before stays in use. */
    | 'store-not-adopted';
  readonly cause: unknown;
}

/** A request for a workload's certificate; the identity comes from the authenticated stream alone. */
export interface IssueRequest {
  readonly spiffeId: SpiffeId;
  /** PKCS #10, PEM. */
  readonly csr: string;
  /** For the audit log, and for whom new keys are counted. */
  readonly podUid: string;
}

/** Why no certificate was given. */
export interface IssueRefusal {
  readonly code: 'csr' | 'identity' | 'issuer-expired' | 'clock' | 'too-many-keys';
  readonly detail: string;
}

/** What an authority is opened with. */
export interface AuthorityOptions {
  readonly store: CaStore;
  /** A plain host name (SPIFFE-ID, section 2.1). */
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly lifetimes?: Partial<Lifetimes>;
  /** Roots known to be published elsewhere; opening fails when the active root is not among them. PEM. */
  readonly publishedBundle?: string;
  /** How often the store is looked at; 5 s by default. */
  readonly pollMs?: number;
  /** How many new keys of one pod are signed; 20 at once by default, and one each 10 s. */
  readonly newKeys?: KeyAllowance;
  /** Called before what was made is handed out; it must not throw. */
  readonly audit?: (event: CaAuditEvent) => void;
  readonly warn?: (warning: CaWarning) => void;
  /** Numbers in [0, 1), for the spread of renewals. */
  readonly random?: () => number;
  readonly randomBytes?: (count: number) => Uint8Array;
}

/** Options with every default filled in. */
export type Settled = Required<Omit<AuthorityOptions, 'lifetimes' | 'publishedBundle'>> & {
  readonly lifetimes: Lifetimes;
};

/** Fills in the defaults. */
export function settle(options: AuthorityOptions): Settled {
  const ignore = (): void => undefined;
  return {
    store: options.store,
    trustDomain: options.trustDomain,
    clock: options.clock,
    pollMs: options.pollMs ?? storePollMs,
    newKeys: options.newKeys ?? defaultKeyAllowance,
    lifetimes: { ...defaultLifetimes, ...options.lifetimes },
    audit: options.audit ?? ignore,
    warn: options.warn ?? ignore,
    random: options.random ?? Math.random,
    randomBytes: options.randomBytes ?? systemRandomBytes,
  };
}
