/** What the admin API shows; plain data that the command line prints. */

/** One sidecar as the control plane sees it. */
export interface ProxyView {
  /** `namespace/pod`. */
  readonly name: string;
  readonly identity: string;
  readonly variant: 'delta' | 'sotw';
  /** Milliseconds since the epoch. */
  readonly connectedSinceMs: number;
  readonly envoyVersion: string;
  /** Newest generation that had something for this sidecar, and the newest it has accepted whole. */
  readonly generationSent: number;
  readonly generationAcked: number;
  /** Age of the oldest response without an answer; absent when none waits. */
  readonly pendingForMs?: number;
  /** Expiry of the certificate it was given. */
  readonly certificateNotAfterMs?: number;
  readonly resources: readonly {
    readonly type: string;
    readonly held: number;
    readonly bodiesSent: number;
    readonly bytesSent: number;
    /** When the last response went out and when the last ACK came, in milliseconds since the epoch. */
    readonly lastSentAtMs?: number;
    readonly lastAckAtMs?: number;
  }[];
  readonly rejected: readonly {
    readonly resource: string;
    readonly type: string;
    readonly origins: readonly string[];
    /** Envoy's own words. */
    readonly message: string;
  }[];
}

/** One resource that a sidecar is given. */
export interface ConfigEntry {
  readonly name: string;
  readonly version: string;
  /** Who shares it: `mesh`, `namespace/x` or `pod/x/y`. */
  readonly scope: string;
  readonly origins: readonly string[];
  /** The message in Envoy's own spelling; secrets redacted. */
  readonly message: unknown;
}

/** Everything a sidecar is given, by kind. */
export type ConfigView = Readonly<Record<string, readonly ConfigEntry[]>>;

/** A call to be explained. */
export interface ExplainQuery {
  /** `namespace/pod`. */
  readonly from: string;
  /** `service.namespace:port`, `ip:port`, or an URL of one. */
  readonly to: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** One collection that the control plane follows. */
export interface SourceView {
  /** Plural name, as kubectl has it. */
  readonly kind: string;
  readonly isSynced: boolean;
  readonly objects: number;
  /** How long ago it was last known to be current, in milliseconds. */
  readonly ageMs: number;
  /** Why it cannot be followed at the moment. */
  readonly problem?: string;
}

/** The authority as this replica has it; nothing of it is secret. */
export interface AuthorityView {
  readonly trustDomain: string;
  /** All roots that sidecars trust, active first; PEM. */
  readonly bundle: string;
  /** When the certificate ends by which sidecars know this replica. */
  readonly serverNotAfterMs?: number;
}

/** One replica of the control plane. Times are milliseconds since the epoch, by its own clock. */
export interface StateView {
  readonly version: string;
  /** Name of its pod, or of its machine. */
  readonly replica: string;
  readonly startedAtMs: number;
  readonly nowMs: number;
  /** Turns since it started. */
  readonly generation: number;
  /** Why it is not ready; empty: it is. */
  readonly waiting: readonly string[];
  /** Whether it writes status and keeps what the cluster must hold. */
  readonly isLeader: boolean;
  readonly sources: readonly SourceView[];
  readonly authority: AuthorityView;
  /** When it last wrote a status; absent where it never has. */
  readonly lastStatusWriteMs?: number;
}

/** What the control plane lets the admin API see. */
export interface AdminViews {
  isReady(): boolean;
  /** Absent: this control plane does not tell. */
  state?(): StateView;
  proxies(): readonly ProxyView[];
  diagnostics(): readonly unknown[];
  /** Undefined: no such workload. */
  config(pod: string): ConfigView | undefined;
  /** The explanation, or why the question has none. */
  explain(
    query: ExplainQuery,
  ):
    { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: string };
  metrics(): Promise<string>;
}
