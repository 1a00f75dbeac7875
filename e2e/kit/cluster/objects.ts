/** Objects that suites make by the dozen; what a user learns from is in the suites' manifests. */

/** The image of every program of `demo/apps` and `e2e/apps`. */
export const appsImage = 'registry.local/skerry/apps:0.1.0';

/** What differs from one pod to the next. */
export interface PodOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Beside what tells the app its own name. */
  readonly env?: Readonly<Record<string, string>>;
  /** Beside the one container. */
  readonly spec?: object;
}

/** A pod with one container `app`, an HTTP server on 8080 unless PORT says otherwise. `key` is `namespace/name`. */
export function appPod(key: string, options: PodOptions = {}): object {
  const [namespace, name = ''] = key.split('/');
  const { labels = { app: name }, annotations = {} } = options;
  const env = { SERVICE: name, PORT: '8080', ...options.env };
  const port = Number(env.PORT);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels, annotations },
    spec: {
      containers: [
        {
          name: 'app',
          image: appsImage,
          args: ['/apps/http-server.mjs'],
          env: Object.entries(env).map(([variable, value]) => ({ name: variable, value })),
          ports: [{ name: 'http', containerPort: port }],
          readinessProbe: { httpGet: { port, path: '/' }, periodSeconds: 1 },
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
