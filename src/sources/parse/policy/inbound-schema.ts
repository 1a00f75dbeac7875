/** The schemas of `inbound`: mTLS, authorization, and what is yet to come. */
import { z } from 'zod';
import { callersSchema } from './callers.js';
import { strict } from './check.js';
import {
  claimName,
  comparedHeader,
  headerValueProblem,
  method,
  pathPattern,
  portNumber,
  ratePeriod,
  ruleName,
  tokenText,
  valuePattern,
} from './texts.js';

const mtlsMode = z.enum(['Strict', 'Permissive', 'Disabled']);

/** `inbound.mtls`. */
export const mtlsSchema = strict({
  mode: mtlsMode.optional(),
  ports: z.record(z.string(), mtlsMode).optional(),
  floor: z.boolean().optional(),
}).superRefine(({ mode, ports, floor }, context) => {
  for (const key of Object.keys(ports ?? {})) {
    const isPort = /^[1-9]\d{0,4}$/.test(key) && Number(key) <= 65535;
    const message = 'expected a port number from 1 to 65535';
    if (!isPort) context.addIssue({ code: 'custom', path: ['ports', key], message });
  }
  if (floor === true && mode === undefined && Object.keys(ports ?? {}).length === 0) {
    const message = 'expected a mode or ports that the floor holds';
    context.addIssue({ code: 'custom', path: ['floor'], message });
  }
});

const conditionSchema = strict({
  claim: claimName.optional(),
  issuer: tokenText.optional(),
  header: comparedHeader.optional(),
  values: z.array(valuePattern).min(1).max(64),
}).superRefine(({ claim, issuer, header, values }, context) => {
  const add = (message: string, ...path: readonly (string | number)[]): void => {
    context.addIssue({ code: 'custom', path: [...path], message });
  };
  if ((claim === undefined) === (header === undefined)) {
    add('expected exactly one of claim, header');
  }
  if (claim === undefined && issuer !== undefined)
    add('expected a claim that the issuer issues', 'issuer');
  if (header === undefined) return;
  for (const [index, value] of values.entries()) {
    const problem = headerValueProblem(value);
    if (problem !== undefined) add(problem, 'values', index);
  }
});

// Empty lists are refused: they could be read as everything or as nothing.
const operationSchema = strict({
  ports: z.array(portNumber).min(1).max(256).optional(),
  methods: z.array(method).min(1).max(64).optional(),
  paths: z.array(pathPattern).min(1).max(256).optional(),
}).superRefine((entry, context) => {
  if (Object.values(entry).every((value) => value === undefined)) {
    const message = 'expected at least one of ports, methods, paths';
    context.addIssue({ code: 'custom', message });
  }
});

/** One entry of `allow` or `deny`. */
export const ruleSchema = strict({
  name: ruleName.optional(),
  from: callersSchema.optional(),
  to: z.array(operationSchema).min(1).max(256).optional(),
  when: z.array(conditionSchema).min(1).max(16).optional(),
});

/** `inbound.authorization` without its rules, which are checked one by one. */
export const verdictSchema = z.enum(['Allow', 'Deny', 'Inherit']);

const requests = z.int().min(1).max(1_000_000_000);

/** `inbound.rateLimit`. */
export const rateLimitSchema = strict({
  requests: requests.optional(),
  per: ratePeriod.optional(),
  burst: z.int().min(0).max(1_000_000_000).optional(),
  perIdentity: strict({ requests, per: ratePeriod }).optional(),
}).superRefine(({ requests: count, per, burst, perIdentity }, context) => {
  const add = (message: string, ...path: readonly string[]): void => {
    context.addIssue({ code: 'custom', path: [...path], message });
  };
  if ((count === undefined) !== (per === undefined)) add('expected requests and per together');
  else if (count === undefined && burst !== undefined) {
    add('expected requests and per beside it', 'burst');
  } else if (count === undefined && perIdentity === undefined) {
    add('expected requests and per, perIdentity, or all of them');
  }
});

/** `inbound.connections`. */
export const inboundConnectionsSchema = strict({
  max: z.int().min(1).max(4_294_967_295).optional(),
});

/** One rule, its fields checked. */
export type RuleEntry = z.infer<typeof ruleSchema>;
/** `inbound.rateLimit`, its fields checked. */
export type RateLimitEntry = z.infer<typeof rateLimitSchema>;
/** One entry of `when`, its fields checked. */
export type ConditionEntry = z.infer<typeof conditionSchema>;
