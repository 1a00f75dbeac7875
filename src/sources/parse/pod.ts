/** Pod (core/v1). */
import { createHash } from 'node:crypto';
import { fail, leanList, ok, type Result } from '../../lib/index.js';
import { podKey, type ContainerPort, type Diagnostic, type Pod } from '../../model/index.js';
import { canonicalIp } from './address.js';
import {
  child,
  descend,
  isAbsent,
  readBoolean,
  readItems,
  readMap,
  readPort,
  readString,
  refuse,
  type Cursor,
} from './cursor.js';
import { openObject, type ApiKind } from './header.js';
import { readProbes } from './probes.js';

/** The API of Pods. */
export const podApi: ApiKind = { group: '', version: 'v1', kind: 'Pod', isNamespaced: true };

const proxyContainer = 'skerry-proxy';
const excludeInboundPorts = 'skerry.dev/exclude-inbound-ports';
/** Readiness and metrics, which the sidecar itself serves in plaintext. */
const sidecarPorts: readonly number[] = [15021, 15090];

/** A Pod, and what is wrong with it that does not keep it out. */
export interface ParsedPod {
  readonly pod: Pod;
  readonly warnings: readonly Diagnostic[];
}

/** Reads a Pod; the error lists every field that is wrong. */
export function parsePod(object: unknown): Result<ParsedPod, readonly Diagnostic[]> {
  const opened = openObject(object, podApi);
  if (!opened.ok) return opened;
  const { ref, root, findings, labels, annotations, creationTimestampMs } = opened.value;
  const spec = openMap(child(root, 'spec'));
  const status = openMap(child(root, 'status'));
  const metadata = child(root, 'metadata');
  const containers = readContainers(spec);
  const nodeName = readString(child(spec, 'nodeName'));
  const phase = readString(child(status, 'phase'));
  const isInMesh =
    containers.some(({ name }) => name === proxyContainer) ||
    annotations['skerry.dev/sidecar'] === 'true';
  const { probes, warnings } = readProbes(
    ref,
    containers.map(({ place }) => place),
  );
  const pod: Pod = {
    kind: 'Pod',
    key: podKey(ref.namespace, ref.name),
    namespace: ref.namespace,
    name: ref.name,
    uid: readString(child(metadata, 'uid')) ?? derivedUid(ref.namespace, ref.name),
    creationTimestampMs,
    labels,
    serviceAccount: readServiceAccount(child(spec, 'serviceAccountName')),
    ...(nodeName === undefined || nodeName === '' ? {} : { nodeName }),
    ips: leanList(readIps(status)),
    isInMesh,
    isHostNetwork: readBoolean(child(spec, 'hostNetwork')) ?? false,
    isTerminating: !isAbsent(child(metadata, 'deletionTimestamp')),
    isFinished: phase === 'Succeeded' || phase === 'Failed',
    containerPorts: leanList(
      containers.flatMap(({ name, ports }) => (name === proxyContainer ? [] : ports)),
    ),
    unredirectedPorts: leanList(isInMesh ? readUnredirected(annotations[excludeInboundPorts]) : []),
    probes: leanList(probes),
  };
  return findings.hasErrors() ? fail(findings.list()) : ok({ pod, warnings });
}

/** The webhook has refused what is no port. */
function readUnredirected(excluded = ''): readonly number[] {
  const ports = excluded.split(',').map((text) => Number(text.trim()));
  const valid = ports.filter((port) => Number.isInteger(port) && port > 0 && port <= 65_535);
  return [...new Set([...sidecarPorts, ...valid])];
}

function openMap(place: Cursor): Cursor {
  return readMap(place) ?? { ...place, value: {} };
}

/** A pod from a file has no uid; the same name must give the same one after a restart. */
function derivedUid(namespace: string, name: string): string {
  const hex = createHash('sha256').update(`Pod ${namespace}/${name}`).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20, 32),
  ].join('-');
}

function readServiceAccount(place: Cursor): string {
  const name = readString(place) ?? '';
  if (name === '') return 'default';
  // It becomes part of an identity, so it must not carry a slash or a space.
  if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)) {
    refuse(place, 'expected the name of a service account');
  }
  return name;
}

function readIps(status: Cursor): readonly string[] {
  const list = readItems(child(status, 'podIPs'));
  const places =
    list.length > 0 ? list.map((item) => child(openMap(item), 'ip')) : [child(status, 'podIP')];
  const ips: string[] = [];
  for (const place of places) {
    const text = readString(place);
    if (text === undefined || text === '') continue;
    const ip = canonicalIp(text);
    if (ip === undefined) refuse(place, 'expected an IP address');
    else if (!ips.includes(ip)) ips.push(ip);
  }
  return ips;
}

interface Container {
  readonly place: Cursor;
  readonly name: string;
  readonly ports: readonly ContainerPort[];
}

/** Containers that run beside each other: the plain ones, and init containers that never end (native sidecars). */
function readContainers(spec: Cursor): readonly Container[] {
  const native = readItems(child(spec, 'initContainers')).filter(
    (place) => readString(descend(place, 'restartPolicy')) === 'Always',
  );
  return [...native, ...readItems(child(spec, 'containers'))].map((place) => {
    const map = openMap(place);
    const ports = readItems(child(map, 'ports')).flatMap(readContainerPort);
    return { place, name: readString(child(map, 'name')) ?? '', ports };
  });
}

/** TCP ports only: the mesh carries nothing else. */
function readContainerPort(place: Cursor): readonly ContainerPort[] {
  const map = openMap(place);
  const port = readPort(child(map, 'containerPort'));
  const name = readString(child(map, 'name'));
  const transport = readString(child(map, 'protocol')) ?? 'TCP';
  if (port === undefined || transport !== 'TCP') return [];
  return [{ ...(name === undefined || name === '' ? {} : { name }), port }];
}
