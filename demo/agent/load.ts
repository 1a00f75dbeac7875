/** Many HTTP calls at once, counted: a fixed number, or until told to stop. */
import { Agent } from 'node:http';
import { callOver } from './http-calls.js';
import type { AgentRequestOf, CallResult, LoadResult } from '../rig/agent-protocol.js';

/** What a load does. */
export type LoadSettings = Pick<
  AgentRequestOf<'load'>,
  'url' | 'method' | 'headers' | 'concurrency' | 'requestsPerSecond' | 'timeoutMs'
>;

/** A load that is under way. */
export interface RunningLoad {
  /** Starts no further call; resolves when those under way have ended. Never rejects. */
  stop(): Promise<LoadResult>;
  /** Resolves when the load has ended by itself or by `stop`. Never rejects. */
  readonly finished: Promise<LoadResult>;
}

/** Starts a load of at most `total` calls over `concurrency` kept-alive connections. */
export function startLoad(settings: LoadSettings, total: number): RunningLoad {
  const agent = new Agent({ keepAlive: true, maxSockets: settings.concurrency });
  const tally = new Tally();
  const startedAt = performance.now();
  let begun = 0;
  let isStopped = false;

  const worker = async (): Promise<void> => {
    while (!isStopped && begun < total) {
      const index = begun;
      begun += 1;
      await waitForTurn(index, startedAt, settings.requestsPerSecond);
      tally.add(await callOver(agent, { ...settings, body: '' }));
    }
  };
  const finished = Promise.all(Array.from({ length: settings.concurrency }, worker)).then(() => {
    agent.destroy();
    return tally.result();
  });
  return {
    finished,
    stop: () => {
      isStopped = true;
      return finished;
    },
  };
}

async function waitForTurn(
  index: number,
  startedAt: number,
  rate: number | undefined,
): Promise<void> {
  if (rate === undefined) return;
  const waitMs = startedAt + (index * 1000) / rate - performance.now();
  if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs));
}

/** Counts results. */
class Tally {
  readonly #statuses = new Map<string, number>();
  readonly #versions = new Map<string, number>();
  readonly #errors = new Map<string, number>();
  readonly #ms: number[] = [];

  add(result: CallResult): void {
    this.#ms.push(result.ms);
    if (result.error !== null) increment(this.#errors, result.error);
    if (result.status !== null) increment(this.#statuses, String(result.status));
    if (result.version !== null) increment(this.#versions, result.version);
  }

  result(): LoadResult {
    const sorted = this.#ms.toSorted((left, right) => left - right);
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return {
      total: sorted.length,
      statuses: Object.fromEntries(this.#statuses),
      versions: Object.fromEntries(this.#versions),
      errors: Object.fromEntries(this.#errors),
      medianMs: at(0.5),
      p99Ms: at(0.99),
      maxMs: at(1),
    };
  }
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
