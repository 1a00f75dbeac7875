/** Looks into a sidecar: its certificate, its counters, its access log. */
import { waitFor, type Mesh, type Sidecar } from '../../demo/rig/index.js';

/** The sidecar of a pod; throws when it has none. */
export function sidecarOf(mesh: Mesh, key: string): Sidecar {
  const { sidecar } = mesh.pod(key);
  if (sidecar === undefined) throw new Error(`${key} has no sidecar`);
  return sidecar;
}

interface Certificates {
  readonly certificates: readonly {
    readonly cert_chain?: readonly {
      readonly serial_number: string;
      readonly subject_alt_names: readonly { readonly uri?: string }[];
    }[];
  }[];
}

/** The serial number of the workload's certificate that the sidecar now uses. */
export async function certificateSerial(mesh: Mesh, key: string): Promise<string> {
  const { certificates } = JSON.parse(await sidecarOf(mesh, key).admin('/certs')) as Certificates;
  const leaf = certificates
    .flatMap(({ cert_chain: chain }) => chain ?? [])
    .find(({ subject_alt_names: names }) => names.some(({ uri }) => uri?.startsWith('spiffe://')));
  if (leaf === undefined) throw new Error(`${key} has no certificate`);
  return leaf.serial_number;
}

/** The value of a counter or gauge; 0 where Envoy does not know it (yet). */
export async function stat(mesh: Mesh, key: string, name: string): Promise<number> {
  const text = await sidecarOf(mesh, key).admin(`/stats?filter=^${name.replaceAll('.', '\\.')}$`);
  return Number(/: (\d+)/.exec(text)?.[1] ?? 0);
}

/** Waits for a line of the sidecar's log, from `offset` on, that contains all of `texts`. */
export async function untilLogged(
  mesh: Mesh,
  key: string,
  texts: readonly string[],
  offset = 0,
): Promise<string> {
  const sidecar = sidecarOf(mesh, key);
  return await waitFor(
    { what: `a line of ${key}’s log with ${texts.join(', ')}`, timeoutMs: 8_000 },
    async () =>
      (await sidecar.log())
        .slice(offset)
        .split('\n')
        .find((line) => texts.every((text) => line.includes(text))),
  );
}

/** Waits until `look` no longer throws and returns something else than undefined; 10 s at most. */
export function eventually<T>(
  what: string,
  look: () => Promise<T | undefined>,
  timeoutMs = 10_000,
): Promise<T> {
  return waitFor({ what, timeoutMs, intervalMs: 30 }, look);
}
