/** ConfigMap (core/v1), read where its label says that it has certificates of authorities. */
import { X509Certificate } from 'node:crypto';
import { caBundleKey, caBundleLabel, type CaBundle, type Diagnostic } from '../../model/index.js';
import { child, descend, readLabels } from './cursor.js';
import { openObject } from './header.js';
import { configMapApi } from './key-set.js';
import { isOffered } from './offered.js';
import { pemBlocks } from './pem.js';

/** The entry with the certificates. */
const entry = 'ca.crt';
/** Twice what all public authorities take. Each sidecar that it is for holds it, and each one is parsed here. */
const maxLength = 524_288;
const maxCertificates = 500;

/** Whether a ConfigMap is offered to sidecars as a bundle. */
export function isCaBundle(object: unknown): boolean {
  return isOffered(object, caBundleLabel);
}

/**
 * Reads a bundle. One that cannot be used is a row all the same, without certificates: servers must
 * not be taken by an authority that somebody has replaced.
 */
export function parseCaBundle(object: unknown): {
  readonly caBundle?: CaBundle;
  readonly diagnostics: readonly Diagnostic[];
} {
  const opened = openObject(object, configMapApi);
  if (!opened.ok) return { diagnostics: opened.error };
  const { ref, root, findings } = opened.value;
  const texts = readLabels(child(root, 'data'));
  const text = Object.hasOwn(texts, entry) ? texts[entry] : undefined;
  const { usable, problems } = readCertificates(text);
  for (const message of problems) {
    const { path } = descend(root, 'data', entry);
    // Without the value: somebody may have put a private key beside it.
    findings.add({ path, message, severity: usable.length === 0 ? 'error' : 'warning' });
  }
  const pem = usable.join('');
  return {
    caBundle: {
      kind: 'CaBundle',
      key: caBundleKey(ref.namespace, ref.name),
      ...(pem === '' ? {} : { pem }),
    },
    diagnostics: findings.list(),
  };
}

function readCertificates(text: string | undefined): {
  readonly usable: readonly string[];
  readonly problems: readonly string[];
} {
  if (text === undefined) return { usable: [], problems: ['this field is required'] };
  if (text.length > maxLength) {
    const problem = `expected at most ${maxLength} characters, found ${text.length}`;
    return { usable: [], problems: [problem] };
  }
  const blocks = pemBlocks(text);
  const certificates = blocks.filter(({ label }) => label === 'CERTIFICATE');
  if (certificates.length > maxCertificates) {
    const problem = `expected at most ${maxCertificates} certificates, found ${certificates.length}`;
    return { usable: [], problems: [problem] };
  }
  const usable = certificates.map(({ pem }) => pem).filter(isCertificate);
  const broken = certificates.length - usable.length;
  return {
    usable: [...new Set(usable)],
    problems: [
      ...(usable.length === 0 ? ['expected certificates in PEM, found none that can be read'] : []),
      ...(broken > 0 && usable.length > 0
        ? [`${broken} of ${certificates.length} certificates cannot be read and are left out`]
        : []),
      ...(blocks.some(({ label }) => label.endsWith('PRIVATE KEY'))
        ? ['a private key stands beside the certificates; it is sent to nobody: remove it']
        : []),
    ],
  };
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
