/** Reads what a server's sidecar wrote about calls in its access log. */
import { waitFor, type CallResult, type Mesh } from './rig/index.js';

/** The first line of a sidecar's log with a text in it; undefined when none comes within a few seconds. */
export async function findLogLine(
  mesh: Mesh,
  key: string,
  text: string,
): Promise<string | undefined> {
  return await findLine(mesh, key, { from: 0, isWanted: (line) => line.includes(text) });
}

/**
 * Makes a TCP call and adds the caller's identity as the sidecar of `server` logged it. Other
 * inbound TCP connections to that pod must not end at the same time.
 */
export async function withLoggedPeer(
  mesh: Mesh,
  server: string,
  call: () => Promise<CallResult>,
): Promise<CallResult> {
  const from = (await mesh.pod(server).sidecar?.log())?.length ?? 0;
  const result = await call();
  const line = await findLine(mesh, server, {
    from,
    isWanted: (each) => peerOf(each) !== undefined,
  });
  return { ...result, peerSpiffeId: peerOf(line ?? '') ?? null };
}

interface Search {
  /** Characters of the log that are passed over. */
  readonly from: number;
  readonly isWanted: (line: string) => boolean;
}

async function findLine(mesh: Mesh, key: string, search: Search): Promise<string | undefined> {
  const { sidecar } = mesh.pod(key);
  if (sidecar === undefined) return undefined;
  try {
    return await waitFor({ what: 'a line of the access log', timeoutMs: 5_000 }, async () =>
      (await sidecar.log()).slice(search.from).split('\n').find(search.isWanted),
    );
  } catch {
    return undefined;
  }
}

/** The peer of an inbound TCP connection; undefined for every other line. */
export function peerOf(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== 'object' || entry === null) return undefined;
    if (Reflect.get(entry, 'kind') !== 'tcp' || Reflect.get(entry, 'direction') !== 'inbound') {
      return undefined;
    }
    const peer: unknown = Reflect.get(entry, 'peer');
    return typeof peer === 'string' && peer !== '' ? peer : undefined;
  } catch {
    // A line that is still being written.
    return undefined;
  }
}
