/** Faults: a filter that stands in every outbound chain, switched off but for the routes that ask for it. */
import type { HttpFault, HttpFilter, Route } from '../../envoy/index.js';
import type { FaultSetting, GrpcStatus } from '../../model/index.js';
import { spellDuration, spellPercent } from './values.js';

const faultFilter = 'envoy.filters.http.fault';
const faultType = 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault';

/** https://grpc.io/docs/guides/status-codes/ */
const grpcCodes: Readonly<Record<GrpcStatus, number>> = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
};

/**
 * The filter of a chain. It makes no part of a request's filters where its route does not configure
 * it, and a first fault changes no listener.
 */
export function spellFaultFilter(): HttpFilter {
  return { name: faultFilter, typed_config: { '@type': faultType }, disabled: true };
}

/**
 * A route with its faults: two where gRPC calls are answered otherwise than others, since Envoy's
 * filter knows one status only and would answer plain calls with 200 beside a gRPC status.
 */
export function spellFaults(route: Route, fault: FaultSetting | undefined): readonly Route[] {
  if (fault === undefined) return [route];
  const { delay, abort } = fault;
  const held: HttpFault =
    delay === undefined
      ? {}
      : {
          delay: {
            fixed_delay: spellDuration(delay.durationMs),
            percentage: spellPercent(delay.percent),
          },
        };
  if (abort === undefined) return [withFault(route, held)];
  const answered = (status: NonNullable<HttpFault['abort']>): HttpFault => ({
    ...held,
    abort: {
      ...status,
      percentage: spellPercent(abort.percent),
      response_body: `fault of route ${route.name ?? ''}`,
    },
  });
  const { httpStatus, grpcStatus } = abort;
  const others =
    httpStatus === undefined
      ? withFault(route, held)
      : withFault(route, answered({ http_status: httpStatus }));
  if (grpcStatus === undefined) return [others];
  const onlyGrpc: Route = { ...route, match: { ...route.match, grpc: {} } };
  return [withFault(onlyGrpc, answered({ grpc_status: grpcCodes[grpcStatus] })), others];
}

/** Without a fault the filter stays switched off. */
function withFault(route: Route, fault: HttpFault): Route {
  if (Object.keys(fault).length === 0) return route;
  return {
    ...route,
    typed_per_filter_config: { [faultFilter]: { '@type': faultType, ...fault } },
  };
}
