/** Commands in containers, over the API server's exec. */
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { KubeConfig, V1Status } from '@kubernetes/client-node';
import { KubernetesApiError } from './api-error.js';

/** A command to be run. */
export interface ExecRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly command: readonly string[];
  readonly signal?: AbortSignal;
}

/** How it ended. */
export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What we use of a WebSocket; its own types come with a package that we do not have. */
interface Socket {
  addEventListener(type: 'close', listener: () => void): void;
  close(): void;
}

function isSocket(value: unknown): value is Socket {
  return typeof value === 'object' && value !== null && 'addEventListener' in value;
}

/** The exit code stands among the causes of a status that says NonZeroExitCode. */
function exitCodeOf(status: V1Status): number {
  if (status.status === 'Success') return 0;
  const cause = status.details?.causes?.find(({ reason }) => reason === 'ExitCode');
  return cause?.message === undefined ? 1 : Number(cause.message);
}

/** Runs it; rejects when the API server or the kubelet refuses, or the connection is lost. */
export async function runInContainer(
  config: KubeConfig,
  request: ExecRequest,
): Promise<ExecResult> {
  const { Exec } = await import('./library.js');
  const out = new PassThrough();
  const err = new PassThrough();
  const said = Promise.all([text(out), text(err)]);
  const end = (): void => {
    out.end();
    err.end();
  };
  const status = await new Promise<V1Status>((resolve, reject) => {
    const { namespace, pod, container, command } = request;
    new Exec(config)
      .exec(namespace, pod, container, [...command], out, err, null, false, resolve)
      .then((socket: unknown) => {
        if (!isSocket(socket)) return;
        const lost = (): void => {
          reject(new Error('the connection was closed before the command ended'));
        };
        socket.addEventListener('close', lost);
        request.signal?.addEventListener('abort', () => {
          socket.close();
        });
      }, reject);
  }).catch((error: unknown) => {
    end();
    throw toError(request, error);
  });
  end();
  const [stdout, stderr] = await said;
  return { exitCode: exitCodeOf(status), stdout, stderr };
}

/** The WebSocket library reports a refusal as an event that holds an error. */
function toError({ namespace, pod }: ExecRequest, error: unknown): Error {
  const inner =
    typeof error === 'object' && error !== null && 'message' in error ? error.message : error;
  const message = String(inner);
  const status = Number(/Unexpected server response: (\d{3})/.exec(message)?.[1] ?? 0);
  return new KubernetesApiError(`EXEC ${namespace}/${pod}: ${message}`, {
    status,
    reason: status === 403 ? 'Forbidden' : status === 404 ? 'NotFound' : 'Exec',
    cause: error,
  });
}
