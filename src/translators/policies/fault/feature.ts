/** `routes[].fault`: calls that are held back, or answered instead of the callee. */
import type { Origin, SettingIr } from '../../../ir/index.js';
import type { FaultSetting } from '../../../model/index.js';
import { showDuration } from '../show-duration.js';

type Abort = NonNullable<FaultSetting['abort']>;

/** What may be done to the calls of a route, in words; `originOf` knows the fields of its rule. */
function describe(
  { delay, abort }: FaultSetting,
  originOf: (field: string) => Origin,
): readonly SettingIr[] {
  return [
    ...(delay === undefined
      ? []
      : [
          {
            says: `fault: ${share(delay.percent)} held back for ${showDuration(delay.durationMs)}`,
            origin: originOf('fault.delay'),
          },
        ]),
    ...(abort === undefined
      ? []
      : [
          {
            says: `fault: ${share(abort.percent)} answered with ${answers(abort)} instead of forwarded`,
            origin: originOf('fault.abort'),
          },
        ]),
  ];
}

function share(percent: number): string {
  return `${String(percent)} % of the calls`;
}

function answers({ httpStatus, grpcStatus }: Abort): string {
  const http = httpStatus === undefined ? [] : [`status ${String(httpStatus)}`];
  const grpc = grpcStatus === undefined ? [] : [`gRPC status ${grpcStatus} (gRPC calls)`];
  return [...http, ...grpc].join(' or ');
}

/** The feature. */
export const faultFeature: { readonly describe: typeof describe } = Object.freeze({ describe });
