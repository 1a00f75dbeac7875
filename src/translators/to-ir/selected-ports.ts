/** The container ports that a Service's selector means, whatever its EndpointSlices say (yet). */
import type { Read } from '../../graph/index.js';
import type { Service, ServicePort } from '../../model/index.js';
import type { ServedPort } from './endpoint-group.js';
import { labelKey, matchesLabels } from './labels.js';
import type { WorkloadTables } from './tables.js';
import type { Workload } from './workload.js';

/**
 * What a Service says of its workloads must hold before the first call reaches them, and slices are
 * written by others and later: a pod can be called by its address as soon as it has one.
 */
export function selectedPorts(
  service: Service,
  read: Read,
  tables: Pick<WorkloadTables, 'workloadsByLabel'>,
): readonly ServedPort[] {
  const { namespace, selector = {} } = service;
  const [first] = Object.entries(selector);
  // An empty selector selects nothing: the endpoints are written by hand.
  if (first === undefined) return [];
  return read
    .find(tables.workloadsByLabel, labelKey(namespace, ...first))
    .filter(({ labels, isInMesh }) => isInMesh && matchesLabels(selector, labels))
    .flatMap((workload) => service.ports.flatMap((port) => portOf(workload, service, port)));
}

function portOf(workload: Workload, service: Service, declared: ServicePort): ServedPort[] {
  if (declared.transport !== 'TCP') return [];
  const { targetPort = declared.port } = declared;
  const port =
    typeof targetPort === 'number'
      ? targetPort
      : workload.containerPorts.find(({ name }) => name === targetPort)?.port;
  if (port === undefined) return [];
  const { name: portName, protocol } = declared;
  return [{ pod: workload.pod, service: service.key, portName, port, protocol }];
}
