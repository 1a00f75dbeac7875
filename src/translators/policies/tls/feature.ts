/** `outbound.tls`: what the connections to endpoints are. */
import type { ClusterTlsIr, Origin, OutsideTlsIr, SettingIr } from '../../../ir/index.js';
import {
  caBundleLabel,
  credentialLabel,
  type CaBundle,
  type CaBundleKey,
  type Credential,
  type CredentialKey,
  type DiagnosticCode,
  type OutboundSetting,
  type TlsMode,
  type TlsSetting,
} from '../../../model/index.js';
import { describe, settle, type Leaf, type Setting, type Speaker } from '../../to-ir/settings.js';

const section = 'spec.outbound.tls';

function leaf<Value>(
  field: string,
  get: (says: TlsSetting) => Value | undefined,
): Leaf<OutboundSetting, Value> {
  return {
    field: `${section}.${field}`,
    get: ({ tls }) => (tls === undefined ? undefined : get(tls)),
  };
}

const mode = leaf('mode', (says) => says.mode);
const sni = leaf('sni', (says) => says.sni);
const caBundle = leaf('caBundle', (says) => says.caBundle);
const credential = leaf('credential', (says) => says.credential);

/** What is known of the callee, and of the objects that policies name. */
export interface TlsContext {
  /** The name that servers prove where no policy says it; absent: there is none. */
  readonly serverName?: string;
  /** A ConfigMap that is offered to sidecars; undefined: there is none. */
  readonly caBundle: (key: CaBundleKey) => CaBundle | undefined;
  /** A Secret that is offered to the sidecars of its namespace; undefined: there is none. */
  readonly credential: (key: CredentialKey) => Credential | undefined;
}

/** Why connections outside the mesh cannot be made as is asked for. */
export interface TlsProblem {
  readonly code: DiagnosticCode;
  /** From `spec`. */
  readonly field: string;
  readonly value?: string;
  readonly message: string;
  /** Who said it. */
  readonly origin: Origin;
}

/** What a cluster holds. */
export interface ClusterTls {
  readonly tls: ClusterTlsIr;
  readonly settings: readonly SettingIr[];
  readonly problems: readonly TlsProblem[];
}

/** The SDS name of a Secret’s pair. */
export function credentialName(key: CredentialKey): string {
  return `credential/${key}`;
}

const says: Readonly<Record<TlsMode, string>> = {
  Auto: 'TLS Auto: mutual TLS to endpoints in the mesh, plaintext to others',
  Mesh: 'TLS Mesh: mutual TLS of the mesh, and endpoints outside it are left out',
  Simple: 'TLS Simple: mutual TLS to endpoints in the mesh, TLS to others',
  Mutual: 'TLS Mutual: mutual TLS to endpoints in the mesh, TLS with a certificate to others',
  None: 'TLS None: plaintext, to endpoints in the mesh too',
};

function toCluster(
  speakers: readonly Speaker<OutboundSetting>[],
  context: TlsContext | undefined,
): ClusterTls {
  const decided = settle(speakers, mode);
  const outside = toOutside(decided, speakers, context);
  const origins = [...(decided === undefined ? [] : [decided.origin]), ...outside.origins];
  return {
    tls: {
      inMesh: decided?.value === 'None' ? 'plaintext' : 'mtls',
      outside: outside.ir,
      origins,
    },
    settings: [...describe(decided, (value) => says[value]), ...outside.settings],
    problems: outside.problems,
  };
}

interface Outside {
  readonly ir: OutsideTlsIr;
  readonly origins: readonly Origin[];
  readonly settings: readonly SettingIr[];
  readonly problems: readonly TlsProblem[];
}

const silent = { origins: [], settings: [], problems: [] };

function toOutside(
  decided: Setting<TlsMode> | undefined,
  speakers: readonly Speaker<OutboundSetting>[],
  context: TlsContext | undefined,
): Outside {
  switch (decided?.value) {
    case undefined:
    case 'Auto':
    case 'None':
      return { ...silent, ir: { kind: 'plaintext' } };
    case 'Mesh':
      return { ...silent, ir: { kind: 'refused' } };
    case 'Simple':
    case 'Mutual':
      return originate(decided, speakers, context);
  }
}

/** The objects that a speaker names and that are not there, whatever else holds for its calls. */
function findMissing(
  speaker: Speaker<OutboundSetting>,
  context: Pick<TlsContext, 'caBundle' | 'credential'>,
): readonly TlsProblem[] {
  const signers = settle([speaker], caBundle);
  const shown = settle([speaker], credential);
  const bundle = signers && context.caBundle(signers.value);
  const pair = shown && context.credential(shown.value);
  return [
    ...(signers === undefined || bundle?.pem !== undefined
      ? []
      : [noCaBundle(signers, signers, bundle)]),
    ...(shown === undefined || pair?.pair !== undefined ? [] : [noCredential(shown, shown, pair)]),
  ];
}

/** Closed where anything is missing: no connection is made that nobody has to prove a name on. */
function originate(
  decided: Setting<TlsMode>,
  speakers: readonly Speaker<OutboundSetting>[],
  context: TlsContext | undefined,
): Outside {
  const name = settle(speakers, sni);
  const signers = settle(speakers, caBundle);
  const shown = decided.value === 'Mutual' ? settle(speakers, credential) : undefined;
  const serverName = name?.value ?? context?.serverName;
  const bundle = signers && context?.caBundle(signers.value);
  const pair = shown && context?.credential(shown.value)?.pair;
  const problems = [
    ...(serverName === undefined ? [noServerName(decided)] : []),
    ...(bundle?.pem === undefined ? [noCaBundle(decided, signers, bundle)] : []),
    ...(decided.value === 'Mutual' && pair === undefined
      ? [noCredential(decided, shown, shown && context?.credential(shown.value))]
      : []),
  ];
  const settings = [
    ...describe(name, (value) => `TLS: servers outside the mesh prove the name ${value}`),
    ...describe(signers, (value) => `TLS: they prove it by ConfigMap ${value}`),
    ...describe(shown, (value) => `TLS: they are shown the certificate of Secret ${value}`),
    ...problems.map(({ message, field, origin }) => ({
      says: `TLS: refused outside the mesh, as ${message}`,
      origin: { ...origin, field },
    })),
  ];
  const objects = [
    ...(signers === undefined ? [] : [{ object: `ConfigMap ${signers.value}` }]),
    ...(shown === undefined ? [] : [{ object: `Secret ${shown.value}` }]),
  ];
  const said = [name, signers, shown].flatMap((each) => (each === undefined ? [] : [each.origin]));
  const origins = [...said, ...objects];
  if (serverName === undefined || bundle?.pem === undefined || problems.length > 0) {
    return { ir: { kind: 'refused' }, origins, settings, problems };
  }
  const secretName = shown === undefined ? {} : { credential: credentialName(shown.value) };
  const ir = { kind: 'origination' as const, serverName, caPem: bundle.pem, ...secretName };
  return { ir, origins, settings, problems };
}

function noServerName({ origin }: Setting<TlsMode>): TlsProblem {
  const message = 'it is not known which name servers prove';
  return { code: 'NoServerName', field: sni.field, message, origin };
}

function noCaBundle(
  decided: Setting<unknown>,
  named: Setting<CaBundleKey> | undefined,
  found: CaBundle | undefined,
): TlsProblem {
  const code = 'NoCaBundle';
  if (named === undefined) {
    const message = 'no policy names who signs the certificates of servers';
    return { code, field: caBundle.field, message, origin: decided.origin };
  }
  const message =
    found === undefined
      ? `there is no ConfigMap ${named.value} with the label ${caBundleLabel}: "true"`
      : `ConfigMap ${named.value} has no certificate in ca.crt that can be read`;
  const field = `${caBundle.field}.configMap`;
  return { code, field, value: named.value, message, origin: named.origin };
}

function noCredential(
  decided: Setting<unknown>,
  named: Setting<CredentialKey> | undefined,
  found: Credential | undefined,
): TlsProblem {
  const code = 'NoCredential';
  if (named === undefined) {
    const message = 'no policy of the caller’s names the certificate that is shown';
    return { code, field: credential.field, message, origin: decided.origin };
  }
  const message =
    found === undefined
      ? `there is no Secret ${named.value} with the label ${credentialLabel}: "true"`
      : `Secret ${named.value} has no certificate with its key that can be used`;
  const field = `${credential.field}.secret`;
  return { code, field, value: named.value, message, origin: named.origin };
}

/** The feature. */
export const tlsFeature: {
  readonly section: typeof section;
  readonly leaves: readonly Leaf<OutboundSetting, unknown>[];
  readonly toCluster: typeof toCluster;
  readonly findMissing: typeof findMissing;
} = Object.freeze({
  section,
  leaves: [mode, sni, caBundle, credential],
  toCluster,
  findMissing,
});
