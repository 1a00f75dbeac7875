/** The webhook's HTTPS server: POST /inject and GET /healthz, its certificate renewable while it serves. */
import fastify, { type FastifyError } from 'fastify';
import { boundConnections, type Logger } from '../lib/index.js';
import { reviewPod, type ReviewAnswer } from './review.js';
import type { InjectionSettings } from './settings.js';

/** A certificate with its key, PEM. */
export interface WebhookCertificate {
  readonly chain: string;
  readonly key: string;
}

/** What a webhook is made from. */
export interface WebhookOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly certificate: WebhookCertificate;
  readonly settings: InjectionSettings;
  readonly logger: Logger;
  /** Called once for each review, for counters. */
  readonly onReview?: (outcome: ReviewAnswer['outcome']) => void;
}

/** A webhook. */
export interface WebhookServer {
  /** Listens; resolves to the port. Rejects where the address cannot be had. */
  start(): Promise<number>;
  /** New connections get this certificate; open ones stay. Throws where key and chain do not match. */
  renew(certificate: WebhookCertificate): void;
  /** Ends after the requests under way. */
  stop(): Promise<void>;
}

// etcd takes 1.5 MiB of an object, and a review carries it with a little around it.
const maxBodyBytes = 3 * 1024 * 1024;
// The API server waits 10 s at most by default.
const requestTimeoutMs = 10_000;
// An API server has a few, and there are not many API servers.
const maxConnections = 1_024;
const tls = { minVersion: 'TLSv1.3' } as const;
// A review takes milliseconds; who has said nothing yet is not waited for.
const stopGraceMs = 2_000;

/** Makes the server; nothing is opened before `start`. */
export function createWebhookServer(options: WebhookOptions): WebhookServer {
  const { certificate, logger, settings } = options;
  const app = fastify({
    https: {
      ...{ ...tls, cert: certificate.chain, key: certificate.key },
      // Who says nothing, or a little at a time, is not kept for the minutes that Node would.
      ...{ handshakeTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs },
      connectionsCheckingInterval: requestTimeoutMs,
    },
    bodyLimit: maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    forceCloseConnections: 'idle',
  });
  // Before their handshake too.
  const connections = boundConnections(app.server, maxConnections);
  app.addHook('onRequest', ({ raw: { socket } }, _reply, done) => {
    connections.proved({ address: socket.remoteAddress, port: socket.remotePort });
    done();
  });
  app.get('/healthz', () => ({ status: 'ok' }));
  app.post('/inject', async (request, reply) => {
    const { status, body, outcome } = reviewPod(request.body, settings);
    options.onReview?.(outcome);
    if (outcome === 'refused' || outcome === 'malformed') {
      logger.warn('a pod was not admitted', {
        outcome,
        answer: JSON.stringify(body).slice(0, 2048),
      });
    }
    return reply.code(status).send(body);
  });
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const status = error.statusCode ?? 500;
    // What the caller did wrong is named; what we did wrong is logged.
    if (status >= 500) logger.error('a review failed', { error });
    const message = status >= 500 ? 'the review failed' : error.message;
    return reply.code(status).send({ error: message });
  });
  return {
    start: async () => {
      await app.listen({ host: options.host, port: options.port });
      const address = app.server.address();
      return typeof address === 'object' && address !== null ? address.port : options.port;
    },
    renew: ({ chain, key }) => {
      app.server.setSecureContext({ ...tls, cert: chain, key });
    },
    async stop(): Promise<void> {
      // Connections without a request are not idle to Node, which waits a minute or two for their first.
      const timer = setTimeout(() => {
        connections.destroy();
      }, stopGraceMs);
      await app.close();
      clearTimeout(timer);
    },
  };
}
