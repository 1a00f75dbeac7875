/** HTTP calls of the caller program: single, over kept-alive connections, and as a load. */
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { callerSpiffeId } from '../rig/client-cert-header.js';
import type { AgentRequestOf, CallResult } from '../rig/agent-protocol.js';

/** What one HTTP call needs. */
export type HttpCall = Pick<
  AgentRequestOf<'http'>,
  'url' | 'method' | 'headers' | 'body' | 'timeoutMs' | 'rawPath'
>;

/** Makes HTTP calls; calls of one group share one connection, as long as the server keeps it. */
export class HttpCaller {
  readonly #groups = new Map<string, Agent>();

  /** Never rejects: what goes wrong stands in `error`. */
  call(call: HttpCall, group: string | undefined): Promise<CallResult> {
    return callOver(this.#agentOf(group), call);
  }

  #agentOf(group: string | undefined): Agent {
    if (group === undefined) return new Agent({ keepAlive: false });
    const known = this.#groups.get(group);
    if (known !== undefined) return known;
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    this.#groups.set(group, agent);
    return agent;
  }
}

/** One HTTP call over a connection of `agent`. Never rejects: what goes wrong stands in `error`. */
export function callOver(agent: Agent, call: HttpCall): Promise<CallResult> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const end = (result: CallResult): void => {
      clearTimeout(timer);
      resolve(result);
    };
    const fail = (error: Error): void => {
      end(failedCall(describeError(error), startedAt));
    };
    try {
      const request = httpRequest(
        call.url,
        {
          agent,
          method: call.method,
          headers: call.headers,
          ...(call.rawPath === undefined ? {} : { path: call.rawPath }),
        },
        (response) => {
          collect(response, startedAt, end, fail);
        },
      );
      // Not request.setTimeout: that one counts from the connection, which may not come.
      timer = setTimeout(() => {
        request.destroy(new Error(`no answer within ${call.timeoutMs} ms`));
      }, call.timeoutMs);
      request.on('error', fail);
      request.end(call.body);
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)));
    }
  });
}

function collect(
  response: IncomingMessage,
  startedAt: number,
  resolve: (result: CallResult) => void,
  fail: (error: Error) => void,
): void {
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  response.on('error', fail);
  response.on('end', () => {
    const body = Buffer.concat(chunks).toString('utf8');
    const version = response.headers['x-version'];
    resolve({
      status: response.statusCode ?? null,
      version: typeof version === 'string' ? version : null,
      body,
      headers: flatten(response),
      peerSpiffeId: peerOf(body),
      ms: performance.now() - startedAt,
      error: null,
    });
  });
}

/** A result for a call that got no answer. */
export function failedCall(error: string, startedAt: number): CallResult {
  const ms = performance.now() - startedAt;
  return { status: null, version: null, body: '', headers: {}, peerSpiffeId: null, ms, error };
}

/** `ECONNRESET: read ECONNRESET`: the code first, where there is one. */
export function describeError(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? `${error.code}: ` : '';
  return `${code}${error.message}`;
}

function flatten(response: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(response.headers).map(([name, value]) => [name, [value].flat().join(', ')]),
  );
}

/** The caller's identity as the demo's HTTP server reports it; null for any other answer. */
function peerOf(body: string): string | null {
  try {
    const answer: unknown = JSON.parse(body);
    if (typeof answer !== 'object' || answer === null || !('forwardedClientCert' in answer)) {
      return null;
    }
    const header = answer.forwardedClientCert;
    return typeof header === 'string' ? (callerSpiffeId(header) ?? null) : null;
  } catch {
    // Not JSON: an answer of the proxy's own, such as a 403.
    return null;
  }
}
