/** `inbound`: mTLS, authorization and tokens converted, the rest refused. */
import type {
  Authorization,
  AuthorizationRule,
  InboundConnectionsSetting,
  JwtSetting,
  MtlsMode,
  MtlsSetting,
  OperationRule,
  RateLimitSetting,
  RuleCondition,
} from '../../../model/index.js';
import { child, readItems, refuse, type Cursor } from '../cursor.js';
import { toCallerRules } from './callers.js';
import { checkSchema } from './check.js';
import {
  inboundConnectionsSchema,
  mtlsSchema,
  rateLimitSchema,
  ruleSchema,
  verdictSchema,
  type ConditionEntry,
  type RateLimitEntry,
  type RuleEntry,
} from './inbound-schema.js';
import { readJwt } from './jwt.js';
import { checkNames } from './rule-names.js';
import { openSection } from './section.js';
import { durationMs } from './texts.js';

/** How many rules `allow` and `deny` may have each. */
export const maxRules = 256;

/** What `inbound` says. */
export interface Inbound {
  readonly mtls?: MtlsSetting;
  readonly authorization?: Authorization;
  readonly jwt?: JwtSetting;
  readonly rateLimit?: RateLimitSetting;
  readonly inboundConnections?: InboundConnectionsSetting;
}

/** Reads the section; what is wrong is in the findings. */
export function readInbound(cursor: Cursor): Inbound {
  const fields = ['mtls', 'authorization', 'jwt', 'rateLimit', 'connections'] as const;
  const section = openSection(cursor, fields);
  if (section === undefined) return {};
  const mtls = section.has('mtls') ? readMtls(child(cursor, 'mtls')) : undefined;
  const authorization = section.has('authorization')
    ? readAuthorization(child(cursor, 'authorization'))
    : undefined;
  const jwt = section.has('jwt') ? readJwt(child(cursor, 'jwt')) : undefined;
  const limit = section.has('rateLimit')
    ? checkSchema(child(cursor, 'rateLimit'), rateLimitSchema)
    : undefined;
  const connections = section.has('connections')
    ? checkSchema(child(cursor, 'connections'), inboundConnectionsSchema)
    : undefined;
  return {
    ...(mtls === undefined ? {} : { mtls }),
    ...(authorization === undefined ? {} : { authorization }),
    ...(jwt === undefined ? {} : { jwt }),
    ...(limit === undefined ? {} : { rateLimit: toRateLimit(limit) }),
    ...(connections?.max === undefined ? {} : { inboundConnections: { max: connections.max } }),
  };
}

function toRateLimit({ requests, per, burst, perIdentity }: RateLimitEntry): RateLimitSetting {
  return {
    ...(requests === undefined || per === undefined
      ? {}
      : { total: { requests, perMs: durationMs(per), burst: burst ?? 0 } }),
    ...(perIdentity === undefined
      ? {}
      : {
          perIdentity: {
            requests: perIdentity.requests,
            perMs: durationMs(perIdentity.per),
          },
        }),
  };
}

function readMtls(cursor: Cursor): MtlsSetting | undefined {
  const entry = checkSchema(cursor, mtlsSchema);
  if (entry === undefined) return undefined;
  const ports = new Map<number, MtlsMode>();
  for (const [port, mode] of Object.entries(entry.ports ?? {})) ports.set(Number(port), mode);
  return {
    ...(entry.mode === undefined ? {} : { mode: entry.mode }),
    ports: new Map([...ports].sort(([a], [b]) => a - b)),
    isFloor: entry.floor ?? false,
  };
}

function readAuthorization(cursor: Cursor): Authorization | undefined {
  const section = openSection(cursor, ['default', 'deny', 'allow']);
  if (section === undefined) return undefined;
  const verdict = section.has('default')
    ? checkSchema(child(cursor, 'default'), verdictSchema)
    : undefined;
  const deny = section.has('deny') ? readRules(child(cursor, 'deny'), 'deny') : [];
  const allow = section.has('allow') ? readRules(child(cursor, 'allow'), 'allow') : undefined;
  return {
    default: verdict ?? 'Inherit',
    deny,
    ...(allow === undefined ? {} : { allow }),
  };
}

function readRules(cursor: Cursor, prefix: 'allow' | 'deny'): readonly AuthorizationRule[] {
  // Null is not absent here: an allow list that lost its entries must not open the door.
  if (cursor.value === null) {
    refuse(
      cursor,
      'expected a list, found null',
      'write [] for an empty list, or remove the field',
    );
    return [];
  }
  const items = readItems(cursor);
  if (items.length > maxRules) {
    refuse({ ...cursor, value: items.length }, `expected at most ${maxRules} entries`);
    return [];
  }
  const rules = items.flatMap((item, index) => {
    const entry = checkSchema(item, ruleSchema);
    return entry === undefined ? [] : [toRule(entry, `${prefix}-${index}`)];
  });
  checkNames(items, prefix);
  return rules;
}

function toRule(entry: RuleEntry, defaultName: string): AuthorizationRule {
  return {
    name: entry.name ?? defaultName,
    from: toCallerRules(entry.from ?? []),
    to: (entry.to ?? []).map((operation): OperationRule => ({
      ports: operation.ports ?? [],
      methods: operation.methods ?? [],
      paths: operation.paths ?? [],
    })),
    when: (entry.when ?? []).flatMap(toCondition),
  };
}

function toCondition({ claim, issuer, header, values }: ConditionEntry): readonly RuleCondition[] {
  if (header !== undefined) return [{ kind: 'header', name: header.toLowerCase(), values }];
  if (claim === undefined) return [];
  return [{ kind: 'claim', claim, ...(issuer === undefined ? {} : { issuer }), values }];
}
