/** The schemas of `inbound`: mTLS, authorization, and what is yet to come. */
import { z } from 'zod';
import { callersSchema } from './callers.js';
import { notYet, strict } from './check.js';
import {
  comparedHeader,
  headerName,
  method,
  objectName,
  pathPattern,
  plainText,
  portNumber,
  positiveDuration,
  ruleName,
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
  claim: plainText.optional(),
  issuer: plainText.optional(),
  header: comparedHeader.optional(),
  values: z.array(valuePattern).min(1).max(64),
}).superRefine(({ claim, header }, context) => {
  if (claim !== undefined) {
    const message = 'this version of Skerry cannot carry out this field';
    const params = { isNotImplemented: true };
    context.addIssue({ code: 'custom', path: ['claim'], message, params });
  }
  if ((claim === undefined) !== (header === undefined)) return;
  context.addIssue({ code: 'custom', message: 'expected exactly one of claim, header' });
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

const jwks = strict({
  inline: z.string().max(65_536).optional(),
  configMap: objectName.optional(),
  url: plainText.optional(),
});

const issuer = strict({
  issuer: plainText,
  audiences: z.array(plainText).max(64).optional(),
  jwks: jwks.optional(),
  forward: z.boolean().optional(),
  fromHeaders: z.array(headerName).max(16).optional(),
  claimToHeaders: z.record(z.string(), headerName).optional(),
});

const rate = { requests: z.int().min(1).max(1_000_000_000), per: positiveDuration };

/** `inbound.jwt`. */
export const jwtSchema = notYet(
  strict({ issuers: z.array(issuer).max(16).optional(), required: z.boolean().optional() }),
);

/** `inbound.rateLimit`. */
export const rateLimitSchema = notYet(
  strict({
    ...rate,
    burst: z.int().min(0).max(1_000_000_000).optional(),
    perIdentity: strict(rate).optional(),
  }),
);

/** `inbound.connections`. */
export const inboundConnectionsSchema = notYet(
  strict({ max: z.int().min(1).max(4_294_967_295).optional() }),
);

/** One rule, its fields checked. */
export type RuleEntry = z.infer<typeof ruleSchema>;
/** One entry of `when`, its fields checked. */
export type ConditionEntry = z.infer<typeof conditionSchema>;
