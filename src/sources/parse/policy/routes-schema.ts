/** The schema of one entry of `routes`. */
import { z } from 'zod';
import { strict } from './check.js';
import { callersSchema } from './callers.js';
import { routeRetriesSchema } from './retries.js';
import { serviceFields } from './service-schema.js';
import {
  changeableHeader,
  duration,
  headerName,
  hostname,
  labels,
  method,
  path,
  plainText,
  portNumber,
  positiveDuration,
  queryName,
  regexProblem,
  ruleName,
} from './texts.js';

const percent = z.number().min(0).max(100);

const pathMatch = strict({
  type: z.enum(['Exact', 'PathPrefix', 'RegularExpression']).optional(),
  value: z.string(),
}).superRefine(({ type, value }, context) => {
  const problem =
    type === 'RegularExpression'
      ? regexProblem(value)
      : path.safeParse(value).error?.issues[0]?.message;
  if (problem !== undefined)
    context.addIssue({ code: 'custom', path: ['value'], message: problem });
});

const textMatch = (name: z.ZodString) =>
  strict({
    name,
    type: z.enum(['Exact', 'Prefix', 'RegularExpression', 'Present']).optional(),
    value: plainText.optional(),
  }).superRefine(({ type, value }, context) => {
    const message = textProblem(type ?? 'Exact', value);
    if (message !== undefined) context.addIssue({ code: 'custom', path: ['value'], message });
  });

function textProblem(type: string, value: string | undefined): string | undefined {
  if (type === 'Present') return value === undefined ? undefined : 'expected no value for Present';
  if (value === undefined) return 'this field is required';
  if (type === 'RegularExpression') return regexProblem(value);
  return type === 'Prefix' && value === '' ? 'expected a prefix, found an empty text' : undefined;
}

const matchSchema = strict({
  path: pathMatch.optional(),
  method: method.optional(),
  headers: z.array(textMatch(headerName)).max(32).optional(),
  queryParams: z.array(textMatch(queryName)).max(32).optional(),
  from: callersSchema.optional(),
});

const backendSchema = strict({
  ...serviceFields,
  service: serviceFields.service.optional(),
  subset: labels.optional(),
  weight: z.int().min(0).max(1_000_000).optional(),
});

const pathChange = strict({ prefix: path.optional(), replace: path.optional() }).superRefine(
  ({ prefix, replace }, context) => {
    if ((prefix === undefined) === (replace === undefined)) {
      context.addIssue({ code: 'custom', message: 'expected exactly one of prefix, replace' });
    }
  },
);

const headerValues = z.record(z.string(), plainText).superRefine((map, context) => {
  const seen = new Set<string>();
  if (Object.keys(map).length > 64) {
    context.addIssue({ code: 'custom', message: 'expected at most 64 headers' });
    return;
  }
  for (const name of Object.keys(map)) {
    const problem = changeableHeader.safeParse(name).error?.issues[0]?.message;
    if (problem !== undefined) context.addIssue({ code: 'custom', path: [name], message: problem });
    if (seen.has(name.toLowerCase())) {
      context.addIssue({ code: 'custom', path: [name], message: 'expected each header once' });
    }
    seen.add(name.toLowerCase());
  }
});

const headerChanges = strict({
  set: headerValues.optional(),
  add: headerValues.optional(),
  remove: z.array(changeableHeader).max(64).optional(),
});

const redirectSchema = strict({
  scheme: z.enum(['http', 'https']).optional(),
  hostname: hostname.optional(),
  path: pathChange.optional(),
  port: portNumber.optional(),
  statusCode: z.literal([301, 302, 303, 307, 308]).optional(),
}).superRefine(({ scheme, hostname: host, path: newPath, port }, context) => {
  if ([scheme, host, newPath, port].every((value) => value === undefined)) {
    const message = 'expected at least one of scheme, hostname, path, port';
    context.addIssue({ code: 'custom', message });
  }
});

const grpcStatus = z.enum([
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]);

const faultSchema = strict({
  delay: strict({ percent: percent.optional(), duration: positiveDuration }).optional(),
  abort: strict({
    percent: percent.optional(),
    httpStatus: z.int().min(200).max(599).optional(),
    grpcStatus: grpcStatus.optional(),
  })
    .superRefine(({ httpStatus, grpcStatus: status }, context) => {
      if (httpStatus !== undefined || status !== undefined) return;
      context.addIssue({ code: 'custom', message: 'expected httpStatus, grpcStatus or both' });
    })
    .optional(),
}).superRefine(({ delay, abort }, context) => {
  if (delay !== undefined || abort !== undefined) return;
  context.addIssue({ code: 'custom', message: 'expected delay, abort or both' });
});

/** One entry of `routes`. */
export const routeSchema = strict({
  name: ruleName.optional(),
  matches: z.array(matchSchema).max(16).optional(),
  backends: z.array(backendSchema).max(64).optional(),
  rewrite: strict({ path: pathChange.optional(), hostname: hostname.optional() }).optional(),
  redirect: redirectSchema.optional(),
  requestHeaders: headerChanges.optional(),
  responseHeaders: headerChanges.optional(),
  mirror: strict({ ...serviceFields, percent: percent.optional() }).optional(),
  fault: faultSchema.optional(),
  timeout: duration.optional(),
  retries: routeRetriesSchema.optional(),
});

/** One entry of `routes`, its fields checked one by one but not against each other. */
export type RouteEntry = z.infer<typeof routeSchema>;
/** One entry of a route's `matches`. */
export type MatchEntry = z.infer<typeof matchSchema>;
/** One entry of a route's `backends`. */
export type BackendEntry = z.infer<typeof backendSchema>;
/** `requestHeaders` or `responseHeaders`. */
export type HeaderEntry = z.infer<typeof headerChanges>;
/** `fault` of a route. */
export type FaultEntry = z.infer<typeof faultSchema>;
/** A new path. */
export type PathEntry = z.infer<typeof pathChange>;
