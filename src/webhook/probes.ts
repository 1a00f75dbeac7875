/** Rewrites the kubelet's probes to HTTP paths on the sidecar's port, so that Strict needs no hole in the app's ports. */
import { readinessPort } from '../sidecar/index.js';
import { isMap, mapAt, mapsOf, ownValue, textOf, type Json, type JsonMap } from './json.js';

/** A probe as the user had it, with its port resolved; what the control plane answers it from. */
export interface OriginalProbe {
  /** The number that the probe's port means in its container. */
  readonly port: number;
  /** The probe, unchanged. */
  readonly probe: JsonMap;
}

/** Originals by the path on 15021. */
export type OriginalProbes = Readonly<Record<string, OriginalProbe>>;

/** A container with its probes rewritten, and their originals. */
export interface RewrittenContainer {
  readonly container: JsonMap;
  readonly originals: OriginalProbes;
  readonly warnings: readonly string[];
}

const probeKinds = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;
const handlers = ['httpGet', 'tcpSocket', 'grpc'] as const;

/** Where a probe of a container is answered. */
export function probePath(container: string, kind: (typeof probeKinds)[number]): string {
  return `/skerry/probe/${container}/${kind}`;
}

/**
 * The container with its HTTP, TCP and gRPC probes led to the sidecar. Left alone: exec, probes of
 * another host, ports that no sidecar sees, and names of ports that the container does not have.
 */
export function rewriteProbes(
  container: JsonMap,
  excludedPorts: readonly number[],
): RewrittenContainer {
  const name = textOf(container, 'name') ?? '';
  const originals: Record<string, OriginalProbe> = {};
  const rewritten: Record<string, Json> = {};
  for (const kind of probeKinds) {
    const probe = ownValue(container, kind);
    if (!isMap(probe)) continue;
    const port = portToRewrite(probe, container);
    if (port === undefined || excludedPorts.includes(port)) continue;
    const path = probePath(name, kind);
    originals[path] = { port, probe };
    rewritten[kind] = toHttpProbe(probe, path);
  }
  return {
    container: { ...container, ...rewritten },
    originals,
    warnings: hookWarnings(container),
  };
}

/** The container as it was before {@link rewriteProbes}. */
export function restoreProbes(container: JsonMap, originals: JsonMap): JsonMap {
  const name = textOf(container, 'name') ?? '';
  const restored: Record<string, Json> = {};
  for (const kind of probeKinds) {
    const path = probePath(name, kind);
    const isOurs = textOf(mapAt(container, kind, 'httpGet'), 'path') === path;
    const original = ownValue(mapAt(originals, path), 'probe');
    if (isOurs && isMap(original)) restored[kind] = original;
  }
  return { ...container, ...restored };
}

function portToRewrite(probe: JsonMap, container: JsonMap): number | undefined {
  const kind = handlers.find((handler) => isMap(ownValue(probe, handler)));
  if (kind === undefined) return undefined;
  const handler = mapAt(probe, kind);
  // A probe of another host does not come to this pod.
  if ((textOf(handler, 'host') ?? '') !== '') return undefined;
  const port = ownValue(handler, 'port');
  if (port === readinessPort) return undefined;
  if (typeof port === 'number') return port;
  const named = mapsOf(container['ports']).find((each) => textOf(each, 'name') === port);
  const number = named === undefined ? undefined : ownValue(named, 'containerPort');
  return typeof number === 'number' ? number : undefined;
}

/** Periods, thresholds and the user's headers stay; only who is asked changes. */
function toHttpProbe(probe: JsonMap, path: string): JsonMap {
  const rest = Object.entries(probe).filter(([name]) => !handlers.some((each) => each === name));
  const headers = ownValue(mapAt(probe, 'httpGet'), 'httpHeaders');
  return {
    httpGet: {
      path,
      port: readinessPort,
      scheme: 'HTTP',
      ...(headers === undefined ? {} : { httpHeaders: headers }),
    },
    ...Object.fromEntries(rest),
  };
}

/** Hooks by HTTP come from the kubelet in plaintext too, and nothing answers them on 15021. */
function hookWarnings(container: JsonMap): readonly string[] {
  const name = textOf(container, 'name') ?? '';
  return ['postStart', 'preStop'].flatMap((hook) => {
    if (!isMap(ownValue(mapAt(container, 'lifecycle', hook), 'httpGet'))) return [];
    return [`container ${name}: ${hook} by httpGet fails where mTLS is Strict; use exec or sleep`];
  });
}
