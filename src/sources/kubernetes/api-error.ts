/** What may go wrong between us and an API server. */

/** An API server refused, or could not be reached. */
export class KubernetesApiError extends Error {
  readonly code = 'KubernetesApi';
  /** HTTP status; 0: there was no answer. */
  readonly status: number;
  /** `reason` of the metav1.Status, or of the connection: ECONNREFUSED, Timeout and others. */
  readonly reason: string;
  /** When the server asks to be left alone for a while. */
  readonly retryAfterSeconds?: number;

  constructor(
    message: string,
    facts: {
      readonly status: number;
      readonly reason: string;
      readonly retryAfterSeconds?: number;
      readonly cause?: unknown;
    },
  ) {
    super(message, { cause: facts.cause });
    this.name = 'KubernetesApiError';
    this.status = facts.status;
    this.reason = facts.reason;
    if (facts.retryAfterSeconds !== undefined) this.retryAfterSeconds = facts.retryAfterSeconds;
  }
}

/** The error of a request that got no answer; one of ours passes unchanged. */
export function unreachable(what: string, error: unknown): KubernetesApiError {
  if (error instanceof KubernetesApiError) return error;
  const reason = reasonOf(error);
  return new KubernetesApiError(`${what}: no answer: ${reason}`, {
    status: 0,
    reason,
    cause: error,
  });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.name === 'Error' ? error.message : error.name;
}

/** The error of an answer that is not 2xx; `body` may be a metav1.Status. */
export function refusal(
  what: string,
  answer: { readonly status: number; readonly retryAfter?: string; readonly body: string },
): KubernetesApiError {
  const { reason, message } = readStatus(answer.body);
  const seconds = Number(answer.retryAfter);
  return new KubernetesApiError(`${what}: ${String(answer.status)} ${reason}: ${message}`, {
    status: answer.status,
    reason,
    ...(Number.isFinite(seconds) && seconds > 0 && { retryAfterSeconds: seconds }),
  });
}

const maxMessage = 500;

function readStatus(body: string): { readonly reason: string; readonly message: string } {
  try {
    const status: unknown = JSON.parse(body);
    if (typeof status === 'object' && status !== null) {
      const reason = 'reason' in status && typeof status.reason === 'string' ? status.reason : '';
      const message =
        'message' in status && typeof status.message === 'string' ? status.message : '';
      return { reason: reason === '' ? 'Unknown' : reason, message: message.slice(0, maxMessage) };
    }
  } catch {
    // A proxy in between answers in its own words.
  }
  return { reason: 'Unknown', message: body.slice(0, maxMessage) };
}
