/** Secret (core/v1), read where its label says that sidecars of its namespace may have its certificate and key. */
import { createHash, createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { fail, ok, Redacted, type Result } from '../../lib/index.js';
import {
  credentialKey,
  credentialLabel,
  type Credential,
  type Diagnostic,
} from '../../model/index.js';
import { ownField } from './cursor.js';
import { openObject, type ApiKind } from './header.js';
import { isOffered } from './offered.js';
import { pemBlocks } from './pem.js';

/** The API of Secrets. */
export const secretApi: ApiKind = { group: '', version: 'v1', kind: 'Secret', isNamespaced: true };

const type = 'kubernetes.io/tls';
/** What Envoy loads (measured on 1.40). */
const curves: readonly string[] = ['prime256v1', 'secp384r1', 'secp521r1'];
const minRsaBits = 2048;
/** Of an entry, in characters: a chain of some dozen certificates. */
const maxLength = 65_536;

/** Whether a Secret is offered to the sidecars of its namespace. */
export function isCredential(object: unknown): boolean {
  return isOffered(object, credentialLabel);
}

/** What is wrong, and where; never with the value. */
interface Problem {
  readonly path: readonly string[];
  readonly message: string;
}

/**
 * Reads a certificate with its key. One that cannot be used is a row all the same, without them: calls
 * must not go on under a certificate that somebody has replaced. Nothing that it holds is ever said.
 */
export function parseCredential(object: unknown): {
  readonly credential?: Credential;
  readonly diagnostics: readonly Diagnostic[];
} {
  const opened = openObject(object, secretApi);
  if (!opened.ok) return { diagnostics: opened.error };
  const { ref, findings } = opened.value;
  const pair = readPair(object);
  if (!pair.ok) findings.add(pair.error);
  return {
    credential: {
      kind: 'Credential',
      key: credentialKey(ref.namespace, ref.name),
      ...(pair.ok ? { pair: pair.value } : {}),
    },
    diagnostics: findings.list(),
  };
}

function readPair(object: unknown): Result<NonNullable<Credential['pair']>, Problem> {
  if (ownField(object, 'type') !== type) {
    return fail({ path: ['type'], message: `expected ${type}` });
  }
  const chainText = entryOf(object, 'tls.crt');
  const keyText = entryOf(object, 'tls.key');
  for (const [name, text] of [
    ['tls.crt', chainText],
    ['tls.key', keyText],
  ] as const) {
    if (text === undefined || text.length <= maxLength) continue;
    const message = `expected at most ${maxLength} characters, found ${text.length}`;
    return fail({ path: ['data', name], message });
  }
  const chain = pemBlocks(chainText ?? '').filter(({ label }) => label === 'CERTIFICATE');
  const certificates = chain.map(({ pem }) => certificateOf(pem));
  const [leaf] = certificates;
  if (leaf === undefined || certificates.includes(undefined)) {
    const message = 'expected certificates in PEM, the one to be shown first';
    return fail({ path: ['data', 'tls.crt'], message });
  }
  const key = privateKeyOf(keyText ?? '');
  const problem = key === undefined ? noKey : (keyProblem(key) ?? mismatch(leaf, key));
  if (key === undefined || problem !== undefined) {
    return fail({ path: ['data', 'tls.key'], message: problem ?? noKey });
  }
  const chainPem = chain.map(({ pem }) => pem).join('');
  const keyPem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
  const fingerprint = createHash('sha256').update(chainPem).update(keyPem).digest('hex');
  return ok({ chainPem, keyPem: new Redacted(keyPem), fingerprint });
}

const noKey = 'expected a private key in PEM without a passphrase';

/** As the API server has it: base64 in `data`, before which `stringData` counts. */
function entryOf(object: unknown, name: string): string | undefined {
  const plain = ownField(ownField(object, 'stringData'), name);
  if (typeof plain === 'string') return plain;
  const encoded = ownField(ownField(object, 'data'), name);
  return typeof encoded === 'string' ? Buffer.from(encoded, 'base64').toString('utf8') : undefined;
}

function certificateOf(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function privateKeyOf(text: string): KeyObject | undefined {
  const block = pemBlocks(text).find(({ label }) => label.endsWith('PRIVATE KEY'));
  try {
    return block === undefined ? undefined : createPrivateKey(block.pem);
  } catch {
    // The reason may quote the key.
    return undefined;
  }
}

function keyProblem({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | undefined {
  const { namedCurve = '', modulusLength = 0 } = asymmetricKeyDetails ?? {};
  if (asymmetricKeyType === 'ec' && curves.includes(namedCurve)) return undefined;
  if (asymmetricKeyType === 'rsa' && modulusLength >= minRsaBits) return undefined;
  return `expected an RSA key of ${minRsaBits} bits or more, or an EC key on P-256, P-384 or P-521: Envoy takes no other`;
}

function mismatch(leaf: X509Certificate, key: KeyObject): string | undefined {
  return leaf.checkPrivateKey(key) ? undefined : 'expected the key of the first certificate';
}
