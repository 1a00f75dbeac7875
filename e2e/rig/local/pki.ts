/** The certificates, keys and kubeconfigs of the local rig's cluster. */
import {
  issueCertificate,
  makeAuthority,
  makeTokenKey,
} from '../../../src/sources/kubernetes/testing/certificates.js';

/** Who speaks to the API server, and as whom. */
const clients: Readonly<Record<string, string>> = {
  admin: '/O=system:masters/CN=admin',
  'kube-controller-manager': '/CN=system:kube-controller-manager',
  'kube-scheduler': '/CN=system:kube-scheduler',
  'kube-proxy': '/CN=system:kube-proxy',
};

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
  await Promise.all([makeAuthority(folder), makeTokenKey(folder)]);
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'localhost'];
  const san = [
    ...['127.0.0.1', nodeIp, serviceIp].map((ip) => `IP:${ip}`),
    ...[...names, 'kubernetes.default.svc.cluster.local'].map((name) => `DNS:${name}`),
  ].join(',');
  await Promise.all([
    issueCertificate(folder, { name: 'kube-apiserver', subject: '/CN=kube-apiserver', san }),
    issueCertificate(folder, {
      name: 'kubelet',
      subject: `/O=system:nodes/CN=system:node:${nodeName}`,
      san: `IP:${nodeIp},DNS:${nodeName}`,
    }),
    ...Object.entries(clients).map(([name, subject]) =>
      issueCertificate(folder, { name, subject }),
    ),
  ]);
}

/** The users that have a kubeconfig. */
export const kubeconfigUsers: readonly string[] = [...Object.keys(clients), 'kubelet'];
