/** A pod's probes that an injection has led to the sidecar, with what they were before. */
import {
  originalProbeHeader,
  probeKinds,
  probePath,
  type Diagnostic,
  type ObjectRef,
  type Probe,
  type ProbeCheck,
  type ProbeHeader,
  type ProbeKind,
} from '../../model/index.js';
import {
  child,
  descend,
  isAbsent,
  ownField,
  readChoice,
  readItems,
  readMap,
  readPort,
  readString,
  refuse,
  requirePresent,
  type Cursor,
} from './cursor.js';
import { createFindings } from './findings.js';
import { dnsLabel } from './header.js';

/** Probes, and warnings about those that were damaged: one of these never refuses its pod. */
export interface ParsedProbes {
  readonly probes: readonly Probe[];
  readonly warnings: readonly Diagnostic[];
}

/** Kubernetes' defaults (core/v1 Probe). */
const defaultTimeoutSeconds = 1;
const defaultPeriodSeconds = 10;
/** Envoy's clocks take no more; nobody probes once a year. */
const maxSeconds = 31_536_000;

const remedy =
  'leave rewritten probes as the injection writes them; the kubelet is told that this one fails';

/** Reads the probes of containers, given as the places of their maps; others than ours are passed over. */
export function readProbes(ref: ObjectRef, containers: readonly Cursor[]): ParsedProbes {
  const probes: Probe[] = [];
  const warnings: Diagnostic[] = [];
  for (const place of containers) {
    for (const kind of probeKinds) {
      const findings = createFindings(ref);
      const probe = readProbe({ ...place, findings }, kind);
      // Answering half of what was asked would pass for the whole.
      if (probe !== undefined && !findings.hasErrors()) probes.push(probe);
      const found = findings.list();
      warnings.push(...found.map((each) => ({ ...each, severity: 'warning' as const, remedy })));
    }
  }
  return { probes, warnings };
}

function readProbe(container: Cursor, kind: ProbeKind): Probe | undefined {
  const httpGet = descend(container, kind, 'httpGet');
  const headers = child(httpGet, 'httpHeaders');
  if (!Array.isArray(headers.value)) return undefined;
  const index = headers.value.findIndex(
    (header) => ownField(header, 'name') === originalProbeHeader,
  );
  if (index < 0) return undefined;
  const { value: name } = child(container, 'name');
  const path = child(httpGet, 'path');
  if (typeof name !== 'string' || !dnsLabel.test(name) || path.value !== probePath(name, kind)) {
    refuse(path, 'expected the path that belongs to this container and probe');
    return undefined;
  }
  const original = openJson(descend(headers, index, 'value'));
  return original === undefined ? undefined : readOriginal(original, name, kind);
}

function openJson(place: Cursor): Cursor | undefined {
  const text = readString(place) ?? '';
  try {
    const value: unknown = JSON.parse(text);
    requirePresent({ ...place, value });
    return readMap({ ...place, value });
  } catch {
    refuse(place, 'expected the original probe as JSON');
    return undefined;
  }
}

function readOriginal(original: Cursor, container: string, kind: ProbeKind): Probe | undefined {
  const portPlace = child(original, 'port');
  const probePlace = child(original, 'probe');
  for (const place of [portPlace, probePlace]) requirePresent(place);
  const port = readPort(portPlace);
  const probe = readMap(probePlace);
  if (port === undefined || probe === undefined) return undefined;
  const check = readCheck(probe);
  if (check === undefined) return undefined;
  const timeoutMs = readMilliseconds(child(probe, 'timeoutSeconds'), defaultTimeoutSeconds);
  const periodMs = readMilliseconds(child(probe, 'periodSeconds'), defaultPeriodSeconds);
  return { container, kind, port, timeoutMs, periodMs, check };
}

function readMilliseconds(place: Cursor, presetSeconds: number): number {
  // Kubernetes takes 0 for the default.
  const value = isAbsent(place) || place.value === 0 ? presetSeconds : place.value;
  if (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= maxSeconds) {
    return Number(value) * 1000;
  }
  refuse(place, `expected whole seconds from 1 to ${maxSeconds}`);
  return 0;
}

function readCheck(probe: Cursor): ProbeCheck | undefined {
  const [httpGet, tcpSocket, grpc] = ['httpGet', 'tcpSocket', 'grpc'].map((name) =>
    readMap(child(probe, name)),
  );
  if (httpGet !== undefined) return readHttp(httpGet);
  if (tcpSocket !== undefined) return { kind: 'tcp' };
  if (grpc !== undefined) {
    return { kind: 'grpc', service: readString(child(grpc, 'service')) ?? '' };
  }
  refuse(probe, 'expected httpGet, tcpSocket or grpc');
  return undefined;
}

function readHttp(httpGet: Cursor): ProbeCheck {
  const scheme = readChoice(child(httpGet, 'scheme'), ['HTTP', 'HTTPS', '']);
  const all = readItems(child(httpGet, 'httpHeaders')).flatMap(readHeader);
  const host = all.find(({ name }) => name.toLowerCase() === 'host')?.value;
  return {
    kind: 'http',
    scheme: scheme === 'HTTPS' ? 'https' : 'http',
    path: escapePath(readString(child(httpGet, 'path')) ?? ''),
    ...(host === undefined || host === '' ? {} : { host }),
    headers: all.filter(({ name }) => !isOfConnection(name.toLowerCase())),
  };
}

/** As net/url escapes it for the kubelet. A fragment is not sent. */
function escapePath(text: string): string {
  const [path = ''] = text.split('#');
  const escaped = path.replaceAll(/[^!-~]+/g, (odd) => percentEncode(odd));
  return escaped.startsWith('/') ? escaped : `/${escaped}`;
}

function percentEncode(text: string): string {
  return Buffer.from(text, 'utf8').toString('hex').replaceAll(/../g, '%$&').toUpperCase();
}

/** RFC 9110, section 5.6.2. */
const headerName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/;
/** Printable ASCII; anything else a header may carry depends on who reads it. */
const headerValue = /^[ -~\t]{0,8192}$/;

function readHeader(place: Cursor): readonly ProbeHeader[] {
  const map = readMap(place);
  if (map === undefined) return [];
  const name = readString(child(map, 'name')) ?? '';
  const value = readString(child(map, 'value')) ?? '';
  if (!headerName.test(name)) refuse(child(map, 'name'), 'expected the name of an HTTP header');
  if (!headerValue.test(value)) refuse(child(map, 'value'), 'expected printable ASCII');
  return [{ name, value }];
}

/**
 * Headers that the sidecar writes itself: those of the connection and the message's length, and the
 * one by which an app knows who calls, which only a certificate may fill.
 */
function isOfConnection(name: string): boolean {
  return ownHeaders.includes(name) || name.startsWith('x-envoy-');
}

const ownHeaders: readonly string[] = [
  'host',
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-forwarded-client-cert',
];
