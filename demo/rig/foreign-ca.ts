/** A certificate authority that is none of the mesh's, to show that its certificates are worth nothing there. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from './process.js';

/** A client certificate and its key, PEM. */
export interface ForeignIdentity {
  readonly cert: string;
  readonly key: string;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'] as const;

/**
 * Makes a root in `directory` and a certificate for `spiffeId` under it, by openssl; or one that
 * `issuer` signs, a file with a certificate and its key. Throws CommandError.
 */
export async function foreignIdentity(
  directory: string,
  spiffeId: string,
  issuer?: string,
): Promise<ForeignIdentity> {
  await mkdir(directory, { recursive: true });
  const file = (name: string): string => join(directory, name);
  await writeFile(
    file('leaf.ext'),
    `subjectAltName=critical,URI:${spiffeId}\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth,serverAuth\nbasicConstraints=critical,CA:FALSE\n`,
  );
  await runCommand([
    ...['openssl', 'req', '-x509', ...newKey, '-subj', '/CN=foreign root', '-days', '1'],
    ...['-keyout', file('root.key'), '-out', file('root.pem')],
  ]);
  await runCommand([
    ...['openssl', 'req', '-new', ...newKey, '-subj', '/'],
    ...['-keyout', file('leaf.key'), '-out', file('leaf.csr')],
  ]);
  await runCommand([
    ...['openssl', 'x509', '-req', '-in', file('leaf.csr'), '-days', '1'],
    ...['-CA', issuer ?? file('root.pem'), '-CAkey', issuer ?? file('root.key')],
    ...['-CAserial', file('serial'), '-CAcreateserial'],
    ...['-extfile', file('leaf.ext'), '-out', file('leaf.pem')],
  ]);
  const leaf = await readFile(file('leaf.pem'), 'utf8');
  const above = await readFile(issuer ?? file('root.pem'), 'utf8');
  const [certificate = ''] =
    /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/.exec(above) ?? [];
  return { cert: leaf + certificate, key: await readFile(file('leaf.key'), 'utf8') };
}
