/** The root on a machine of its own: made there, its key closed by a passphrase, signing what is requested. */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, ok, type Result } from '../lib/index.js';
import { guarded, removeIfThere, writeOnce } from './private-files.js';
import { seal, unseal } from './sealed.js';
import { fingerprintOf, keyFingerprintOf, pemBlocks, randomLabel } from './slot.js';
import { certifyIssuer, createRoot, readIssuerRequest, type IssuerScope } from './x509.js';

/** A root and its key, the latter in a form that may lie in a file. */
export interface OfflineRoot {
  readonly certPem: string;
  readonly sealedKey: string;
  /** SHA-256 of the certificate, hexadecimal. */
  readonly fingerprint: string;
}

/** What depends on the moment and on chance. */
export interface OfflineMinting {
  readonly nowMs: number;
  readonly backdateMs: number;
  readonly lifeMs: number;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** A new root whose key nobody can read without `passphrase`. */
export async function makeOfflineRoot(
  trustDomain: string,
  passphrase: string,
  { nowMs, backdateMs, lifeMs, randomBytes }: OfflineMinting,
): Promise<OfflineRoot> {
  const { certPem, keyPem } = await createRoot({
    ...{ trustDomain, label: randomLabel(randomBytes) },
    ...{ notBeforeMs: nowMs - backdateMs, notAfterMs: nowMs + lifeMs },
  });
  return {
    certPem,
    sealedKey: await seal('ROOT KEY', keyPem, passphrase),
    fingerprint: fingerprintOf(new X509Certificate(certPem)),
  };
}

/** Names of the root's files in its directory. */
export const offlineRootFiles = { certificate: 'root.pem', key: 'root-key.sealed' } as const;

/**
 * Writes the root into `directory`, making that (0700) when absent; never over a root that is there,
 * and what fails in the middle is removed. Rejects with a `CaError` when the directory cannot be written.
 */
export async function keepOfflineRoot(
  directory: string,
  { certPem, sealedKey }: OfflineRoot,
): Promise<Result<undefined, string>> {
  const { certificate, key } = offlineRootFiles;
  const refusal = (file: string): Result<undefined, string> =>
    fail(`there is a ${file} in ${directory} already, and a root is never written over another`);
  return guarded('write', directory, async () => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if (!(await writeOnce(directory, key, sealedKey))) return refusal(key);
    try {
      if (await writeOnce(directory, certificate, certPem)) return ok(undefined);
    } catch (error) {
      await removeIfThere(join(directory, key));
      throw error;
    }
    await removeIfThere(join(directory, key));
    return refusal(certificate);
  });
}

/** An intermediate that was signed. */
export interface SignedIssuer {
  readonly kind: IssuerScope['kind'];
  readonly trustDomain: string;
  readonly notAfterMs: number;
  /** SHA-256 of the public key, hexadecimal. */
  readonly key: string;
}

/** What was signed, and the text to be brought back: the intermediates, then their root; PEM. */
export interface SignedIssuers {
  readonly pem: string;
  readonly issuers: readonly SignedIssuer[];
}

interface SignInput {
  readonly rootPem: string;
  readonly sealedKey: string;
  readonly passphrase: string;
  /** One request or more by `skerry ca csr`, PEM. */
  readonly requests: string;
}

/** The trust domain that a root says it is of. */
export function trustDomainOf(root: X509Certificate): string | undefined {
  return /^URI:spiffe:\/\/([^/,\s]+)$/.exec(root.subjectAltName ?? '')?.[1];
}

function readRoot(pem: string, nowMs: number): Result<X509Certificate, string> {
  let root: X509Certificate;
  try {
    root = new X509Certificate(pem);
  } catch {
    return fail('the certificate of the root does not parse');
  }
  if (!root.ca || !root.verify(root.publicKey)) {
    return fail('the certificate of the root is not that of a self-signed CA');
  }
  return nowMs < Date.parse(root.validTo) ? ok(root) : fail(`the root ended on ${root.validTo}`);
}

/**
 * Signs requests of the root's own trust domain and no others: intermediates of path length 0 with
 * critical name constraints, whatever the requests say, that end with the root at the latest.
 */
export async function signRequests(
  input: SignInput,
  minting: OfflineMinting,
): Promise<Result<SignedIssuers, string>> {
  const { nowMs, backdateMs, lifeMs, randomBytes } = minting;
  const root = readRoot(input.rootPem, nowMs);
  if (!root.ok) return root;
  const trustDomain = trustDomainOf(root.value);
  if (trustDomain === undefined) return fail('the root names no trust domain: it is not of ours');
  const blocks = pemBlocks(input.requests);
  if (blocks.length === 0) return fail('expected requests by skerry ca csr, found no whole PEM');
  const requests = blocks.map(({ pem }) => readIssuerRequest(pem));
  for (const request of requests) {
    if (!request.ok) return request;
    if (request.value.trustDomain !== trustDomain) {
      return fail(
        `the request is of trust domain ${request.value.trustDomain}, but this root is of ${trustDomain}`,
      );
    }
  }
  const keyPem = await unseal('ROOT KEY', input.sealedKey, input.passphrase);
  if (!keyPem.ok) return keyPem;
  const key = createPrivateKey(keyPem.value);
  if (!root.value.checkPrivateKey(key)) return fail('the key is not that of this root');
  const notAfterMs = Math.min(nowMs + lifeMs, Date.parse(root.value.validTo));
  const signed: (SignedIssuer & { readonly pem: string })[] = [];
  for (const request of requests) {
    if (!request.ok) return request;
    const { kind, spki } = request.value;
    const pem = await certifyIssuer(spki, {
      ...{ notBeforeMs: nowMs - backdateMs, notAfterMs, label: randomLabel(randomBytes) },
      scope: kind === 'workload' ? { kind, trustDomain } : { kind },
      root: { certPem: input.rootPem, key },
    });
    const publicKey = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    signed.push({ kind, trustDomain, notAfterMs, key: keyFingerprintOf(publicKey), pem });
  }
  return ok({
    pem: [...signed.map(({ pem }) => pem), input.rootPem].join(''),
    issuers: signed.map(({ kind, key: fingerprint }) => ({
      ...{ kind, trustDomain, notAfterMs, key: fingerprint },
    })),
  });
}
