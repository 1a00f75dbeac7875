/** A certificate authority of somebody outside the mesh: signs servers and clients by openssl. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../../demo/rig/index.js';

/** A certificate and its key, PEM. */
export interface SignedPair {
  readonly cert: string;
  readonly key: string;
}

/** The authority. */
export interface Authority {
  /** Its own certificate, PEM. */
  readonly pem: string;
  /** A new key with a certificate for these DNS names; the first is the subject too. */
  sign(names: readonly string[]): Promise<SignedPair>;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'] as const;

/** Makes an authority in `directory`. Throws CommandError. */
export async function createAuthority(directory: string, name: string): Promise<Authority> {
  await mkdir(directory, { recursive: true });
  const file = (leaf: string): string => join(directory, leaf);
  await runCommand([
    ...['openssl', 'req', '-x509', ...newKey, '-subj', `/CN=${name}`, '-days', '1'],
    ...['-keyout', file('root.key'), '-out', file('root.pem')],
  ]);
  let signed = 0;
  return {
    pem: await readFile(file('root.pem'), 'utf8'),
    async sign(names): Promise<SignedPair> {
      signed += 1;
      const own = (suffix: string): string => file(`leaf-${signed}.${suffix}`);
      const list = names.map((each) => `DNS:${each}`).join(',');
      await writeFile(own('ext'), `subjectAltName=${list}\nbasicConstraints=critical,CA:FALSE\n`);
      await runCommand([
        ...['openssl', 'req', '-new', ...newKey, '-subj', `/CN=${names[0] ?? name}`],
        ...['-keyout', own('key'), '-out', own('csr')],
      ]);
      await runCommand([
        ...['openssl', 'x509', '-req', '-in', own('csr'), '-days', '1'],
        ...['-CA', file('root.pem'), '-CAkey', file('root.key'), '-CAcreateserial'],
        ...['-extfile', own('ext'), '-out', own('pem')],
      ]);
      const [cert, key] = await Promise.all([own('pem'), own('key')].map((path) => readFile(path)));
      return { cert: String(cert), key: String(key) };
    },
  };
}
