/** Reads the Kubernetes objects that the rig acts on: Pods to start, Services and EndpointSlices to resolve names by. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';

const meta = z.object({
  name: z.string(),
  namespace: z.string().default('default'),
  uid: z.string().default(''),
  labels: z.record(z.string(), z.string()).default({}),
  annotations: z.record(z.string(), z.string()).default({}),
});

const podSchema = z.object({
  kind: z.literal('Pod'),
  metadata: meta,
  spec: z.object({
    serviceAccountName: z.string().default('default'),
    containers: z
      .array(
        z.object({
          name: z.string(),
          image: z.string().default(''),
          env: z.array(z.object({ name: z.string(), value: z.string() })).default([]),
        }),
      )
      .default([]),
  }),
  status: z.object({ podIP: z.string() }),
});

const serviceSchema = z.object({
  kind: z.literal('Service'),
  metadata: meta,
  spec: z.object({
    clusterIP: z.string().default(''),
    ports: z.array(z.object({ name: z.string().default(''), port: z.number() })).default([]),
  }),
});

const sliceSchema = z.object({
  kind: z.literal('EndpointSlice'),
  metadata: meta,
  ports: z.array(z.object({ name: z.string().default(''), port: z.number() })).default([]),
  endpoints: z
    .array(
      z.object({
        addresses: z.array(z.string()).min(1),
        conditions: z.object({ ready: z.boolean().default(true) }).default({ ready: true }),
      }),
    )
    .default([]),
});

/** A Pod to start. */
export interface PodManifest {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly serviceAccount: string;
  readonly ip: string;
  /** Annotation `skerry.dev/sidecar: "true"`. */
  readonly hasSidecar: boolean;
  readonly containers: readonly ContainerManifest[];
}

/** A container of such a Pod. */
export interface ContainerManifest {
  readonly name: string;
  /** The last part of the image's name: `http-server` of `skerry.dev/demo/http-server`. */
  readonly app: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A Service, as far as names and plain forwarding need it. */
export interface ServiceManifest {
  readonly namespace: string;
  readonly name: string;
  /** Absent when headless. */
  readonly clusterIp?: string;
  readonly ports: readonly {
    readonly port: number;
    /** Ready endpoints, `ip` and the port they serve it on. */
    readonly endpoints: readonly { readonly ip: string; readonly port: number }[];
  }[];
}

/** The objects of one directory. */
export interface Manifests {
  readonly pods: readonly PodManifest[];
  readonly services: readonly ServiceManifest[];
}

/** Reads every `.yaml` file of a directory, in order of name; throws naming the file that cannot be read. */
export async function readManifests(directory: string): Promise<Manifests> {
  const files = (await readdir(directory)).filter((name) => name.endsWith('.yaml')).toSorted();
  const texts = await Promise.all(
    files.map(async (name) => ({ name, text: await readFile(join(directory, name), 'utf8') })),
  );
  return parseManifests(texts);
}

/** As `readManifests`, from texts. Other kinds are passed over. */
export function parseManifests(
  texts: readonly { readonly name: string; readonly text: string }[],
): Manifests {
  const objects = texts.flatMap(({ name, text }) => parseObjects(name, text));
  const slices = parseAs(sliceSchema, 'EndpointSlice', objects);
  return {
    pods: parseAs(podSchema, 'Pod', objects).map(toPod),
    services: parseAs(serviceSchema, 'Service', objects).map((service) =>
      toService(
        service,
        slices.filter(
          ({ metadata }) =>
            metadata.namespace === service.metadata.namespace &&
            metadata.labels['kubernetes.io/service-name'] === service.metadata.name,
        ),
      ),
    ),
  };
}

function parseObjects(name: string, text: string): readonly unknown[] {
  return parseAllDocuments(text).map((document) => {
    const error = document.errors[0];
    if (error !== undefined) throw new Error(`${name}: ${error.message}`);
    const object: unknown = document.toJS();
    return object;
  });
}

function parseAs<T>(schema: z.ZodType<T>, kind: string, objects: readonly unknown[]): readonly T[] {
  return objects
    .filter(
      (object) =>
        typeof object === 'object' && object !== null && 'kind' in object && object.kind === kind,
    )
    .map((object) => schema.parse(object));
}

function toPod({ metadata, spec, status }: z.infer<typeof podSchema>): PodManifest {
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    uid: metadata.uid,
    serviceAccount: spec.serviceAccountName,
    ip: status.podIP,
    hasSidecar: metadata.annotations['skerry.dev/sidecar'] === 'true',
    containers: spec.containers.map(({ name, image, env }) => ({
      name,
      app: image.slice(image.lastIndexOf('/') + 1).replace(/[:@].*$/, ''),
      env: Object.fromEntries(env.map((entry) => [entry.name, entry.value])),
    })),
  };
}

function toService(
  { metadata, spec }: z.infer<typeof serviceSchema>,
  slices: readonly z.infer<typeof sliceSchema>[],
): ServiceManifest {
  const isVirtual = spec.clusterIP !== '' && spec.clusterIP !== 'None';
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    ...(isVirtual ? { clusterIp: spec.clusterIP } : {}),
    ports: spec.ports.map(({ name, port }) => ({
      port,
      endpoints: slices.flatMap((slice) => endpointsOf(slice, name)),
    })),
  };
}

function endpointsOf(
  slice: z.infer<typeof sliceSchema>,
  portName: string,
): readonly { readonly ip: string; readonly port: number }[] {
  const port = slice.ports.find(({ name }) => name === portName)?.port;
  if (port === undefined) return [];
  return slice.endpoints.flatMap(({ addresses, conditions }) => {
    const ip = addresses[0];
    return ip === undefined || !conditions.ready ? [] : [{ ip, port }];
  });
}
