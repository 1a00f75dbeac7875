/** What a control plane needs of the place where it runs: a directory on one machine, or a cluster. */
import type { SourceView } from '../admin/index.js';
import type { Authority, CaStore, Evidence, ReplicaEvidence, TokenVerifier } from '../ca/index.js';
import type { Logger } from '../lib/index.js';
import type { Diagnostic, PolicyKey } from '../model/index.js';
import type { SourceBatch } from '../sources/index.js';
import type { Metrics } from '../telemetry/index.js';
import type { Pipeline } from '../translators/index.js';
import type { StreamStanding } from '../xds/index.js';
import type { ConnectedProxy } from './ads.js';
import type { EffectivePolicies, PolicyVerdict, VerdictStore } from './effective-policies.js';
import type { News } from './news.js';
import type { Rejection } from './rejections.js';
import type { WouldDeny } from './would-deny.js';

/** Where the objects come from. */
export interface PlatformSource {
  /** Resolves after the first batch, which is everything there is. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** What the rest of the control plane shows to what only this platform has. */
export interface Core {
  readonly authority: Authority;
  readonly pipeline: Pipeline;
  readonly policies: EffectivePolicies;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly news: News;
  readonly proxies: () => readonly ConnectedProxy[];
  /** How far a stream has come; undefined: there is none of this id. */
  readonly standing: (streamId: string) => StreamStanding | undefined;
  /** What a sidecar has refused and still matters. */
  readonly rejections: (pod: string) => readonly Rejection[];
  readonly diagnostics: () => readonly Diagnostic[];
  readonly generation: () => number;
  /** Whether the pipeline knows all that the source has handed out. */
  readonly isTurned: () => boolean;
  /** What sidecars of this control plane report of policies in mode Audit. */
  readonly wouldDeny: () => ReadonlyMap<PolicyKey, WouldDeny>;
}

/** What a rotation of the root asks of the place where the control plane runs. */
export interface TrustDuties {
  /** Whether this control plane acts for all. */
  mayAdvance(): boolean;
  /** Where the trust bundle is to be, for those who verify us by it, and is not as it is now; in words. */
  unpublished(): Promise<readonly string[]>;
  /** Tells the other replicas what this one knows, and says what they have told. */
  exchange(own: ReplicaEvidence): Promise<Pick<Evidence, 'replicas' | 'silent'>>;
}

/** What runs beside the serving of sidecars, on this platform only. */
export interface Companions {
  readonly trust: TrustDuties;
  /** Called with each batch, before the turn that follows from it. */
  onBatch(batch: SourceBatch): void;
  /** Starts what must be there before sidecars are served. */
  start(): Promise<void>;
  /** Ends it, after the ADS server has. */
  stop(): Promise<void>;
}

/** What a platform tells of itself. */
export interface PlatformState {
  readonly isLeader: boolean;
  /** The kinds it follows; empty where there is no API server. */
  readonly sources: readonly SourceView[];
  readonly lastStatusWriteMs?: number;
}

/** Verdicts on policies, and what other control planes have learned. */
export interface PlatformVerdicts extends VerdictStore {
  /** Called with what others have learned, from the first `load` on. */
  follow(onLearn: (verdict: PolicyVerdict) => void): void;
  /** Writes what waits. */
  flush(): Promise<void>;
}

/** Where a control plane runs. */
export interface Platform {
  /** What the log says. */
  readonly origin: string;
  /** Name of this control plane among those that run. */
  readonly replica: string;
  readonly caStore: CaStore;
  /** Where the audit log keeps files; absent: who collects this control plane's log keeps it. */
  readonly auditDirectory?: string;
  /** Roots known to be published; the authority never makes a new one beside them. PEM. */
  readonly publishedBundle?: string;
  readonly verifier: TokenVerifier;
  readonly verdicts: PlatformVerdicts;
  openSource(onChange: (batch: SourceBatch) => void): PlatformSource;
  openCompanions(core: Core): Companions;
  /** Why not everything can be served yet; empty: it can. */
  waiting(): readonly string[];
  state(): PlatformState;
  /** What goes on after readiness is gone and before anything ends: others are told, and hear of it. */
  beforeStop(): Promise<void>;
  /** Ends what is left, after all else has. */
  close(): Promise<void>;
}
