/** Rewrites the kubelet's probes to HTTP paths on the sidecar's port, so that Strict needs no hole in the app's ports. */
import { originalProbeHeader, probeKinds, probePath } from '../model/index.js';
import { inboundPort, metricsPort, outboundPort, readinessPort } from '../sidecar/index.js';
import {
  isMap,
  isModestJson,
  mapAt,
  mapsOf,
  ownValue,
  textOf,
  type Json,
  type JsonMap,
} from './json.js';

/** A container with its probes rewritten. */
export interface RewrittenContainer {
  readonly container: JsonMap;
  readonly warnings: readonly string[];
}

const handlers = ['httpGet', 'tcpSocket', 'grpc'] as const;
const ownPorts: readonly number[] = [outboundPort, inboundPort, readinessPort, metricsPort];

/**
 * The container with its HTTP, TCP and gRPC probes led to the sidecar; each carries its original in
 * a header. Left alone: exec, probes of another host, ports that no sidecar sees or that are its
 * own, and names of ports that the container does not have.
 */
export function rewriteProbes(
  container: JsonMap,
  excludedPorts: readonly number[],
): RewrittenContainer {
  const name = textOf(container, 'name') ?? '';
  const rewritten: Record<string, Json> = {};
  for (const kind of probeKinds) {
    const probe = ownValue(container, kind);
    if (!isMap(probe)) continue;
    const port = portToRewrite(probe, container);
    if (port === undefined || excludedPorts.includes(port) || ownPorts.includes(port)) continue;
    rewritten[kind] = toHttpProbe(probe, port, probePath(name, kind));
  }
  return {
    container: { ...container, ...rewritten },
    warnings: hookWarnings(container),
  };
}

/** The container as it was before {@link rewriteProbes}. */
export function restoreProbes(container: JsonMap): JsonMap {
  const name = textOf(container, 'name') ?? '';
  const restored: Record<string, Json> = {};
  for (const kind of probeKinds) {
    const httpGet = mapAt(container, kind, 'httpGet');
    if (textOf(httpGet, 'path') !== probePath(name, kind)) continue;
    const header = mapsOf(httpGet['httpHeaders']).find(
      (each) => textOf(each, 'name') === originalProbeHeader,
    );
    const original = parseOriginal(textOf(header ?? {}, 'value'));
    if (original !== undefined) restored[kind] = original;
  }
  return { ...container, ...restored };
}

/** Undefined where somebody changed it: the probe stays as it is. */
function parseOriginal(text: string | undefined): JsonMap | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (!isModestJson(value) || !isMap(value)) return undefined;
    const probe = ownValue(value, 'probe');
    return isMap(probe) ? probe : undefined;
  } catch {
    return undefined;
  }
}

function portToRewrite(probe: JsonMap, container: JsonMap): number | undefined {
  const kind = handlers.find((handler) => isMap(ownValue(probe, handler)));
  if (kind === undefined) return undefined;
  const handler = mapAt(probe, kind);
  // A probe of another host does not come to this pod.
  if ((textOf(handler, 'host') ?? '') !== '') return undefined;
  const port = ownValue(handler, 'port');
  if (typeof port === 'number') return port;
  const named = mapsOf(container['ports']).find((each) => textOf(each, 'name') === port);
  const number = named === undefined ? undefined : ownValue(named, 'containerPort');
  return typeof number === 'number' ? number : undefined;
}

/** Periods and thresholds stay; only who is asked changes. */
function toHttpProbe(probe: JsonMap, port: number, path: string): JsonMap {
  const rest = Object.entries(probe).filter(([name]) => !handlers.some((each) => each === name));
  const original = { name: originalProbeHeader, value: spellOriginal({ port, probe }) };
  return {
    httpGet: { path, port: readinessPort, scheme: 'HTTP', httpHeaders: [original] },
    ...Object.fromEntries(rest),
  };
}

/** JSON that a header can carry: nothing but printable ASCII. */
function spellOriginal(original: JsonMap): string {
  return JSON.stringify(original).replaceAll(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Hooks by HTTP come from the kubelet in plaintext too, and nothing answers them on 15021. */
function hookWarnings(container: JsonMap): readonly string[] {
  const name = textOf(container, 'name') ?? '';
  return ['postStart', 'preStop'].flatMap((hook) => {
    if (!isMap(ownValue(mapAt(container, 'lifecycle', hook), 'httpGet'))) return [];
    return [`container ${name}: ${hook} by httpGet fails where mTLS is Strict; use exec or sleep`];
  });
}
