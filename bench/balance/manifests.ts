/** The mesh of the bench of balancing: a caller, and for each kind of server three of them, called under several names. */
import {
  documents,
  namespace,
  namespaceText,
  podText,
  policyText,
  serviceText,
  sliceText,
} from '../manifests.js';

/** What a call takes on a server that is well; on one of three it takes ten times as long. */
export const serviceMs = 20;
export const slowness = 10;

/** A kind of server, and the load that it gets. */
export interface Scenario {
  readonly name: string;
  /** Of one server; 0: none waits for another. */
  readonly workers: number;
  /** Requests a second; 0: each connection asks again as soon as it is answered. */
  readonly rate: number;
  readonly connections: number;
}

/** The scenarios, in the order in which they are measured. */
export const scenarios: readonly Scenario[] = [
  { name: 'many at once', workers: 0, rate: 0, connections: 16 },
  { name: 'few at once', workers: 0, rate: 40, connections: 4 },
  { name: 'queues', workers: 4, rate: 100, connections: 32 },
];

/** How a Service is balanced; the first is what the others are compared with. */
export const variants = [
  { name: 'RoundRobin', loadBalancing: '{ algorithm: RoundRobin }' },
  { name: 'default', loadBalancing: undefined },
] as const;
export type Variant = (typeof variants)[number];

/** The pod that calls, `namespace/name`. */
export const caller = `${namespace}/caller`;

const poolOf = ({ workers }: Scenario): string => (workers === 0 ? 'free' : 'queue');
const pools = [...new Map(scenarios.map((each) => [poolOf(each), each])).values()];

/** The server pods of a scenario, the slow one last. */
export function serversOf(
  scenario: Scenario,
): readonly { readonly key: string; readonly ip: string }[] {
  const subnet = pools.findIndex((each) => poolOf(each) === poolOf(scenario)) + 2;
  return [1, 2, 3].map((index) => ({
    key: `${namespace}/${poolOf(scenario)}-${String(index)}`,
    ip: `10.66.${String(subnet)}.${String(index)}`,
  }));
}

/** The Service by which a scenario calls a variant, and its address. */
export function serviceOf(
  scenario: Scenario,
  variant: Variant,
): { readonly name: string; readonly ip: string } {
  const place = scenarios.indexOf(scenario) * variants.length + variants.indexOf(variant);
  return {
    name: `${scenario.name.replaceAll(' ', '-')}-${variant.name.toLowerCase()}`,
    ip: `10.96.0.${String(10 + place)}`,
  };
}

/** The whole directory. */
export function balanceMesh(): string {
  return documents(
    namespaceText(),
    podText({ name: 'caller', ip: '10.66.1.1', serviceAccount: 'caller', hasSidecar: true }),
    ...pools.flatMap((scenario) =>
      serversOf(scenario).map(({ key, ip }, index) =>
        podText({
          name: key.slice(namespace.length + 1),
          ...{ ip, serviceAccount: 'server', hasSidecar: true, app: 'queue-server' },
          env: {
            WORKERS: String(scenario.workers),
            SERVICE_MS: String(index === 2 ? serviceMs * slowness : serviceMs),
          },
        }),
      ),
    ),
    ...scenarios.flatMap((scenario) => variants.flatMap((variant) => textsOf(scenario, variant))),
  );
}

function textsOf(scenario: Scenario, variant: Variant): readonly string[] {
  const { name, ip } = serviceOf(scenario, variant);
  const { loadBalancing } = variant;
  const ips = serversOf(scenario).map((server) => server.ip);
  const target = `targetRefs: [{ kind: Service, name: ${name} }]`;
  return [
    serviceText(name, ip),
    sliceText(name, ips),
    ...(loadBalancing === undefined
      ? []
      : [policyText(name, `{ ${target}, outbound: { loadBalancing: ${loadBalancing} } }`)]),
  ];
}
