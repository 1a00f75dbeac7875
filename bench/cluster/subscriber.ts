/** One sidecar that is no Envoy: it streams as one does, and says when the endpoints of a Service arrive. */
import { generateKeyPairSync } from 'node:crypto';
import { typeUrls } from '../../src/envoy/index.js';
import { certificateRequest, nodeMetadataKeys } from '../../src/sidecar/index.js';
import type { KubernetesClient } from '../../src/sources/index.js';
import { createDiscoveryClient } from '../../src/xds/testing/grpc-client.js';
import { controlPlaneName } from './control-plane.js';
import { defaultNamespaceOf, serviceNameOf, vipOf } from './objects.js';

/** Whose stream it is, and where it goes. */
export interface SubscriberOptions {
  readonly client: KubernetesClient;
  readonly address: string;
  /** PEM of the roots by which the control plane is known. */
  readonly roots: string;
  /** The Service of whose first pod it is the sidecar. */
  readonly owner: number;
  /** The Service whose endpoints it follows. */
  readonly follows: number;
  /** Called with each new form of those endpoints. */
  readonly onEndpoints: (atMs: number) => void;
}

/** A stream that is open. */
export interface Subscriber {
  close(): void;
}

function textIn(object: unknown, ...names: readonly string[]): string {
  const found = names.reduce<unknown>(
    (value, name) => (typeof value === 'object' && value !== null ? Reflect.get(value, name) : ''),
    object,
  );
  return typeof found === 'string' ? found : '';
}

/** A bench may take longer than an hour. */
const tokenSeconds = 14_400;

/** A token of the pod, as kubelet would put it there. */
export async function tokenOf(
  client: KubernetesClient,
  namespace: string,
  pod: string,
): Promise<string> {
  const core = `/api/v1/namespaces/${namespace}`;
  const found = await client.send({ method: 'GET', path: `${core}/pods/${pod}` });
  const boundObjectRef = {
    ...{ apiVersion: 'v1', kind: 'Pod', name: pod },
    uid: textIn(found, 'metadata', 'uid'),
  };
  const answer = await client.send({
    ...{ method: 'POST', path: `${core}/serviceaccounts/app/token` },
    body: {
      ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' },
      spec: { audiences: ['skerry'], expirationSeconds: tokenSeconds, boundObjectRef },
    },
  });
  return textIn(answer, 'status', 'token');
}

/** Connects; resolves when the endpoints have arrived for the first time. */
export async function subscribe(options: SubscriberOptions): Promise<Subscriber> {
  const { client, address, roots, owner, follows } = options;
  const namespace = defaultNamespaceOf(owner);
  const pod = `${serviceNameOf(owner)}-0`;
  const token = await tokenOf(client, namespace, pod);
  const serverName = controlPlaneName;
  const discovery = createDiscoveryClient(address, { roots, serverName });
  const stream = discovery.open({ isDelta: true, token });
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const metadata = {
    [nodeMetadataKeys.csr]: certificateRequest(privateKey),
    [nodeMetadataKeys.keyFile]: '/key.pem',
  };
  const name = `http|${vipOf(follows)}:80`;
  stream.send({
    node: { id: `${namespace}/${pod}`, metadata },
    type_url: typeUrls.cluster,
    resource_names_subscribe: [name],
  });
  const cluster = await stream.next();
  stream.ack(cluster);
  stream.send({ type_url: typeUrls.endpoint, resource_names_subscribe: [name] });
  const take = async (): Promise<void> => {
    for (;;) {
      const response = await stream.next();
      stream.ack(response);
      if (response.typeUrl === typeUrls.endpoint && response.resources.length > 0) return;
    }
  };
  await take();
  const follow = async (): Promise<void> => {
    for (;;) {
      await take();
      options.onEndpoints(performance.now());
    }
  };
  // It ends with the stream.
  follow().catch(() => undefined);
  return {
    close: () => {
      stream.close();
      discovery.close();
    },
  };
}
