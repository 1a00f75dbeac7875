/** A policy test: calls, and what is expected of each. No object of Kubernetes: a document with `expect`. */
import { z } from 'zod';
import type { Diagnostic, Labels } from '../../model/index.js';
import { child, isMap, ownField, readItems, refuse, type Cursor } from './cursor.js';
import { createFindings } from './findings.js';
import type { FieldPath } from './field-path.js';
import { checkSchema, strict, text } from './policy/check.js';
import {
  duration,
  durationMs,
  headerName,
  labels,
  method,
  namespaceName,
  objectName,
  plainText,
  portNumber,
} from './policy/texts.js';
import { treeProblem } from './tree.js';

/** Who makes the call of a case. */
export type TestCaller =
  | { readonly kind: 'pod'; readonly key: string }
  /** Any pod like this; one is made up where there is none. */
  | {
      readonly kind: 'workload';
      readonly namespace: string;
      readonly serviceAccount: string;
      readonly labels: Labels;
      readonly isInMesh: boolean;
    };

/** A backend as a case names it: what is left out is not compared. */
export interface ExpectedBackend {
  /** Absent: the Service that is called. */
  readonly service?: string;
  /** Absent: the namespace of the Service that is called. */
  readonly namespace?: string;
  readonly port?: number;
  readonly subset?: Labels;
  /** Relative to the sum of all. */
  readonly weight?: number;
}

/** What a case expects; what is absent is not compared. */
export interface Expected {
  readonly verdict?: 'allowed' | 'denied' | 'answered' | 'unreachable';
  /** `namespace/policy/rule`. */
  readonly rule?: string;
  /** `namespace/policy/rule`, or `none`. */
  readonly route?: string;
  readonly status?: number;
  /** All of them. */
  readonly backends?: readonly ExpectedBackend[];
  readonly mirror?: 'none' | (ExpectedBackend & { readonly percent?: number });
  /** 0: none. */
  readonly timeoutMs?: number;
  /** Attempts after the first. */
  readonly retries?: number;
  readonly tls?: 'mutual' | 'plaintext' | 'origination';
}

/** One call, and what is expected of it. */
export interface PolicyTestCase {
  /** As the user calls it, or the call itself. */
  readonly name: string;
  /** Where it stands in its document. */
  readonly path: FieldPath;
  readonly from: TestCaller;
  readonly to: string;
  readonly method: string;
  readonly requestPath: string;
  /** Lower-case names; claims are a token in `authorization`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly expected: Expected;
}

/** What a document of tests says. */
export interface ParsedPolicyTest {
  readonly cases: readonly PolicyTestCase[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Whether a document is a policy test: it has `expect`, and no object of Kubernetes has that without a kind. */
export function isPolicyTest(value: unknown): boolean {
  return isMap(value) && Object.hasOwn(value, 'expect') && ownField(value, 'kind') === undefined;
}

const callerText = text((value) =>
  /^[^/\s]+\/[^/\s]+$/.test(value) ? undefined : 'expected <namespace>/<pod>, or a map',
);
const callerMap = strict({
  namespace: namespaceName,
  serviceAccount: objectName.optional(),
  labels: labels.optional(),
  inMesh: z.boolean().optional(),
});
const targetText = text((value) =>
  /^(\[[^\]\s]+\]|[^[\]:/\s]+):\d{1,5}$/.test(value)
    ? undefined
    : 'expected <service>.<namespace>:<port> or <ip>:<port>',
);
const requestPath = text((value) =>
  /^\/[^\s]*$/.test(value) ? undefined : 'expected a path that begins with /',
);
const ruleText = text((value) =>
  /^[^/\s]+(\/[^/\s]+){1,2}$/.test(value)
    ? undefined
    : 'expected <namespace>/<policy>/<rule>, as skerry explain names it',
);
const routeText = text((value) =>
  value === 'none' || /^[^/\s]+\/[^/\s]+\/[^/\s]+$/.test(value)
    ? undefined
    : 'expected <namespace>/<policy>/<rule>, or none',
);
const backendText = text((value) =>
  /^[a-z0-9.-]+(:\d{1,5})?$/.test(value)
    ? undefined
    : 'expected <service>, <service>.<namespace>, <service>.<namespace>:<port>, or a map',
);
const backendFields = {
  service: objectName.optional(),
  namespace: namespaceName.optional(),
  port: portNumber.optional(),
  subset: labels.optional(),
};
const weight = z.number().min(0).max(1_000_000).optional();
const percent = z.number().min(0).max(100).optional();
const backendMap = strict({ ...backendFields, weight });
const mirrorMap = strict({ ...backendFields, percent });
const headers = z.record(z.string(), plainText).superRefine((map, context) => {
  for (const name of Object.keys(map)) {
    const problem = headerName.safeParse(name).error?.issues[0]?.message;
    if (problem !== undefined) context.addIssue({ code: 'custom', path: [name], message: problem });
  }
});
const claims = z.record(z.string(), z.unknown()).superRefine((map, context) => {
  if (typeof map['iss'] !== 'string') {
    const message = 'expected iss, the issuer of the token, among the claims';
    context.addIssue({ code: 'custom', message });
  }
});

// Fields that may be a text or a map are looked at by themselves, for the sake of what is said of them.
const caseSchema = strict({
  name: plainText.optional(),
  from: z.unknown(),
  to: targetText,
  method: method.optional(),
  path: requestPath.optional(),
  headers: headers.optional(),
  claims: claims.optional(),
  verdict: z.enum(['allowed', 'denied', 'answered', 'unreachable']).optional(),
  rule: ruleText.optional(),
  route: routeText.optional(),
  status: z.int().min(100).max(599).optional(),
  backend: z.unknown().optional(),
  backends: z.unknown().optional(),
  mirror: z.unknown().optional(),
  timeout: duration.optional(),
  retries: z.int().min(0).max(100).optional(),
  tls: z.enum(['mutual', 'plaintext', 'origination']).optional(),
});
type Entry = z.infer<typeof caseSchema>;

/** The fields that say what is expected. */
export const expectedFields = [
  ...['verdict', 'rule', 'route', 'status', 'backend', 'backends', 'mirror', 'timeout'],
  ...['retries', 'tls'],
];

/** Reads a document for which {@link isPolicyTest} holds. */
export function parsePolicyTest(value: unknown): ParsedPolicyTest {
  const findings = createFindings(undefined);
  const problem = treeProblem(value);
  if (problem !== undefined) {
    findings.add({ ...problem, code: 'TestInvalid' });
    return { cases: [], diagnostics: findings.list() };
  }
  const root: Cursor = { value, path: [], findings };
  checkSchema(root, strict({ expect: z.unknown() }));
  const list = child(root, 'expect');
  const items = isMap(list.value) ? [list] : readItems(list);
  if (items.length === 0 && !findings.hasErrors())
    refuse(list, 'expected a case or a list of cases');
  const cases = items.flatMap((item) => readCase(item) ?? []);
  const own = 'mend the field named; skerry test --help shows an example';
  const diagnostics = findings.list().map((found) => ({
    ...found,
    code: 'TestInvalid' as const,
    remedy: found.remedy.startsWith('mend the field named') ? own : found.remedy,
  }));
  return { cases, diagnostics };
}

function readCase(cursor: Cursor): PolicyTestCase | undefined {
  const entry = checkSchema(cursor, caseSchema);
  if (entry === undefined) return undefined;
  const from = readCaller(child(cursor, 'from'));
  const backends = readBackends(cursor);
  const mirror = readMirror(child(cursor, 'mirror'));
  if (!expectedFields.some((field) => ownField(cursor.value, field) !== undefined)) {
    refuse(cursor, `expected at least one of ${expectedFields.join(', ')}`);
  }
  const given = lowerCase(entry.headers ?? {});
  if (entry.claims !== undefined && Object.hasOwn(given, 'authorization')) {
    refuse(child(cursor, 'claims'), 'expected claims or a header authorization, not both');
  }
  if (from === undefined) return undefined;
  const { to, verdict, rule, route, status, timeout, retries, tls } = entry;
  const verb = entry.method ?? 'GET';
  const target = entry.path ?? '/';
  return {
    name: entry.name ?? `${nameOf(from)} to ${to} ${verb} ${target}`,
    path: cursor.path,
    from,
    to,
    method: verb,
    requestPath: target,
    headers:
      entry.claims === undefined ? given : { ...given, authorization: tokenOf(entry.claims) },
    expected: {
      ...(verdict && { verdict }),
      ...(rule !== undefined && { rule }),
      ...(route !== undefined && { route }),
      ...(status !== undefined && { status }),
      ...(backends && { backends }),
      ...(mirror !== undefined && { mirror }),
      ...(timeout !== undefined && { timeoutMs: durationMs(timeout) }),
      ...(retries !== undefined && { retries }),
      ...(tls && { tls }),
    },
  };
}

function nameOf(from: TestCaller): string {
  return from.kind === 'pod' ? from.key : `${from.namespace}/${from.serviceAccount}`;
}

function readCaller(cursor: Cursor): TestCaller | undefined {
  if (cursor.value === undefined) {
    refuse(cursor, 'this field is required');
    return undefined;
  }
  if (!isMap(cursor.value)) {
    const key = checkSchema(cursor, callerText);
    return key === undefined ? undefined : { kind: 'pod', key };
  }
  const entry = checkSchema(cursor, callerMap);
  return (
    entry && {
      kind: 'workload',
      namespace: entry.namespace,
      serviceAccount: entry.serviceAccount ?? 'default',
      labels: entry.labels ?? {},
      isInMesh: entry.inMesh ?? true,
    }
  );
}

function readBackends(cursor: Cursor): readonly ExpectedBackend[] | undefined {
  const one = child(cursor, 'backend');
  const several = child(cursor, 'backends');
  if (one.value !== undefined && several.value !== undefined) {
    refuse(one, 'expected backend or backends, not both');
  }
  if (one.value === undefined && several.value === undefined) return undefined;
  const places = one.value === undefined ? readItems(several) : [one];
  return places.flatMap((place) => readBackend(place) ?? []);
}

function readBackend(cursor: Cursor): ExpectedBackend | undefined {
  if (isMap(cursor.value)) return defined(checkSchema(cursor, backendMap));
  const found = checkSchema(cursor, backendText);
  if (found === undefined) return undefined;
  const [host = '', port] = found.split(':');
  const [service, namespace] = host.split('.');
  return defined({ service, namespace, port: port === undefined ? undefined : Number(port) });
}

function readMirror(cursor: Cursor): Expected['mirror'] {
  if (cursor.value === undefined || cursor.value === 'none') return cursor.value;
  return isMap(cursor.value) ? defined(checkSchema(cursor, mirrorMap)) : readBackend(cursor);
}

/** The same without fields that are undefined. */
function defined<T extends object>(value: T | undefined): Defined<T> | undefined {
  if (value === undefined) return undefined;
  // What is left has no undefined field, which the types of entries cannot say.
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(entries) as Defined<T>;
}
type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

function lowerCase(given: NonNullable<Entry['headers']>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name.toLowerCase(), value]),
  );
}

/** A token that nobody has signed: simulated sidecars take signatures for good. */
function tokenOf(payload: Readonly<Record<string, unknown>>): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `Bearer ${part({ alg: 'none' })}.${part(payload)}.${part('unsigned')}`;
}
