/** What the protocol does differently from type to type, as data. */
import { typeUrls } from '../envoy/index.js';

/** How one resource type is served. */
export interface TypeRule {
  readonly typeUrl: string;
  /**
   * `make`: what others refer to; sent as soon as possible, removed last. `use`: what refers to
   * it; sent once the `make` types have been answered. `free`: in no order with others.
   */
  readonly phase: 'make' | 'use' | 'free';
  /**
   * What is answered for a name that is asked for and does not exist: that it is removed, a
   * resource with its own name as alias and no body, or nothing until it exists.
   */
  readonly missing: 'removed' | 'alias' | 'wait';
  /** Names asked for are told to the outside, which makes the resource. */
  readonly isDemand: boolean;
  /** State of the world: a response holds the whole set, so what is absent is deleted. */
  readonly isFullSet: boolean;
  /** What was accepted under a replaced or removed resource goes on under it for a while. */
  readonly isDraining: boolean;
  /** Names said to be removed when the first wildcard answer would be empty. */
  readonly emptyAnswer: readonly string[];
}

/** The rules of all types, and the bounds of one stream. */
export interface ProtocolRules {
  /** In the order of pushes. Types not listed are `free`. */
  readonly types: readonly TypeRule[];
  /** After a resource of `whenSent` went out, the one of the same name in `resend` is sent again. */
  readonly reassert: readonly { readonly whenSent: string; readonly resend: string }[];
  /** How long a type waits for the answer to an earlier one, in milliseconds. */
  readonly orderWaitMs: number;
  /** After this a response without an answer no longer holds back its own type. */
  readonly lostAckMs: number;
  /**
   * Size above which a response is split, where the protocol lets it; 64 kB by default: Node keeps
   * for each TLS connection, as long as it lives, a buffer as large as the most that was ever
   * written to it at once.
   */
  readonly maxResponseBytes: number;
  /** Names a stream may ask for, per type; those beyond are not answered. */
  readonly maxNames: number;
  /** The same for all types together. */
  readonly maxStreamNames: number;
  /** Resources that a stream may say it holds from before, of all types together. */
  readonly maxClaims: number;
  /** Resource types that a stream may use. */
  readonly maxTypes: number;
}

const base = {
  phase: 'use',
  missing: 'removed',
  isDemand: false,
  isFullSet: false,
  isDraining: false,
  emptyAnswer: [],
} as const;

/** The rule of a type that has none of its own. */
export function freeRule(typeUrl: string): TypeRule {
  return { ...base, typeUrl, phase: 'free' };
}

/**
 * The rules for Envoy sidecars. `vhdsEmptyAnswer`: names of the form `<route configuration>/_`
 * that answer a wildcard over no virtual hosts (an empty response leaves a listener warming).
 */
export function sidecarRules(options: {
  readonly vhdsEmptyAnswer: readonly string[];
  readonly orderWaitMs?: number;
  readonly lostAckMs?: number;
  readonly maxResponseBytes?: number;
  readonly maxNames?: number;
  readonly maxStreamNames?: number;
  readonly maxClaims?: number;
}): ProtocolRules {
  return {
    types: [
      {
        ...base,
        typeUrl: typeUrls.cluster,
        phase: 'make',
        // An on-demand cluster that was answered "removed" is never asked for again.
        missing: 'wait',
        isDemand: true,
        isFullSet: true,
      },
      { ...base, typeUrl: typeUrls.endpoint, phase: 'make' },
      // Envoy rejects a response that removes a secret it waits for.
      { ...base, typeUrl: typeUrls.secret, phase: 'make', missing: 'wait' },
      { ...base, typeUrl: typeUrls.extensionConfig },
      { ...base, typeUrl: typeUrls.listener, isFullSet: true, isDraining: true },
      { ...base, typeUrl: typeUrls.route },
      {
        ...base,
        typeUrl: typeUrls.virtualHost,
        // "Removed" would leave the request that asked hanging; a bare alias ends it with 404.
        missing: 'alias',
        emptyAnswer: options.vhdsEmptyAnswer,
      },
    ],
    // Without its endpoints a changed cluster keeps warming, and its ACK is withheld, for 15 s.
    reassert: [{ whenSent: typeUrls.cluster, resend: typeUrls.endpoint }],
    orderWaitMs: options.orderWaitMs ?? 2_000,
    lostAckMs: options.lostAckMs ?? 60_000,
    maxResponseBytes: options.maxResponseBytes ?? 64_000,
    maxNames: options.maxNames ?? 20_000,
    maxStreamNames: options.maxStreamNames ?? 40_000,
    maxClaims: options.maxClaims ?? 150_000,
    maxTypes: 64,
  };
}
