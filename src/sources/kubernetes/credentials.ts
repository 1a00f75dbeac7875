/** Where an API server is and how we prove who we are, from a kubeconfig or from a pod's own files. Holds state: one agent. */
import { createHash } from 'node:crypto';
import { Agent as HttpAgent } from 'node:http';
import { Agent, type RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';

/** Where the credentials are. */
export interface CredentialsOptions {
  /** Path of a kubeconfig; absent: the pod's service account, else KUBECONFIG or ~/.kube/config. */
  readonly kubeconfig?: string;
  readonly context?: string;
}

/** What a request needs to go out. */
export interface Access {
  readonly server: URL;
  readonly agent: Agent | HttpAgent;
  readonly headers: Readonly<Record<string, string>>;
}

/** Credentials that stay fresh. */
export interface Credentials {
  access(): Promise<Access>;
  kubeConfig(): Promise<KubeConfig>;
  close(): void;
}

/** Token files are read again, and exec plugins asked again, at most this often. */
const freshMs = 5_000;

async function load(options: CredentialsOptions): Promise<KubeConfig> {
  // Loaded late: most commands never speak to a cluster.
  const { KubeConfig: Config } = await import('./library.js');
  const config = new Config();
  if (options.kubeconfig !== undefined) config.loadFromFile(options.kubeconfig);
  else config.loadFromDefault();
  if (options.context !== undefined) config.setCurrentContext(options.context);
  if (config.getCurrentCluster() === null) {
    throw new Error(
      options.context === undefined
        ? 'the kubeconfig names no current cluster'
        : `the kubeconfig has no context ${options.context}`,
    );
  }
  return config;
}

/** One connection each for what is short; watches hold theirs. */
const agentOptions = { keepAlive: true, maxFreeSockets: 4, keepAliveMsecs: 15_000 } as const;

function digest(options: RequestOptions): string {
  const hash = createHash('sha256');
  for (const part of [options.ca, options.cert, options.key, options.servername]) {
    hash.update(typeof part === 'string' || Buffer.isBuffer(part) ? part : '').update('\0');
  }
  return hash.update(String(options.rejectUnauthorized)).digest('hex');
}

function headersOf(options: RequestOptions): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (value !== undefined) headers[name] = String(value);
  }
  if (typeof options.auth === 'string') {
    headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  }
  return headers;
}

/** Credentials that nothing has been read of yet. */
export function createCredentials(options: CredentialsOptions): Credentials {
  let config: Promise<KubeConfig> | undefined;
  let agent: { readonly key: string; readonly agent: Agent | HttpAgent } | undefined;
  let current: { readonly access: Promise<Access>; readonly atMs: number } | undefined;

  const agentOf = (server: URL, request: RequestOptions): Agent | HttpAgent => {
    const key = digest(request);
    if (agent?.key === key) return agent.agent;
    agent?.agent.destroy();
    const { ca, cert, key: privateKey, servername, rejectUnauthorized } = request;
    const tls = {
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(privateKey !== undefined && { key: privateKey }),
      ...(servername !== undefined && { servername }),
      ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
    };
    const made =
      server.protocol === 'http:'
        ? new HttpAgent(agentOptions)
        : new Agent({ ...agentOptions, ...tls });
    agent = { key, agent: made };
    return made;
  };
  const kubeConfig = (): Promise<KubeConfig> => (config ??= load(options));
  const read = async (): Promise<Access> => {
    const loaded = await kubeConfig();
    const request: RequestOptions = {};
    await loaded.applyToHTTPSOptions(request);
    const server = new URL(loaded.getCurrentCluster()?.server ?? '');
    return { server, agent: agentOf(server, request), headers: headersOf(request) };
  };
  return {
    access: () => {
      const atMs = performance.now();
      if (current === undefined || atMs - current.atMs > freshMs) {
        const access = read();
        current = { access, atMs };
        access.catch(() => {
          current = undefined;
        });
      }
      return current.access;
    },
    kubeConfig,
    close: () => {
      agent?.agent.destroy();
    },
  };
}
