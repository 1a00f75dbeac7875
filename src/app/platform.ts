/** What a control plane needs of the place where it runs: a directory on one machine, or a cluster. */
import type { CaStore, TokenVerifier } from '../ca/index.js';
import type { Diagnostic } from '../model/index.js';
import type { SourceBatch } from '../sources/index.js';
import type { Metrics } from '../telemetry/index.js';
import type { Pipeline } from '../translators/index.js';
import type { Authority } from '../ca/index.js';
import type { Logger } from '../lib/index.js';
import type { ConnectedProxy } from './ads.js';
import type { EffectivePolicies, VerdictStore } from './effective-policies.js';

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
  readonly proxies: () => readonly ConnectedProxy[];
  readonly diagnostics: () => readonly Diagnostic[];
  readonly generation: () => number;
}

/** What runs beside the serving of sidecars, on this platform only. */
export interface Companions {
  /** Called with each batch, before the turn that follows from it. */
  onBatch(batch: SourceBatch): void;
  /** Starts what must be there before sidecars are served. */
  start(): Promise<void>;
  /** Ends it, before the ADS server does. */
  stop(): Promise<void>;
}

/** Where a control plane runs. */
export interface Platform {
  /** What the log says. */
  readonly origin: string;
  readonly caStore: CaStore;
  /** Roots known to be published; the authority never makes a new one beside them. PEM. */
  readonly publishedBundle?: string;
  readonly verifier: TokenVerifier;
  readonly verdicts: VerdictStore & { flush(): Promise<void> };
  openSource(onChange: (batch: SourceBatch) => void): PlatformSource;
  openCompanions(core: Core): Companions;
  /** Why not everything can be served yet; empty: it can. */
  waiting(): readonly string[];
  close(): void;
}
