/** The SPIFFE ids of the demo's workloads. */

const trustDomain = 'cluster.local';

/** `spiffe://cluster.local/ns/<namespace>/sa/<serviceAccount>` */
export function identityOf(namespace: string, serviceAccount: string): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
}
