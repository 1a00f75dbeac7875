/** One golden case: Kubernetes YAML in, what a sidecar is given out. */
import { stringify } from 'yaml';
import { decodeUnknown, typeUrls } from '../../envoy/index.js';
import type { Diagnostic, PodKey } from '../../model/index.js';
import { parseManifests } from '../../sources/index.js';
import { createPipeline, type Pipeline, type ScopedResource } from '../index.js';
import { toPipelineChanges } from './manifests.js';

/** The sections of an output, by the type of what stands there. */
export const sectionTypes = {
  extensions: typeUrls.extensionConfig,
  listeners: typeUrls.listener,
  routes: typeUrls.route,
  virtualHosts: typeUrls.virtualHost,
  clusters: typeUrls.cluster,
  endpoints: typeUrls.endpoint,
} as const;

/** What the first lines of a case say. */
export interface GoldenHeader {
  /** The fact that the case shows. */
  readonly claim: string;
  /** The sidecar it is seen from. */
  readonly proxy: PodKey;
  /** Cluster names that it asks for. */
  readonly demand: readonly string[];
  /** Sections that the output shows; absent: all. What is not shown is loaded by Envoy all the same. */
  readonly show?: readonly string[];
  readonly layout: 'on-demand' | 'eager';
  readonly meshCidrs: readonly string[];
}

/** Reads the `# key: value` lines at the top of a case. */
export function readHeader(text: string): GoldenHeader {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^# ([a-zA-Z]+): (.*)$/.exec(line);
    if (match === null) break;
    fields.set(match[1] ?? '', match[2] ?? '');
  }
  const list = (key: string): readonly string[] =>
    (fields.get(key) ?? '')
      .split(' ')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '');
  const claim = fields.get('claim');
  const proxy = fields.get('proxy');
  if (claim === undefined || proxy === undefined) {
    throw new Error('a golden case begins with # claim: and # proxy:');
  }
  return {
    claim,
    proxy: proxy as PodKey,
    demand: list('demand'),
    ...(fields.has('show') ? { show: list('show') } : {}),
    layout: fields.get('layout') === 'eager' ? 'eager' : 'on-demand',
    meshCidrs: list('meshCidrs'),
  };
}

/** A case that was run. */
export interface GoldenRun {
  readonly header: GoldenHeader;
  readonly pipeline: Pipeline;
  /** Everything that the sidecar is given. */
  readonly resources: readonly ScopedResource[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Compiles a case. */
export function runGoldenCase(text: string, file: string): GoldenRun {
  const header = readHeader(text);
  const parsed = parseManifests(text, file);
  const pipeline = createPipeline({
    trustDomain: 'cluster.local',
    rootNamespace: 'skerry-system',
    layout: header.layout,
    meshCidrs: header.meshCidrs,
    accessLog: 'Errors',
    clusterDomain: 'cluster.local',
  });
  const namespace = header.proxy.slice(0, header.proxy.indexOf('/'));
  const { failures } = pipeline.apply({
    ...toPipelineChanges(parsed.changes),
    demand: new Map(header.demand.map((name) => [name, true])),
    namespaceDemand: new Map(header.demand.map((name) => [`${namespace}|${name}`, true])),
  });
  for (const { error } of failures) throw error;
  const found = [...pipeline.diagnostics().values()].flat();
  return {
    header,
    pipeline,
    resources: pipeline.resources(header.proxy),
    diagnostics: [...parsed.diagnostics, ...found],
  };
}

/** The message of a resource, in Envoy's own spelling. */
export function messageOf({ typeUrl, resource }: ScopedResource): unknown {
  return resource === undefined ? undefined : decodeUnknown(typeUrl, resource.bytes);
}

/** The text of `<case>.out.yaml`. */
export function formatGolden(run: GoldenRun): string {
  const shown = (section: string): boolean => run.header.show?.includes(section) ?? true;
  const sections = Object.entries(sectionTypes)
    .filter(([section]) => shown(section))
    .map(([section, typeUrl]) => [
      section,
      run.resources.filter((resource) => resource.typeUrl === typeUrl).map(formatResource),
    ]);
  const output = {
    ...(shown('diagnostics') ? { diagnostics: run.diagnostics.map(formatDiagnostic) } : {}),
    ...(Object.fromEntries(sections) as Readonly<Record<string, unknown>>),
  };
  return `# written by npm run golden\n${stringify(output, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}

function formatDiagnostic(diagnostic: Diagnostic): string {
  const { code, severity, object, field, value, message } = diagnostic;
  const place = object === undefined ? '' : `${object.kind} ${object.namespace}/${object.name}`;
  const found = value === undefined ? '' : ` = ${value}`;
  return `${severity} ${code} ${place} ${field ?? ''}${found}: ${message}`;
}

function formatResource(row: ScopedResource): unknown {
  const origins = row.resource?.origins.map(({ object }) => object) ?? [];
  return {
    scope: row.scope,
    ...(row.resource?.isEager === true ? {} : { onDemand: true }),
    ...(origins.length === 0 ? {} : { origins: [...new Set(origins)] }),
    message: messageOf(row),
  };
}
