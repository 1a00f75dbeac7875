/** What the suites' raw ADS client is told and what it tells. */

/** One stream: who it claims to be and what it asks for. */
export interface AdsScenario {
  /** `host:port` */
  readonly address: string;
  /** The name that the control plane's certificate must carry. */
  readonly serverName: string;
  /** PEM. */
  readonly rootBundle: string;
  /** Absent: no `authorization` at all. */
  readonly token?: string;
  readonly nodeId: string;
  readonly csr: string;
  readonly keyFile: string;
  /** Type URL → names; an empty list is the wildcard. */
  readonly subscribe: Readonly<Record<string, readonly string[]>>;
  /** How long answers are waited for when the stream stays open. */
  readonly waitMs: number;
  /** Never reads an answer, while it goes on asking for these names again and again. */
  readonly neverReads?: boolean;
  /** Refuses every response, in these words. */
  readonly refuses?: string;
}

/** A resource that was received; without `message` it is known not to exist. */
export interface ReceivedResource {
  readonly typeUrl: string;
  readonly name: string;
  readonly message?: unknown;
}

/** What came of it. */
export interface AdsOutcome {
  readonly resources: readonly ReceivedResource[];
  /** The name of the gRPC code that ended the stream; `open` when it was still open. */
  readonly status: string;
  readonly details: string;
}
