/** The ConfigMap that a replica's summary is in. Pure. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { readSummary, writeSummary, type ReplicaSummary } from './summary.js';

/** Selects the ConfigMaps of all replicas. */
export const summarySelector = 'skerry.dev/replica-summary=true';

const dataKey = 'summary.json';
const maxName = 253;

const configMapSchema = z.object({
  metadata: z.object({ resourceVersion: z.string() }),
  data: z.record(z.string(), z.string()).nullish(),
});

/** Name of a replica's ConfigMap: `skerry-replica-<name>`, or a hash where that is no name of an object. */
export function summaryName(replica: string): string {
  const plain = `skerry-replica-${replica}`;
  if (plain.length <= maxName && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(plain)) return plain;
  return `skerry-replica-${createHash('sha256').update(replica).digest('hex').slice(0, 16)}`;
}

/** The object to apply. `beat` differs from one heartbeat to the next. */
export function summaryObject(
  summary: ReplicaSummary,
  { namespace, beat }: { readonly namespace: string; readonly beat: number },
): Readonly<Record<string, unknown>> {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      ...{ name: summaryName(summary.replica), namespace },
      labels: {
        'app.kubernetes.io/name': 'skerry',
        'app.kubernetes.io/managed-by': 'skerry',
        'skerry.dev/replica-summary': 'true',
      },
      annotations: { 'skerry.dev/heartbeat': String(beat) },
    },
    data: { [dataKey]: writeSummary(summary) },
  };
}

/** A summary as watched. */
export interface WatchedSummary {
  readonly resourceVersion: string;
  /** Undefined: its text is not one. */
  readonly summary: ReplicaSummary | undefined;
}

/** Reads a ConfigMap; undefined for anything else. */
export function readSummaryObject(object: unknown): WatchedSummary | undefined {
  const parsed = configMapSchema.safeParse(object);
  if (!parsed.success) return undefined;
  const { metadata, data } = parsed.data;
  return {
    resourceVersion: metadata.resourceVersion,
    summary: readSummary(data?.[dataKey] ?? ''),
  };
}
