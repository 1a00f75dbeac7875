/** Certificates, keys and kubeconfigs for an API server of tests, made by openssl. */
import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const runFile = promisify(execFile);

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const days = ['-days', '30'];

/** A certificate and its key, `<name>.crt` and `<name>.key`. */
export interface CertificateRequest {
  readonly name: string;
  /** As openssl takes it: `/O=group/CN=user`. */
  readonly subject: string;
  /** As openssl takes it: `IP:127.0.0.1,DNS:localhost`. */
  readonly san?: string;
}

/** Makes `ca.crt` and `ca.key` in a folder. */
export async function makeAuthority(folder: string): Promise<void> {
  const files = ['-keyout', 'ca.key', '-out', 'ca.crt'];
  const args = ['req', '-x509', ...newKey, ...days, ...files, '-subj', '/CN=cluster-ca'];
  await runFile('openssl', args, { cwd: folder });
}

/** Makes a certificate for server and client, signed by the folder's authority. */
export async function issueCertificate(
  folder: string,
  { name, subject, san }: CertificateRequest,
): Promise<void> {
  const request = ['-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject];
  await runFile('openssl', ['req', ...newKey, ...request], { cwd: folder });
  const usage = 'keyUsage=digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n';
  const names = san === undefined ? '' : `subjectAltName=${san}\n`;
  await writeFile(join(folder, `${name}.ext`), `${usage}${names}`);
  // Random, not counted: several may be signed at the same time.
  const serial = `0x01${randomBytes(15).toString('hex')}`;
  const signer = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-set_serial', serial, ...days];
  const files = ['-in', `${name}.csr`, '-out', `${name}.crt`, '-extfile', `${name}.ext`];
  await runFile('openssl', ['x509', '-req', ...files, ...signer], { cwd: folder });
}

/** Makes `sa.key` and `sa.pub`, by which service account tokens are signed and checked. */
export async function makeTokenKey(folder: string): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  await writeFile(join(folder, 'sa.key'), key, { mode: 0o600 });
  await writeFile(join(folder, 'sa.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
}

/** Writes the kubeconfig of the certificate `name` in `folder` for the server at `url`. */
export async function writeKubeconfig(
  path: string,
  { folder, name, url }: { readonly folder: string; readonly name: string; readonly url: string },
): Promise<void> {
  const at = (file: string): string => join(folder, file);
  const user = { 'client-certificate': at(`${name}.crt`), 'client-key': at(`${name}.key`) };
  // JSON is YAML.
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority': at('ca.crt') } }],
    users: [{ name, user }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
    'current-context': 'test',
  };
  await writeFile(path, `${JSON.stringify(config, undefined, 2)}\n`);
}
