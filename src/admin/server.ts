/**
 * The admin API, JSON over a unix socket that only the control plane's user may open; and health over
 * HTTP. It reads, but for the few verbs that POST: whoever may open the socket may do them.
 */
import { chmod, mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { boundConnections } from '../lib/index.js';
import type { AdminActions, AdminOutcome, AdminViews, ExplainQuery } from './views.js';

/** A running admin API. */
export interface AdminServer {
  start(): Promise<void>;
  stop(): Promise<void>;
}

const explainSchema = {
  querystring: {
    type: 'object',
    required: ['from', 'to'],
    properties: {
      from: { type: 'string' },
      to: { type: 'string' },
      method: { type: 'string', default: 'GET' },
      path: { type: 'string', default: '/' },
      header: { type: 'array', items: { type: 'string' }, default: [] },
    },
  },
} as const;

interface ExplainQuerystring {
  readonly from: string;
  readonly to: string;
  readonly method: string;
  readonly path: string;
  readonly header: readonly string[];
}

function toQuery(query: ExplainQuerystring): ExplainQuery {
  const headers = query.header.map((line): readonly [string, string] => {
    const cut = line.indexOf(':');
    return [line.slice(0, cut).trim().toLowerCase(), line.slice(cut + 1).trim()];
  });
  return { ...query, headers: Object.fromEntries(headers) };
}

function routes(app: FastifyInstance, views: AdminViews): void {
  app.get('/healthz', (_request, reply) => {
    const isReady = views.isReady();
    return reply.code(isReady ? 200 : 503).send({ ready: isReady });
  });
  app.get(
    '/v1/state',
    (_request, reply) => views.state?.() ?? reply.code(404).send({ message: 'no state is told' }),
  );
  app.get('/v1/ca', () => views.ca());
  app.get('/v1/proxies', () => views.proxies());
  app.get('/v1/diagnostics', () => views.diagnostics());
  app.get('/v1/would-deny', () => views.wouldDeny?.() ?? []);
  app.get(
    '/v1/plaintext',
    (_request, reply) =>
      views.plaintext?.() ?? reply.code(404).send({ message: 'no plaintext is told' }),
  );
  app.get<{ Params: { namespace: string; pod: string } }>(
    '/v1/config/:namespace/:pod',
    (request, reply) => {
      const name = `${request.params.namespace}/${request.params.pod}`;
      const view = views.config(name);
      return view ?? reply.code(404).send({ message: `no workload ${name} in the mesh` });
    },
  );
  app.get<{ Querystring: ExplainQuerystring }>(
    '/v1/explain',
    { schema: explainSchema },
    (request, reply) => {
      const answer = views.explain(toQuery(request.query));
      return answer.ok ? reply.send(answer.value) : reply.code(400).send({ message: answer.error });
    },
  );
  app.get('/metrics', async (_request, reply) =>
    reply.type('text/plain; version=0.0.4').send(await views.metrics()),
  );
}

const rotateSchema = {
  body: {
    type: 'object',
    required: ['mode'],
    additionalProperties: false,
    properties: { mode: { type: 'string', enum: ['staged', 'forced'] } },
  },
} as const;

function answer(reply: FastifyReply, outcome: AdminOutcome<unknown>): FastifyReply {
  return outcome.ok ? reply.send(outcome.value) : reply.code(409).send({ message: outcome.error });
}

function verbs(app: FastifyInstance, actions: AdminActions): void {
  app.post<{ Body: { readonly mode: 'staged' | 'forced' } }>(
    '/v1/ca/rotate',
    { schema: rotateSchema },
    async ({ body }, reply) => answer(reply, await actions.rotate(body.mode)),
  );
  app.post('/v1/ca/abort', async (_request, reply) => answer(reply, await actions.abortRotation()));
}

/**
 * An admin API on `socketPath` (mode 0600). A socket that an earlier process left is replaced.
 */
export function createAdminServer(options: {
  readonly socketPath: string;
  readonly views: AdminViews;
  readonly actions: AdminActions;
}): AdminServer {
  const app = fastify({ logger: false, bodyLimit: 1024 });
  routes(app, options.views);
  verbs(app, options.actions);
  return {
    async start(): Promise<void> {
      await mkdir(dirname(options.socketPath), { recursive: true, mode: 0o700 });
      await rm(options.socketPath, { force: true });
      await app.listen({ path: options.socketPath });
      await chmod(options.socketPath, 0o600);
    },
    async stop(): Promise<void> {
      await app.close();
    },
  };
}

/** What kubelet, monitoring and nobody else asks; it names no pod and no object. */
export interface HealthServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Whether sidecars and pods can be served, and if not, why. */
  isReady(): { readonly ready: boolean; readonly reasons: readonly string[] };
  /** In Prometheus' text format, version 0.0.4. */
  metrics(): Promise<string>;
}

/** Kubelet has one for a moment, and a scraper keeps one. */
const maxHealthConnections = 256;

/** Health and metrics that are being served. */
export interface HealthServer {
  /** Resolves with `host:port`. */
  start(): Promise<string>;
  stop(): Promise<void>;
}

/**
 * Health over plain HTTP: `/healthz` answers as long as the process turns, `/readyz` is 503 with its
 * reasons while it is not ready, `/metrics`. Everything else is 404.
 */
export function createHealthServer(options: HealthServerOptions): HealthServer {
  const app = fastify({ logger: false, bodyLimit: 1024, forceCloseConnections: true });
  const connections = boundConnections(app.server, maxHealthConnections);
  app.addHook('onRequest', ({ raw: { socket } }, _reply, done) => {
    connections.proved({ address: socket.remoteAddress, port: socket.remotePort });
    done();
  });
  app.get('/healthz', () => ({ alive: true }));
  app.get('/readyz', (_request, reply) => {
    const { ready, reasons } = options.isReady();
    return reply.code(ready ? 200 : 503).send({ ready, reasons });
  });
  app.get('/metrics', async (_request, reply) =>
    reply.type('text/plain; version=0.0.4').send(await options.metrics()),
  );
  return {
    start: async () => {
      await app.listen({ host: options.host, port: options.port });
      const address = app.server.address();
      const port = typeof address === 'object' && address !== null ? address.port : options.port;
      const host = options.host.includes(':') ? `[${options.host}]` : options.host;
      return `${host}:${String(port)}`;
    },
    stop: async () => {
      await app.close();
    },
  };
}
