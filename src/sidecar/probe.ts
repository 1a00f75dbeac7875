/** Asks a running sidecar whether it is ready, and tells it to drain. */
import { request, type RequestOptions } from 'node:http';
import { readinessPort } from './ports.js';

const defaultTimeoutMs = 2000;

/** The sidecar did not answer, or not as expected. */
export class ProxyCallError extends Error {
  readonly code = 'ProxyCall';

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ProxyCallError';
  }
}

function call(options: RequestOptions, timeoutMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...options, agent: false }, (response) => {
      response.resume();
      response.on('end', () => {
        resolve(response.statusCode ?? 0);
      });
      response.on('error', reject);
    });
    outgoing.setTimeout(timeoutMs, () => {
      outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

/** Whether `GET /ready` on the sidecar's readiness port is answered with 200; false when nobody answers. */
export async function isReady(options: {
  /** Default 127.0.0.1. */
  readonly host?: string;
  readonly port?: number;
  readonly timeoutMs?: number;
}): Promise<boolean> {
  const { host = '127.0.0.1', port = readinessPort, timeoutMs = defaultTimeoutMs } = options;
  return call({ host, port, path: '/ready', method: 'GET' }, timeoutMs).then(
    (status) => status === 200,
    () => false,
  );
}

/**
 * Begins a termination: inbound connections are told to close after their next answer while new ones
 * are still served, so that callers whose endpoints are behind lose nothing; outbound is untouched
 * until the app has gone. After the app, SIGTERM ends the sidecar. Not by `/healthcheck/fail`: that
 * drains outbound too. `skip_exit` keeps the listeners open (measured on Envoy 1.40).
 * Rejects with a `ProxyCallError`.
 */
export async function drain(options: {
  readonly adminSocket: string;
  readonly timeoutMs?: number;
}): Promise<void> {
  const { adminSocket, timeoutMs = defaultTimeoutMs } = options;
  const path = '/drain_listeners?inboundonly&skip_exit';
  const status = await call({ socketPath: adminSocket, path, method: 'POST' }, timeoutMs).catch(
    (error: unknown) => {
      throw new ProxyCallError(`cannot reach the sidecar at ${adminSocket}`, error);
    },
  );
  if (status !== 200) {
    throw new ProxyCallError(`expected the sidecar to begin draining, found status ${status}`);
  }
}
