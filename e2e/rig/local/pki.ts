/** The certificates, keys and kubeconfigs of the local rig's cluster. */
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../../../demo/rig/index.js';

/** Who speaks to the API server, and as whom. */
const clients: Readonly<Record<string, string>> = {
  admin: '/O=system:masters/CN=admin',
  'kube-controller-manager': '/CN=system:kube-controller-manager',
  'kube-scheduler': '/CN=system:kube-scheduler',
  'kube-proxy': '/CN=system:kube-proxy',
};

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const days = ['-days', '30'];

interface Certificate {
  readonly name: string;
  readonly subject: string;
  readonly san?: string;
}

async function issue(folder: string, { name, subject, san }: Certificate): Promise<void> {
  const at = (file: string): string => join(folder, file);
  await runCommand([
    ...['openssl', 'req', ...newKey, '-subj', subject],
    ...['-keyout', at(`${name}.key`), '-out', at(`${name}.csr`)],
  ]);
  const names = san === undefined ? '' : `subjectAltName=${san}\n`;
  const usage = 'keyUsage=digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n';
  await writeFile(at(`${name}.ext`), `${usage}${names}`);
  // A serial number of its own each: they are signed at the same time.
  const serial = `0x${Buffer.from(name).toString('hex').slice(0, 30)}`;
  await runCommand([
    ...['openssl', 'x509', '-req', '-in', at(`${name}.csr`), '-out', at(`${name}.crt`), ...days],
    ...['-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-set_serial', serial],
    ...['-extfile', at(`${name}.ext`)],
  ]);
}

/** What certificates and kubeconfigs are made for. */
export interface PkiOptions {
  readonly folder: string;
  readonly nodeName: string;
  readonly nodeIp: string;
  /** The first address of the Services' range: `kubernetes.default`. */
  readonly serviceIp: string;
}

/** Makes the CA, a certificate per part of the cluster, and the key of service accounts. */
export async function makePki(options: PkiOptions): Promise<void> {
  const { folder, nodeName, nodeIp, serviceIp } = options;
  const at = (file: string): string => join(folder, file);
  await runCommand([
    ...['openssl', 'req', '-x509', ...newKey, ...days, '-subj', '/CN=cluster-ca'],
    ...['-keyout', at('ca.key'), '-out', at('ca.crt')],
  ]);
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'localhost'];
  const san = [
    ...['127.0.0.1', nodeIp, serviceIp].map((ip) => `IP:${ip}`),
    ...[...names, 'kubernetes.default.svc.cluster.local'].map((name) => `DNS:${name}`),
  ].join(',');
  await Promise.all([
    issue(folder, { name: 'kube-apiserver', subject: '/CN=kube-apiserver', san }),
    issue(folder, {
      name: 'kubelet',
      subject: `/O=system:nodes/CN=system:node:${nodeName}`,
      san: `IP:${nodeIp},DNS:${nodeName}`,
    }),
    ...Object.entries(clients).map(([name, subject]) => issue(folder, { name, subject })),
  ]);
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(at('sa.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await writeFile(at('sa.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
}

/** The users that have a kubeconfig besides the node's. */
export const kubeconfigUsers: readonly string[] = [...Object.keys(clients), 'kubelet'];

/** Writes a kubeconfig of a user for the server at `url`. JSON is YAML. */
export async function writeKubeconfig(
  path: string,
  { folder, user, url }: { readonly folder: string; readonly user: string; readonly url: string },
): Promise<void> {
  const at = (file: string): string => join(folder, file);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'local', cluster: { server: url, 'certificate-authority': at('ca.crt') } }],
    users: [
      {
        name: user,
        user: { 'client-certificate': at(`${user}.crt`), 'client-key': at(`${user}.key`) },
      },
    ],
    contexts: [{ name: 'local', context: { cluster: 'local', user } }],
    'current-context': 'local',
  };
  await writeFile(path, `${JSON.stringify(config, undefined, 2)}\n`);
}
