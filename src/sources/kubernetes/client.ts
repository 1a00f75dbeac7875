/** A client of the Kubernetes API: JSON requests, watches as lines, commands in containers. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { systemClock, withSignals } from '../../lib/index.js';
import { KubernetesApiError, refusal, unreachable } from './api-error.js';
import { createCredentials, type Credentials, type CredentialsOptions } from './credentials.js';
import { runInContainer, type ExecRequest, type ExecResult } from './exec.js';
import { parseLines } from './lines.js';

/** One request. */
export interface KubernetesRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute path: /api/v1/namespaces/x/configmaps/y */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** `application/json` by default. */
  readonly contentType?:
    | 'application/json'
    | 'application/apply-patch+yaml'
    | 'application/merge-patch+json'
    | 'application/json-patch+json';
  /** `application/json` by default; another asks for a table or for metadata only. */
  readonly accept?: string;
  readonly signal?: AbortSignal;
  /** 15 s by default. */
  readonly timeoutMs?: number;
}

/** One watch. */
export interface KubernetesStreamRequest {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Without a byte for this long the connection counts as dead; never by default. */
  readonly idleTimeoutMs?: number;
  /** Called when the server has agreed and lines may come. */
  readonly onOpen?: () => void;
}

/** The client; all errors are a `KubernetesApiError`. */
export interface KubernetesClient {
  /** The parsed JSON of a 2xx answer. */
  send(request: KubernetesRequest): Promise<unknown>;
  /** The parsed lines of a streaming GET; ends when the server ends it. */
  stream(request: KubernetesStreamRequest): AsyncIterable<unknown>;
  /** Runs a command in a container and gathers what it says. */
  exec(request: ExecRequest): Promise<ExecResult>;
  /** How far the server's clock is ahead of ours, by the last answer's Date (whole seconds); undefined before one. */
  clockSkewMs(): number | undefined;
  /** Ends idle connections. */
  close(): void;
}

const defaultTimeoutMs = 15_000;
const maxLineBytes = 16 * 1024 * 1024;

interface Sending {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType: string;
  readonly accept: string;
  readonly signal: AbortSignal | undefined;
}

/** Never the whole URL: it is for people, and queries are long. */
function describe({ method, path }: { readonly method: string; readonly path: string }): string {
  return `${method} ${path}`;
}

/** Resolves with the head of the answer, whatever its status. */
async function open(credentials: Credentials, sending: Sending): Promise<IncomingMessage> {
  const { server, agent, headers } = await credentials.access();
  const url = new URL(server);
  url.pathname = `${url.pathname.replace(/\/$/, '')}${sending.path}`;
  url.search = new URLSearchParams(sending.query).toString();
  const body = sending.body === undefined ? undefined : JSON.stringify(sending.body);
  const make = url.protocol === 'http:' ? httpRequest : httpsRequest;
  return new Promise((resolve, reject) => {
    const request = make(url, {
      method: sending.method,
      agent,
      ...(sending.signal && { signal: sending.signal }),
      headers: {
        ...headers,
        accept: sending.accept,
        'user-agent': 'skerry',
        ...(body !== undefined && {
          'content-type': sending.contentType,
          'content-length': Buffer.byteLength(body),
        }),
      },
    });
    request.once('response', resolve);
    request.once('error', reject);
    request.end(body);
  });
}

async function readAnswer(what: string, response: IncomingMessage): Promise<unknown> {
  const body = await text(response);
  const status = response.statusCode ?? 0;
  if (status < 200 || status > 299) throw refusalOf(what, response, body);
  try {
    return JSON.parse(body === '' ? 'null' : body);
  } catch (cause) {
    throw new KubernetesApiError(`${what}: the answer is not JSON`, {
      status,
      reason: 'NotJson',
      cause,
    });
  }
}

function refusalOf(what: string, response: IncomingMessage, body: string): KubernetesApiError {
  const retryAfter = response.headers['retry-after'];
  return refusal(what, {
    status: response.statusCode ?? 0,
    body,
    ...(retryAfter !== undefined && { retryAfter }),
  });
}

/** A client that has not connected yet; credentials are read at the first request. */
export function openKubernetesClient(options: CredentialsOptions = {}): KubernetesClient {
  const credentials = createCredentials(options);
  let skewMs: number | undefined;

  const noteDate = (response: IncomingMessage): void => {
    const atMs = Date.parse(response.headers.date ?? '');
    if (!Number.isNaN(atMs)) skewMs = atMs - Date.now();
  };
  const send = async (request: KubernetesRequest): Promise<unknown> => {
    const what = describe(request);
    const late = new AbortController();
    const cancel = systemClock.after(request.timeoutMs ?? defaultTimeoutMs, () => {
      late.abort();
    });
    try {
      return await withSignals([late.signal, request.signal ?? []].flat(), async (signal) => {
        const response = await open(credentials, {
          ...{ method: request.method, path: request.path, query: request.query ?? {} },
          ...{ body: request.body, signal },
          contentType: request.contentType ?? 'application/json',
          accept: request.accept ?? 'application/json',
        });
        noteDate(response);
        return readAnswer(what, response);
      });
    } catch (error) {
      if (late.signal.aborted) {
        throw unreachable(what, Object.assign(new Error('timed out'), { code: 'Timeout' }));
      }
      throw unreachable(what, error);
    } finally {
      cancel();
    }
  };
  async function* stream(request: KubernetesStreamRequest): AsyncGenerator {
    const what = `WATCH ${request.path}`;
    try {
      const response = await open(credentials, {
        ...{ method: 'GET', path: request.path, query: request.query, signal: request.signal },
        ...{ contentType: 'application/json', accept: 'application/json' },
      });
      noteDate(response);
      if (response.statusCode !== 200) throw refusalOf(what, response, await text(response));
      request.onOpen?.();
      const idleMs = request.idleTimeoutMs ?? 0;
      response.setTimeout(idleMs, () => {
        response.destroy(Object.assign(new Error('silent'), { code: 'Idle' }));
      });
      yield* parseLines(response, maxLineBytes);
    } catch (error) {
      throw unreachable(what, error);
    }
  }
  return {
    send,
    stream,
    exec: async (request) => {
      const what = `EXEC ${request.namespace}/${request.pod}`;
      try {
        return await runInContainer(await credentials.kubeConfig(), request);
      } catch (error) {
        throw unreachable(what, error);
      }
    },
    clockSkewMs: () => skewMs,
    close: () => {
      credentials.close();
    },
  };
}
