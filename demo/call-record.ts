/** The calls that the demo made, for its table and its JSON. */
import type { CallResult } from './rig/index.js';

/** One call, as `--json` prints it. */
export interface CallRecord {
  /** `namespace/pod` */
  readonly from: string;
  /** `namespace/service`, or an address. */
  readonly to: string;
  readonly protocol: 'http' | 'grpc' | 'tcp' | 'tls';
  /** HTTP status; the gRPC code's name; `open` or `closed` for TCP; null when nothing came back. */
  readonly status: number | string | null;
  /** The version that answered. */
  readonly version: string | null;
  /** The caller's identity as the server saw it; null where it saw none (and always for plain TCP). */
  readonly peerSpiffeId: string | null;
  readonly ms: number;
}

/** Who called whom by what. */
export type CallWay = Pick<CallRecord, 'from' | 'to' | 'protocol'>;

/** The record of a call and what came of it; milliseconds to one decimal. */
export function recordOf(way: CallWay, result: CallResult): CallRecord {
  return {
    ...way,
    status: result.status,
    version: result.version,
    peerSpiffeId: result.peerSpiffeId,
    ms: Math.round(result.ms * 10) / 10,
  };
}

const columns = [
  'FROM',
  'TO',
  'PROTOCOL',
  'STATUS',
  'VERSION',
  'MTLS IDENTITY SEEN',
  'MS',
] as const;

/** The calls as a table for a terminal, one line each, headed. */
export function formatCalls(calls: readonly CallRecord[]): string {
  const rows = [
    [...columns],
    ...calls.map(({ from, to, protocol, status, version, peerSpiffeId, ms }) => [
      from,
      to,
      protocol,
      String(status ?? 'no answer'),
      version ?? '-',
      peerSpiffeId ?? '-',
      ms.toFixed(1),
    ]),
  ];
  const widths = columns.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
