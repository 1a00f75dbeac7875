/** Changes of endpoints, as a controller of Kubernetes would write them. */
import type { FilledCluster } from './filled.js';
import { defaultNamespaceOf, serviceNameOf, sliceObject } from './objects.js';

/** Moves the first endpoint of a Service, at every call to an address that it never had. */
export function createMover(
  cluster: FilledCluster,
  endpoints: number,
): (index: number) => Promise<void> {
  let count = 0;
  return async (index) => {
    count += 1;
    const parts = [200 + (count >> 16), (count >> 8) & 255, count & 255];
    const namespace = defaultNamespaceOf(index);
    await cluster.client.send({
      method: 'PUT',
      path: `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices/${serviceNameOf(index)}-1`,
      body: sliceObject(index, { endpoints, firstIp: `10.${parts.join('.')}` }),
    });
  };
}
