/** The changes whose way to the sidecars is measured. */
import { documents, policyText, serviceText, sliceText } from './manifests.js';

/** The server that answers, the only pod without a sidecar. */
export const serverIp = '10.66.0.10';
/** Virtual IPs. */
export const vips = {
  /** Called by every sidecar before the first round. */
  target: '10.96.0.10',
  other: '10.96.0.11',
  /** Called too, before a Service has it. */
  late: '10.96.0.12',
  /** Called by nobody. */
  routed: '10.96.0.13',
} as const;

/** One kind of change. */
export interface Change {
  readonly name: string;
  readonly file: string;
  /** What is written in round `round`; it differs from the round before. */
  readonly text: (round: number) => string;
  /** The types of which every sidecar gets and accepts a new response. */
  readonly types: readonly string[];
  /** The file is taken away again after each round, which is a change too; absent: it stays. */
  readonly removal?: { readonly name: string; readonly types: readonly string[] };
}

function routesText(weight: number): string {
  return policyText(
    'routes',
    `{ targetRefs: [{ kind: Service, name: target }], routes: [{ name: split, backends: [{ service: target, weight: ${weight} }, { service: other, weight: ${100 - weight} }] }] }`,
  );
}

function authorizationText(round: number): string {
  return policyText(
    'callers',
    `{ targetRefs: [{ kind: Namespace }], inbound: { authorization: { default: Deny, allow: [{ name: caller, from: [{ serviceAccount: other/caller-${round} }] }] } } }`,
  );
}

/** An address that is in no Pod; it is never called. */
const spareIp = '10.66.255.1';

const endpoints: Change = {
  name: 'endpoint of a Service in use',
  file: '21-target-endpoints.yaml',
  text: (round) => sliceText('target', round % 2 === 0 ? [serverIp] : [serverIp, spareIp]),
  types: ['ClusterLoadAssignment'],
};

const route: Change = {
  name: 'route of a TrafficPolicy',
  file: '30-routes.yaml',
  text: (round) => routesText(round % 2 === 0 ? 90 : 80),
  types: ['VirtualHost'],
};

const authorization: Change = {
  name: 'authorization of all sidecars',
  file: '31-authorization.yaml',
  text: authorizationText,
  types: ['Listener'],
};

const service: Change = {
  name: 'new Service whose address is in use',
  file: '40-late.yaml',
  text: () => documents(serviceText('late', vips.late), sliceText('late', [serverIp])),
  types: ['Cluster', 'ClusterLoadAssignment'],
  removal: { name: 'removal of that Service', types: ['Cluster'] },
};

const routedService: Change = {
  name: 'new Service with routes of its own',
  file: '41-routed.yaml',
  text: () =>
    documents(
      serviceText('routed', vips.routed),
      sliceText('routed', [serverIp]),
      policyText(
        'routed',
        '{ targetRefs: [{ kind: Service, name: routed }], routes: [{ name: all, timeout: 5s, backends: [{ service: routed }] }] }',
      ),
    ),
  types: ['Cluster', 'ClusterLoadAssignment', 'VirtualHost'],
  removal: { name: 'removal of it and its routes', types: ['Cluster', 'VirtualHost'] },
};

/** In the order of the table. */
export const changes: readonly Change[] = [endpoints, route, authorization, service, routedService];

/** What stands in the directory before the first round, by file. */
export function initialFiles(): Readonly<Record<string, string>> {
  return {
    '20-services.yaml': documents(
      serviceText('target', vips.target),
      serviceText('other', vips.other),
      sliceText('other', [serverIp]),
      policyText(
        'egress',
        '{ targetRefs: [{ kind: Namespace }], outbound: { egress: { mode: KnownOnly } } }',
      ),
    ),
    ...Object.fromEntries(
      changes
        .filter(({ removal }) => removal === undefined)
        .map(({ file, text }) => [file, text(0)] as const),
    ),
  };
}
