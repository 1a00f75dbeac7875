/** What the control plane says over its admin socket: its sidecars, with the times of their last ACKs, and diagnostics. */
import { get } from 'node:http';
import { z } from 'zod';

const proxySchema = z.object({
  name: z.string(),
  generationSent: z.number(),
  generationAcked: z.number(),
  pendingForMs: z.number().optional(),
  resources: z.array(
    z.object({
      /** `Cluster`, `Listener` and so on. */
      type: z.string(),
      held: z.number(),
      bytesSent: z.number(),
      lastSentAtMs: z.number().optional(),
      lastAckAtMs: z.number().optional(),
    }),
  ),
  rejected: z.array(z.object({ resource: z.string(), message: z.string() })),
});

/** What a bench reads of a sidecar; times in milliseconds since the epoch. */
export type ProxyState = z.infer<typeof proxySchema>;

/** `GET /v1/proxies` of the admin API. */
export async function readProxies(socketPath: string): Promise<readonly ProxyState[]> {
  return z.array(proxySchema).parse(await readJson(socketPath, '/v1/proxies'));
}

const diagnosticSchema = z.object({ severity: z.string(), message: z.string() });

/** Rejects with the first error that the control plane finds in the directory. */
export async function rejectErrors(socketPath: string): Promise<void> {
  const all = z.array(diagnosticSchema).parse(await readJson(socketPath, '/v1/diagnostics'));
  const error = all.find(({ severity }) => severity === 'error');
  if (error !== undefined) throw new Error(`the bench's own manifests: ${error.message}`);
}

/** Whether the control plane knows the pod `namespace/name` as one of the mesh. */
export async function hasWorkload(socketPath: string, pod: string): Promise<boolean> {
  const config = await readJson(socketPath, `/v1/config/${pod}`);
  return z.object({ listeners: z.array(z.unknown()) }).safeParse(config).success;
}

function readJson(socketPath: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = get({ socketPath, path, timeout: 10_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        try {
          resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')));
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
    request.on('timeout', () => request.destroy(new Error('the admin API does not answer')));
    request.on('error', reject);
  });
}

/** Whether nothing is on its way to any of them. */
export function areSettled(proxies: readonly ProxyState[]): boolean {
  return proxies.every(
    (proxy) => proxy.pendingForMs === undefined && proxy.generationAcked === proxy.generationSent,
  );
}

/** When a change reached one sidecar. */
export interface Arrival {
  /** When the last response of the change was handed to the stream. */
  readonly sentAtMs: number;
  readonly ackedAtMs: number;
}

/**
 * When the last of `proxies` had accepted a change that was written at `sinceMs` and touches
 * `types`; undefined while one has not. Before the write all must have been settled.
 */
export function lastArrival(
  proxies: readonly ProxyState[],
  types: readonly string[],
  sinceMs: number,
): Arrival | undefined {
  if (!areSettled(proxies)) return undefined;
  let last: Arrival = { sentAtMs: 0, ackedAtMs: 0 };
  for (const { resources } of proxies) {
    for (const type of types) {
      const state = resources.find((resource) => resource.type === type);
      const { lastSentAtMs = 0, lastAckAtMs = 0 } = state ?? {};
      if (lastSentAtMs < sinceMs || lastAckAtMs < sinceMs) return undefined;
      last = {
        sentAtMs: Math.max(last.sentAtMs, lastSentAtMs),
        ackedAtMs: Math.max(last.ackedAtMs, lastAckAtMs),
      };
    }
  }
  return last;
}
