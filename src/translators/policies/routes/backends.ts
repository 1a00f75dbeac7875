/** Where rules send requests: references to Services and subsets as names of clusters. */
import { formatClusterName } from '../../../ir/index.js';
import { serviceKey, type Backend, type Service, type ServiceRef } from '../../../model/index.js';
import type { Finding } from '../../to-ir/finding.js';

/** The cluster that answers 503 at once. */
export const refuseCluster = 'refuse';

/** The called address, and how its rules see other Services. */
export interface BackendContext {
  /** The address that was called. */
  readonly ip: string;
  readonly port: number;
  readonly service: Service;
  /** The Service's port number that the address belongs to. */
  readonly servicePort: number;
  readonly lookUp: (ref: Pick<ServiceRef, 'namespace' | 'name'>) => Service | undefined;
  /** The Service's virtual IP of the called address' family, or else its first one that it really has. */
  readonly vipOf: (service: Service) => string | undefined;
  readonly hasEndpoints: (cluster: string) => boolean;
  /** It has an endpoint that is healthy, or is somebody outside the mesh of whom nothing is known. */
  readonly canTakeCalls: (cluster: string) => boolean;
}

/** A cluster's name, or why there is none. */
export type Resolved =
  | { readonly cluster: string; readonly problem?: Omit<Finding, 'object' | 'field'> }
  | { readonly cluster?: never; readonly problem: Omit<Finding, 'object' | 'field'> };

/** The cluster of the called address itself. */
export function ownCluster({ ip, port }: Pick<BackendContext, 'ip' | 'port'>): string {
  return formatClusterName({ kind: 'address', wire: 'http', ip, port });
}

/** The cluster of one backend. */
export function resolveBackend(backend: Backend, context: BackendContext): Resolved {
  if (backend.kind === 'service') return resolveRef(backend.ref, context);
  const cluster = formatClusterName({
    kind: 'service',
    wire: 'http',
    service: context.service.key,
    port: context.servicePort,
    subset: backend.labels,
  });
  if (context.hasEndpoints(cluster)) return { cluster };
  const value = Object.entries(backend.labels)
    .map(([key, label]) => `${key}=${label}`)
    .join(',');
  return {
    cluster,
    problem: {
      code: 'BackendNotFound',
      severity: 'warning',
      value,
      message: `no endpoint of Service ${context.service.key} has a pod with the labels ${value}`,
    },
  };
}

/** The cluster of a reference to a Service. */
export function resolveRef(ref: ServiceRef, context: BackendContext): Resolved {
  const key = serviceKey(ref.namespace, ref.name);
  const service = context.lookUp(ref);
  if (service === undefined) return missing(key, `there is no Service ${key}`);
  const port = chosenPort(ref, service, context.servicePort);
  if (port === undefined) {
    const asked = ref.port ?? context.servicePort;
    return missing(
      `${key}:${String(asked)}`,
      `Service ${key} has no TCP port ${String(asked)}${ref.port === undefined ? ', which was called, nor a single other one' : ''}`,
    );
  }
  const vip = context.vipOf(service);
  return {
    cluster: formatClusterName(
      vip === undefined
        ? { kind: 'service', wire: 'http', service: key, port, subset: {} }
        : { kind: 'address', wire: 'http', ip: vip, port },
    ),
  };
}

function missing(value: string, message: string): Resolved {
  return { problem: { code: 'BackendNotFound', severity: 'error', value, message } };
}

/** The port asked for, else the one called, else the only one; undefined when the Service has none such. */
export function chosenPort(ref: ServiceRef, service: Service, called: number): number | undefined {
  const numbers = service.ports
    .filter(({ transport }) => transport === 'TCP')
    .map(({ port }) => port);
  // An ExternalName need not list the ports of what it stands for.
  if (service.externalName !== undefined && numbers.length === 0) return ref.port ?? called;
  const asked = ref.port ?? called;
  if (numbers.includes(asked)) return asked;
  return ref.port === undefined && numbers.length === 1 ? numbers[0] : undefined;
}
