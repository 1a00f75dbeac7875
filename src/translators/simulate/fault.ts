/** Faults that meet every call of a route: with them the call ends at its own sidecar. */
import type { FaultSetting } from '../../model/index.js';

/** What the caller's sidecar answers. */
export interface CertainAnswer {
  /** HTTP's; gRPC's own travels with 200. */
  readonly status: number;
  readonly says: string;
}

/** The answer that a call gets for certain; undefined where chance decides, or nothing is answered. */
export function certainFault(
  fault: FaultSetting | undefined,
  headers: Readonly<Record<string, string>>,
): CertainAnswer | undefined {
  const abort = fault?.abort;
  if (abort?.percent !== 100) return undefined;
  const { httpStatus, grpcStatus } = abort;
  if (!isGrpc(headers)) {
    if (httpStatus === undefined) return undefined;
    return { status: httpStatus, says: `status ${String(httpStatus)}` };
  }
  const says =
    grpcStatus === undefined
      ? `the gRPC status that stands for ${String(httpStatus)}`
      : `gRPC status ${grpcStatus}`;
  return { status: 200, says };
}

/** As Envoy has it: `application/grpc`, also with a format behind a plus, but not `grpc-web`. */
function isGrpc(headers: Readonly<Record<string, string>>): boolean {
  return /^application\/grpc(\+|$)/.test(headers['content-type'] ?? '');
}
