/** What a pod's annotations say about its own sidecar. */
import { fail, ok, type Result } from '../lib/index.js';
import { checkRedirectOptions } from '../sidecar/index.js';
import { mapAt, textOf, type JsonMap } from './json.js';
import { annotations, type ContainerResources, type InjectionSettings } from './settings.js';

/** The options of one pod. */
export interface PodOptions {
  readonly excludeInboundPorts: readonly number[];
  readonly excludeOutboundPorts: readonly number[];
  readonly excludeOutboundCidrs: readonly string[];
  readonly resources: ContainerResources;
  /** Annotations of ours that mean nothing, most likely misspelled. */
  readonly warnings: readonly string[];
}

/** Kubernetes quantities, resource.Quantity: plain, decimal exponent, decimal and binary suffixes. */
const quantity =
  /^(\d{1,15}(\.\d{0,9})?|\.\d{1,9})(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][-+]?\d{1,2})?$/;
const maxEntries = 64;

/** Reads them; the error lists every annotation that is wrong. */
export function readPodOptions(
  pod: JsonMap,
  settings: InjectionSettings,
): Result<PodOptions, readonly string[]> {
  const given = mapAt(pod, 'metadata', 'annotations');
  const problems: string[] = [];
  const list = (name: string): readonly string[] => splitList(given, name, problems);
  const ports = (name: string): readonly number[] =>
    list(name).map((text) => toPort(name, text, problems));
  const excluded = {
    excludeInboundPorts: ports(annotations.excludeInboundPorts),
    excludeOutboundPorts: ports(annotations.excludeOutboundPorts),
    excludeOutboundCidrs: list(annotations.excludeOutboundCidrs),
  };
  const cidrs = { excludeOutboundCidrs: excluded.excludeOutboundCidrs };
  for (const problem of checkRedirectOptions(cidrs)) {
    problems.push(`annotation ${annotations.excludeOutboundCidrs}: ${problem}`);
  }
  const resources = readResources(given, settings.proxyResources, problems);
  if (problems.length > 0) return fail(problems);
  return ok({ ...excluded, resources, warnings: unknownAnnotations(given) });
}

function splitList(given: JsonMap, name: string, problems: string[]): readonly string[] {
  const text = textOf(given, name)?.trim() ?? '';
  if (text === '') return [];
  const entries = text.split(',', maxEntries + 1).map((entry) => entry.trim());
  if (entries.length <= maxEntries) return entries;
  problems.push(`annotation ${name}: expected at most ${maxEntries} entries`);
  return [];
}

function toPort(name: string, text: string, problems: string[]): number {
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65535) return port;
  const found = JSON.stringify(text.slice(0, 64));
  problems.push(`annotation ${name}: expected ports from 1 to 65535 with commas, found ${found}`);
  return 0;
}

function readResources(
  given: JsonMap,
  preset: ContainerResources,
  problems: string[],
): ContainerResources {
  const read = (name: string): string | undefined => {
    const text = textOf(given, name);
    if (text === undefined || quantity.test(text)) return text;
    const found = JSON.stringify(text.slice(0, 64));
    problems.push(`annotation ${name}: expected a quantity such as 100m or 128Mi, found ${found}`);
    return undefined;
  };
  const cpuLimit = read(annotations.proxyCpuLimit) ?? preset.cpuLimit;
  const memoryLimit = read(annotations.proxyMemoryLimit) ?? preset.memoryLimit;
  return {
    cpuRequest: read(annotations.proxyCpu) ?? preset.cpuRequest,
    memoryRequest: read(annotations.proxyMemory) ?? preset.memoryRequest,
    ...(cpuLimit === undefined ? {} : { cpuLimit }),
    ...(memoryLimit === undefined ? {} : { memoryLimit }),
  };
}

function unknownAnnotations(given: JsonMap): readonly string[] {
  const known: readonly string[] = [...Object.values(annotations), 'skerry.dev/sidecar'];
  return Object.keys(given)
    .filter((name) => name.startsWith('skerry.dev/') && !known.includes(name))
    .map((name) => `annotation ${name.slice(0, 80)} means nothing to Skerry; is it misspelled?`);
}
