/** Objects that suites make by the dozen; what a user learns from is in the suites' manifests. */

/** The image of every program of `demo/apps` and `e2e/apps`. */
export const appsImage = 'registry.local/skerry/apps:0.1.0';

/** What differs from one pod to the next. */
export interface PodOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Below /apps; default `http-server.mjs`, which listens on 8080. */
  readonly program?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Beside the one container. */
  readonly spec?: object;
}

/** A pod with one container `app`. `key` is `namespace/name`. */
export function appPod(key: string, options: PodOptions = {}): object {
  const [namespace, name = ''] = key.split('/');
  const { labels = { app: name }, annotations = {}, program = 'http-server.mjs' } = options;
  const env = Object.entries({ SERVICE: name, ...options.env });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels, annotations },
    spec: {
      containers: [
        {
          name: 'app',
          image: appsImage,
          args: [`/apps/${program}`],
          env: env.map(([variable, value]) => ({ name: variable, value })),
          ports: [{ name: 'http', containerPort: 8080 }],
        },
      ],
      ...options.spec,
    },
  };
}

/** A Service over the pods `app: name`: port 80 leads to 8080. `key` is `namespace/name`. */
export function appService(key: string): object {
  const [namespace, name = ''] = key.split('/');
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: {
      selector: { app: name },
      ports: [{ name: 'http', port: 80, targetPort: 8080, appProtocol: 'http' }],
    },
  };
}
