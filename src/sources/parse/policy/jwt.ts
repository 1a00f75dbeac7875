/** `inbound.jwt`: its schema, and what it says. */
import { z } from 'zod';
import type { JwtIssuer, JwtKeys, JwtSetting } from '../../../model/index.js';
import type { Cursor } from '../cursor.js';
import { maxKeySetLength, readKeySet } from '../jwks.js';
import { checkSchema, strict } from './check.js';
import { keySetUrl, readKeySetUrl } from './key-set-url.js';
import { claimHeader, claimName, comparedHeader, objectName, tokenText } from './texts.js';

const keySetText = z
  .string()
  .max(maxKeySetLength)
  .superRefine((value, context) => {
    for (const message of readKeySet(value).problems) context.addIssue({ code: 'custom', message });
  });

const jwksSchema = strict({
  inline: keySetText.optional(),
  configMap: objectName.optional(),
  url: keySetUrl.optional(),
}).superRefine((entry, context) => {
  if (Object.values(entry).filter((value) => value !== undefined).length === 1) return;
  const message = 'expected exactly one of inline, configMap, url';
  context.addIssue({ code: 'custom', message });
});

const issuerSchema = strict({
  issuer: tokenText,
  audiences: z.array(tokenText).min(1).max(64).optional(),
  jwks: jwksSchema,
  forward: z.boolean().optional(),
  fromHeaders: z.array(comparedHeader).max(16).optional(),
  claimToHeaders: z.record(claimName, claimHeader).optional(),
});

/** `inbound.jwt`. */
export const jwtSchema = strict({
  issuers: z.array(issuerSchema).max(16).optional(),
  required: z.boolean().optional(),
}).superRefine(({ issuers = [] }, context) => {
  const add = (index: number, field: string, message: string): void => {
    context.addIssue({ code: 'custom', path: ['issuers', index, field], message });
  };
  const places = new Map<string, number>();
  const sources = new Set(issuers.flatMap(headersOf));
  for (const [index, entry] of issuers.entries()) {
    const first = places.get(entry.issuer);
    if (first !== undefined) {
      add(index, 'issuer', `expected an issuer of its own, found that of issuers[${first}]`);
    } else places.set(entry.issuer, index);
    const written = Object.values(entry.claimToHeaders ?? {}).map((name) => name.toLowerCase());
    if (new Set(written).size < written.length) {
      add(index, 'claimToHeaders', 'expected a header of its own for each claim');
    }
    const clash = written.find((name) => sources.has(name));
    if (clash !== undefined) {
      add(index, 'claimToHeaders', `expected another header: ${clash} carries the token`);
    }
  }
});

type JwtEntry = z.infer<typeof jwtSchema>;
type IssuerEntry = NonNullable<JwtEntry['issuers']>[number];

function headersOf({ fromHeaders = [] }: Pick<IssuerEntry, 'fromHeaders'>): readonly string[] {
  return fromHeaders.length === 0
    ? ['authorization']
    : fromHeaders.map((name) => name.toLowerCase());
}

/** Reads the section; what is wrong is in the findings. */
export function readJwt(cursor: Cursor): JwtSetting | undefined {
  const entry = checkSchema(cursor, jwtSchema);
  if (entry === undefined) return undefined;
  const { issuers, required } = entry;
  return {
    ...(issuers === undefined ? {} : { issuers: issuers.flatMap(toIssuer) }),
    ...(required === undefined ? {} : { required }),
  };
}

function toIssuer(entry: IssuerEntry): readonly JwtIssuer[] {
  const keys = toKeys(entry.jwks);
  if (keys === undefined) return [];
  return [
    {
      issuer: entry.issuer,
      audiences: entry.audiences ?? [],
      keys,
      forward: entry.forward ?? false,
      fromHeaders: headersOf(entry),
      claimToHeaders: Object.entries(entry.claimToHeaders ?? {})
        .map(([claim, header]) => ({ claim, header: header.toLowerCase() }))
        .sort((a, b) => (a.claim < b.claim ? -1 : 1)),
    },
  ];
}

function toKeys({ inline, configMap, url }: IssuerEntry['jwks']): JwtKeys | undefined {
  if (url !== undefined) {
    const reading = readKeySetUrl(url);
    return reading.ok ? { kind: 'url', from: reading.value } : undefined;
  }
  if (configMap !== undefined) return { kind: 'configMap', name: configMap };
  const jwks = inline === undefined ? undefined : readKeySet(inline).jwks;
  return jwks === undefined ? undefined : { kind: 'inline', jwks };
}
