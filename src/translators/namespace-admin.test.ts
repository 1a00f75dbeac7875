/** Whoever may write everything in one namespace changes nothing of what others call, are called by, and are told. */
import { describe, expect, test } from '@jest/globals';
import { formatClusterName } from '../ir/index.js';
import { podKey } from '../model/index.js';
import { parseManifests } from '../sources/index.js';
import { createPipeline, type Pipeline } from './index.js';
import { toPipelineChanges } from './testing/manifests.js';

const others = `
apiVersion: v1
kind: Namespace
metadata: {name: web, labels: {team: web}}
---
apiVersion: v1
kind: Namespace
metadata: {name: third}
---
apiVersion: v1
kind: Pod
metadata: {name: victim, namespace: web, uid: u-1, labels: {app: api}, creationTimestamp: "2026-01-01T00:00:00Z", annotations: {skerry.dev/sidecar: "true"}}
spec: {serviceAccountName: api, containers: [{name: app, ports: [{containerPort: 8080}]}]}
status: {phase: Running, podIP: 10.1.0.1}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: web, creationTimestamp: "2026-01-01T00:00:00Z"}
spec: {clusterIP: 10.96.0.2, selector: {app: api}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: api-1, namespace: web, labels: {kubernetes.io/service-name: api}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [10.1.0.1], conditions: {ready: true}}]
---
apiVersion: v1
kind: Pod
metadata: {name: caller, namespace: third, uid: u-2, labels: {app: api}, creationTimestamp: "2026-01-01T00:00:00Z", annotations: {skerry.dev/sidecar: "true"}}
spec: {serviceAccountName: caller, containers: [{name: app}]}
status: {phase: Running, podIP: 10.1.0.3}
---
apiVersion: v1
kind: Pod
metadata: {name: own, namespace: evil, uid: u-3, labels: {app: own}, annotations: {skerry.dev/sidecar: "true"}}
spec: {serviceAccountName: own, containers: [{name: app}]}
status: {phase: Running, podIP: 10.1.0.9}
`;

const late = 'creationTimestamp: "2026-06-01T00:00:00Z"';

/** A Service of the namespace, whatever its spec. */
function service(name: string, spec: string, rest = ''): string {
  return `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: evil, ${late}}
spec: {${spec}}
${rest}`;
}

function slice(serviceName: string, addresses: string, port = 8080): string {
  return `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${serviceName}-1, namespace: evil, labels: {kubernetes.io/service-name: ${serviceName}}}
addressType: IPv4
ports: [{name: http, port: ${String(port)}}]
endpoints: [{addresses: [${addresses}], conditions: {ready: true}}]
`;
}

function pod(name: string, spec: string, ip: string): string {
  return `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: evil, uid: u-${name}, labels: {app: api}, ${late}, annotations: {skerry.dev/sidecar: "true"}}
spec: {serviceAccountName: own, ${spec} containers: [{name: app, ports: [{containerPort: 8080}]}]}
status: {phase: Running, podIP: ${ip}}
`;
}

function policy(name: string, target: string, sections: string): string {
  return `
apiVersion: skerry.dev/v1alpha1
kind: TrafficPolicy
metadata: {name: ${name}, namespace: evil, ${late}}
spec: {targetRefs: [${target}], ${sections}}
`;
}

const open = 'inbound: {mtls: {mode: Disabled}, authorization: {default: Deny}}';
const calls =
  'outbound: {timeouts: {request: 1s, connect: 1s}, connections: {max: 1}, tls: {mode: Mesh}}';
const httpPort = 'ports: [{name: http, port: 80, targetPort: 8080}]';
const trap = service('trap', `clusterIP: 10.96.0.66, ${httpPort}`);
const headless = service('trap', `clusterIP: None, ${httpPort}`);
const aimed = policy('aimed', '{kind: Service, name: trap}', `${open}, routes: [], ${calls}`);
const onAll = policy('all', '{kind: Namespace}', `${open}, ${calls}`);

const hostile: readonly (readonly [string, readonly string[]])[] = [
  [
    'a Service with externalIPs of others',
    [service('ext', `clusterIP: 10.96.0.66, externalIPs: [10.96.0.2, 10.1.0.1], ${httpPort}`)],
  ],
  [
    'a Service whose load balancer has another’s address',
    [
      service(
        'lb',
        `type: LoadBalancer, clusterIP: 10.96.0.66, loadBalancerIP: 10.96.0.2, ${httpPort}`,
        'status: {loadBalancer: {ingress: [{ip: 10.96.0.2}]}}',
      ),
    ],
  ],
  [
    'a younger Service on another’s virtual IP',
    [service('twin', `clusterIP: 10.96.0.2, ${httpPort}`)],
  ],
  ['an EndpointSlice that lists another’s pod', [trap, slice('trap', '10.1.0.1'), aimed, onAll]],
  ['a headless Service of another’s pod', [headless, slice('trap', '10.1.0.1'), aimed, onAll]],
  [
    'a headless Service of another’s virtual IP',
    [headless, slice('trap', '10.96.0.2', 80), aimed, onAll],
  ],
  ['an EndpointSlice that names another’s Service', [slice('api', '10.1.0.9'), onAll]],
  [
    'an ExternalName of another’s Service',
    [
      service('trap', `type: ExternalName, externalName: api.web.svc.cluster.local, ${httpPort}`),
      aimed,
      onAll,
    ],
  ],
  ['a younger pod with another’s address', [pod('twin', '', '10.1.0.1'), onAll]],
  [
    'a pod in the network of a node, with another’s address',
    [pod('host', 'hostNetwork: true,', '10.1.0.1'), onAll],
  ],
  ['a policy for the mesh', [policy('mesh', '{kind: Mesh}', `${open}, ${calls}`)]],
  [
    'a policy for namespaces that it selects',
    [
      policy(
        'select',
        '{kind: Namespace, selector: {matchLabels: {team: web}}}',
        `${open}, ${calls}`,
      ),
    ],
  ],
  [
    'a policy for another’s Service, its inbound too',
    [
      policy(
        'theirs',
        '{kind: Service, namespace: web, name: api}',
        `${open}, routes: [], ${calls}`,
      ),
    ],
  ],
  [
    'a policy for pods by the labels of another’s',
    [policy('labels', '{kind: Pod, selector: {matchLabels: {app: api}}}', `${open}, ${calls}`)],
  ],
];

function compile(...documents: readonly string[]): Pipeline {
  const { changes } = parseManifests(documents.join('\n---\n'), 'mesh.yaml');
  const pipeline = createPipeline({
    ...{ trustDomain: 'cluster.local', rootNamespace: 'skerry-system', layout: 'on-demand' },
    ...{ meshCidrs: [], accessLog: 'Errors', clusterDomain: 'cluster.local' },
  });
  const { failures } = pipeline.apply(toPipelineChanges(changes));
  for (const { error } of failures) throw error;
  return pipeline;
}

/** Everything that the pods of others are told of each other. */
function factsOf(pipeline: Pipeline): unknown {
  const pods = [podKey('third', 'caller'), podKey('web', 'victim')];
  const called = [
    ['10.96.0.2', 80],
    ['10.1.0.1', 8080],
    ['10.1.0.3', 8080],
  ] as const;
  return pods.map((key) => {
    const from = pipeline.view.pod(key);
    if (from === undefined) throw new Error(`no pod ${key}`);
    return {
      inbound: pipeline.inbound(key),
      calls: called.map(([ip, port]) => [
        pipeline.view.virtualHost(from, ip, port),
        ...(['http', 'tcp'] as const).map((wire) =>
          pipeline.view.cluster(from, formatClusterName({ kind: 'address', wire, ip, port })),
        ),
      ]),
    };
  });
}

describe('others are told the same', () => {
  test.each(hostile)('beside %s', (_what, documents) => {
    const before = factsOf(compile(others));
    expect(JSON.stringify(before)).toContain('spiffe://cluster.local/ns/web/sa/api');
    expect(factsOf(compile(others, ...documents))).toEqual(before);
  });

  test('and the same policies do what they say in their own namespace, so that each is read', () => {
    const own = service('mine', `clusterIP: 10.96.0.9, selector: {app: own}, ${httpPort}`);
    const mine = [own, slice('mine', '10.1.0.9')];
    const inbound = (...more: readonly string[]): string =>
      JSON.stringify(compile(others, ...mine, ...more).inbound(podKey('evil', 'own')));
    expect(inbound(onAll)).not.toBe(inbound());
  });
});

describe('an address outside that a namespace lists for its Service', () => {
  const address = { ip: '203.0.113.5', port: 5432 };
  const listed = [trap, slice('trap', address.ip, address.port)];
  const callOf = (pipeline: Pipeline): unknown => {
    const from = pipeline.view.pod('third/caller');
    if (from === undefined) throw new Error('no caller');
    const name = formatClusterName({ kind: 'address', wire: 'tcp', ...address });
    return pipeline.view.cluster(from, name);
  };

  test('is called by others as nobody has settled, whatever that namespace settles for itself', () => {
    const plain = callOf(compile(others, ...listed));
    expect(JSON.stringify(plain)).toContain(address.ip);
    expect(callOf(compile(others, ...listed, onAll, aimed))).toEqual(plain);
  });
});
