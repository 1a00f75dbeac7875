/** What the admin API shows; plain data that the command line prints. */

/** What one policy in mode Audit would have refused since it has its present form. */
export interface WouldDenyView {
  /** `namespace/name`. */
  readonly policy: string;
  readonly count: number;
  /** The most frequent first. */
  readonly callers: readonly { readonly caller: string; readonly count: number }[];
}

/** Who has called one workload without mutual TLS. Times are milliseconds since the epoch. */
export interface PlaintextWorkload {
  /** `namespace/pod`. */
  readonly pod: string;
  /** Whether its sidecar is connected to this replica, to which it reports. */
  readonly isConnected: boolean;
  /** The last entry is all other ports, without a number. */
  readonly ports: readonly {
    readonly port?: number;
    readonly mtls: string;
    /** `namespace/name`. */
    readonly services: readonly string[];
  }[];
  readonly calls: readonly {
    readonly port: number;
    readonly address: string;
    /** Who has the address, `namespace/pod`; absent: nobody in the cluster. */
    readonly caller?: string;
    /** Reports: a lower bound of calls. */
    readonly count: number;
    readonly firstMs: number;
    readonly lastMs: number;
  }[];
}

/** Who calls whom without mutual TLS, as sidecars have told one replica. */
export interface PlaintextView {
  /** Since when it has heard, and now, in milliseconds since the epoch by its own clock. */
  readonly sinceMs: number;
  readonly nowMs: number;
  readonly workloads: readonly PlaintextWorkload[];
}

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
  /** How far its clock was ahead of the replica's when it connected, in milliseconds; negative: behind. */
  readonly clockAheadMs?: number;
  /** Expiry of the certificate it was given. */
  readonly certificateNotAfterMs?: number;
  /** When the next one is due. */
  readonly certificateRenewAtMs?: number;
  /** Fingerprint of the root behind it, as {@link CaRootView} has it. */
  readonly certificateRoot?: string;
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

/** A root of the authority and what it has signed for itself. Times are milliseconds since the epoch. */
export interface CaRootView {
  readonly slot: 'active' | 'next' | 'retired';
  /** SHA-256 of its certificate, hexadecimal. */
  readonly fingerprint: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Whether its key rests with the control plane; else new intermediates come from elsewhere. */
  readonly hasKey: boolean;
  readonly issuers: readonly { readonly kind: string; readonly notAfterMs: number }[];
}

/** How far the rotation of the root has come. */
export interface CaRotationView {
  readonly phase: 'none' | 'publishing' | 'draining';
  readonly mode: 'staged' | 'forced';
  /** When the rotation and when this phase began, in milliseconds since the epoch. */
  readonly startedAtMs?: number;
  readonly sinceMs?: number;
  /** Who and what holds it back. */
  readonly waiting: readonly {
    readonly kind: string;
    readonly name: string;
    readonly why: string;
  }[];
  /** Pods that were away for so long that they do not count any more. */
  readonly leftBehind: readonly string[];
  /** Why the evidence could not be looked at. */
  readonly problem?: string;
}

/** The certificate authority as one replica has it; nothing of it is secret. */
export interface CaView {
  readonly replica: string;
  readonly isLeader: boolean;
  readonly nowMs: number;
  readonly trustDomain: string;
  readonly roots: readonly CaRootView[];
  readonly rotation: CaRotationView;
  /** What ends within 90 days; `level`: 90, 30 or 7 days, 0 when it has ended. */
  readonly alarms: readonly {
    readonly what: string;
    readonly notAfterMs: number;
    readonly level: number;
    readonly remedy: string;
  }[];
}

/** An outcome, or why there is none. */
export type AdminOutcome<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: string };

/** What the admin API lets its caller do; nothing else is changed through it. */
export interface AdminActions {
  /** Begins a rotation of the root, or forces the one that is under way. */
  rotate(mode: 'staged' | 'forced'): Promise<AdminOutcome<CaView>>;
  /** Takes back the rotation that is under way, as far as that goes. */
  abortRotation(): Promise<AdminOutcome<CaView>>;
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
  ca(): CaView;
  proxies(): readonly ProxyView[];
  diagnostics(): readonly unknown[];
  /** What policies in mode Audit would have refused, as far as this control plane has heard. */
  wouldDeny?(): readonly WouldDenyView[];
  /** Absent: this control plane does not tell. */
  plaintext?(): PlaintextView;
  /** Undefined: no such workload. */
  config(pod: string): ConfigView | undefined;
  /** The explanation, or why the question has none. */
  explain(query: ExplainQuery): AdminOutcome<unknown>;
  metrics(): Promise<string>;
}
