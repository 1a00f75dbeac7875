/** A stock Envoy for tests, fed with spelled resources through files instead of ADS. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import type { JsonObject, JsonValue } from '../../../envoy/index.js';
import { spellNoTokenConfig } from '../jwt.js';
import type { Certificate } from './certificates.js';

/** What an Envoy is started with. */
export interface EnvoyResources {
  readonly listeners: readonly object[];
  readonly clusters: readonly object[];
  readonly routes: readonly object[];
  readonly endpoints: readonly object[];
  /** What filters are configured with; absent: tokens are not looked at. */
  readonly extensions?: readonly object[];
  readonly certificate: Certificate;
  readonly rootPem: string;
}

/** A running Envoy. */
export interface RealEnvoy {
  /** The port that the listener of this name got on 127.0.0.1. */
  port(listener: string): number;
  /** Replaces one resource and waits until Envoy has accepted it. */
  pushRoutes(routes: object): Promise<void>;
  /** Replaces the configuration of a filter and waits until Envoy has accepted it. */
  pushExtension(extension: object): Promise<void>;
  /** Replaces all listeners and waits until Envoy has accepted them. */
  pushListeners(listeners: readonly object[]): Promise<void>;
  /** The lines of the access log so far that `isWanted` takes, waiting for the first one. */
  accessLog(
    isWanted: (line: Record<string, unknown>) => boolean,
  ): Promise<Record<string, unknown>[]>;
  stats(prefix: string): Promise<string>;
  stop(): Promise<void>;
}

/** The binary that the test runner found; throws where there is none. */
export function envoyBinary(): string {
  const binary = process.env['SKERRY_ENVOY'];
  if (binary === undefined) throw new Error('no envoy: run npm run setup, or set SKERRY_ENVOY');
  return binary;
}

const typeUrls = {
  listeners: 'envoy.config.listener.v3.Listener',
  clusters: 'envoy.config.cluster.v3.Cluster',
  routes: 'envoy.config.route.v3.RouteConfiguration',
  endpoints: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
  extensions: 'envoy.config.core.v3.TypedExtensionConfig',
  secrets: 'envoy.extensions.transport_sockets.tls.v3.Secret',
} as const;

/** Writes the resources and a bootstrap into `folder`; gives the bootstrap's path. */
export function writeResources(folder: string, resources: EnvoyResources): string {
  mkdirSync(folder, { recursive: true });
  writeAll(folder, 'listeners', 'lds', resources.listeners);
  writeAll(folder, 'clusters', 'cds', resources.clusters);
  for (const one of resources.routes) writeAll(folder, 'routes', fileOf('rds', nameOf(one)), [one]);
  for (const one of resources.endpoints) {
    writeAll(folder, 'endpoints', fileOf('eds', nameOf(one)), [one]);
  }
  for (const one of [spellNoTokenConfig(), ...(resources.extensions ?? [])]) {
    writeAll(folder, 'extensions', fileOf('ecds', nameOf(one)), [one]);
  }
  writeSecrets(folder, resources);
  const bootstrap = {
    node: { id: 'test', cluster: 'test' },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } },
    dynamic_resources: {
      lds_config: pathSource(folder, 'lds'),
      cds_config: pathSource(folder, 'cds'),
    },
  };
  const path = join(folder, 'bootstrap.json');
  writeFileSync(path, JSON.stringify(bootstrap));
  return path;
}

/** What Envoy says of static resources: `OK`, or its errors. */
export function validate(binary: string, folder: string, resources: EnvoyResources): string {
  writeResources(folder, resources);
  const local = (list: readonly object[]): JsonValue[] => list.map((one) => localise(one, folder));
  const path = join(folder, 'static.json');
  const statics = { listeners: local(resources.listeners), clusters: local(resources.clusters) };
  writeFileSync(
    path,
    JSON.stringify({ node: { id: 't', cluster: 't' }, static_resources: statics }),
  );
  const { status, stderr } = spawnSync(
    binary,
    ['--mode', 'validate', '-l', 'warning', '-c', path],
    {
      encoding: 'utf8',
    },
  );
  return status === 0 && stderr === '' ? 'OK' : stderr;
}

/** Starts Envoy in `folder` and waits until all listeners are live. */
export async function startEnvoy(
  binary: string,
  folder: string,
  resources: EnvoyResources,
): Promise<RealEnvoy> {
  const bootstrap = writeResources(folder, resources);
  const adminFile = join(folder, 'admin');
  const child = spawn(
    binary,
    [
      ...['-c', bootstrap, '--admin-address-path', adminFile, '--use-dynamic-base-id'],
      ...[
        '--concurrency',
        '1',
        '--drain-time-s',
        '1',
        '--file-flush-interval-msec',
        '50',
        '-l',
        'warning',
      ],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const log: Record<string, unknown>[] = [];
  const errors: string[] = [];
  collect(child, log, errors);
  const admin = await until(() => readText(adminFile), 'admin address', errors);
  const ports = await until(
    async () => listenerPorts(await fetchText(admin, '/listeners?format=json'), resources),
    'listeners',
    errors,
  );
  const counter = async (name: string): Promise<number> =>
    Number(
      /: (\d+)/.exec(
        await fetchText(admin, `/stats?filter=${encodeURIComponent(`^${name}$`)}`),
      )?.[1] ?? 0,
    );
  const push = async (write: () => void, stat: string): Promise<void> => {
    const before = await counter(stat);
    write();
    await until(async () => (await counter(stat)) > before || undefined, stat, errors);
  };
  return {
    port: (listener) => ports.get(listener) ?? 0,
    pushRoutes: (routes) =>
      push(
        () => {
          writeAll(folder, 'routes', fileOf('rds', nameOf(routes)), [routes]);
        },
        `http\\..*\\.rds\\.${nameOf(routes)}\\.config_reload`,
      ),
    pushExtension: (extension) =>
      push(
        () => {
          writeAll(folder, 'extensions', fileOf('ecds', nameOf(extension)), [extension]);
        },
        `extension_config_discovery\\..*${nameOf(extension)}\\.config_reload`,
      ),
    pushListeners: (listeners) =>
      push(() => {
        writeAll(folder, 'listeners', 'lds', listeners);
      }, 'listener_manager\\.lds\\.update_success'),
    accessLog: (isWanted) =>
      until(
        () => {
          const found = log.filter(isWanted);
          return found.length === 0 ? undefined : found;
        },
        'access log line',
        errors,
      ),
    stats: (prefix) => fetchText(admin, `/stats?filter=${encodeURIComponent(prefix)}`),
    stop: () => stop(child),
  };
}

function collect(child: ChildProcess, log: Record<string, unknown>[], errors: string[]): void {
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('{')) log.push(JSON.parse(line) as Record<string, unknown>);
    }
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => errors.push(chunk));
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) {
      resolve();
      return;
    }
    child.once('exit', () => {
      resolve();
    });
    child.kill('SIGKILL');
  });
}

const patienceMs = 20_000;

async function until<T>(
  probe: () => T | undefined | Promise<T | undefined>,
  what: string,
  errors: readonly string[],
): Promise<T> {
  const deadline = Date.now() + patienceMs;
  while (Date.now() < deadline) {
    const value = await probe();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`no ${what} in time; envoy said: ${errors.join('').slice(-4000)}`);
}

function readText(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    return text === '' ? undefined : text;
  } catch {
    return undefined;
  }
}

function fetchText(address: string, path: string): Promise<string> {
  return new Promise((resolve) => {
    get(`http://${address}${path}`, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        resolve(text);
      });
    }).on('error', () => {
      resolve('');
    });
  });
}

function listenerPorts(text: string, resources: EnvoyResources): Map<string, number> | undefined {
  if (text === '') return undefined;
  const { listener_statuses: statuses = [] } = JSON.parse(text) as {
    listener_statuses?: {
      name: string;
      local_address: { socket_address: { port_value: number } };
    }[];
  };
  if (statuses.length < resources.listeners.length) return undefined;
  return new Map(statuses.map((one) => [one.name, one.local_address.socket_address.port_value]));
}

function nameOf(resource: object): string {
  const { name, cluster_name: cluster } = resource as { name?: string; cluster_name?: string };
  return name ?? cluster ?? '';
}

function fileOf(kind: string, name: string): string {
  return `${kind}-${name.replaceAll(/[^\w.-]/g, '_')}`;
}

function pathSource(folder: string, file: string): JsonObject {
  return {
    path_config_source: { path: join(folder, `${file}.json`) },
    resource_api_version: 'V3',
    initial_fetch_timeout: '0s',
  };
}

let version = 0;

function writeAll(
  folder: string,
  kind: keyof typeof typeUrls,
  file: string,
  resources: readonly object[],
): void {
  version += 1;
  const typeUrl = `type.googleapis.com/${typeUrls[kind]}`;
  const body = {
    version_info: String(version),
    type_url: typeUrl,
    resources: resources.map((one) => ({
      '@type': typeUrl,
      ...(localise(one, folder) as JsonObject),
    })),
  };
  // Envoy watches for files that are moved into place.
  const path = join(folder, `${file}.json`);
  writeFileSync(`${path}.new`, JSON.stringify(body));
  renameSync(`${path}.new`, path);
}

function writeSecrets(folder: string, { certificate, rootPem }: EnvoyResources): void {
  writeAll(folder, 'secrets', 'sds-default', [
    {
      name: 'default',
      tls_certificate: {
        certificate_chain: { filename: certificate.certFile },
        private_key: { filename: certificate.keyFile },
      },
    },
  ]);
  writeAll(folder, 'secrets', 'sds-ROOTCA', [
    { name: 'ROOTCA', validation_context: { trusted_ca: { inline_string: rootPem } } },
  ]);
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The resource with files in place of ADS, and with listeners on a free port of 127.0.0.1 whose
 * original destination comes by PROXY protocol instead of redirection.
 */
function localise(value: unknown, folder: string): JsonValue {
  if (Array.isArray(value)) return value.map((one) => localise(one, folder));
  if (typeof value !== 'object' || value === null) return value as JsonValue;
  const entries = Object.entries(value as JsonObject);
  const fields = Object.fromEntries(entries.map(([key, one]) => [key, localise(one, folder)]));
  const { route_config_name: rds, service_name: eds, name } = value as Record<string, string>;
  if (rds !== undefined) fields['config_source'] = pathSource(folder, fileOf('rds', rds));
  if (eds !== undefined) fields['eds_config'] = pathSource(folder, fileOf('eds', eds));
  if ('sds_config' in value) fields['sds_config'] = pathSource(folder, fileOf('sds', name ?? ''));
  const { config_discovery: discovery } = fields;
  if (isObject(discovery)) {
    const config_source = pathSource(folder, fileOf('ecds', name ?? ''));
    fields['config_discovery'] = { ...discovery, config_source };
  }
  if ('vhds' in value) delete fields['vhds'];
  if (name === 'envoy.filters.listener.original_dst') {
    return {
      name: 'envoy.filters.listener.proxy_protocol',
      typed_config: {
        '@type':
          'type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol',
      },
    };
  }
  if ('filter_chains' in value) {
    fields['address'] = { socket_address: { address: '127.0.0.1', port_value: 0 } };
  }
  return fields;
}
