/** TrafficPolicy (skerry.dev/v1alpha1): the whole schema checked, refused whole when any part is. */
import { z } from 'zod';
import {
  policyKey,
  type Diagnostic,
  type RefusedPolicy,
  type TrafficPolicy,
} from '../../model/index.js';
import { hashJson } from './canonical-json.js';
import { child, readItems, refuse, type Cursor } from './cursor.js';
import { formatFieldPath } from './field-path.js';
import { openObject, type ApiKind, type OpenObject } from './header.js';
import { checkSchema } from './policy/check.js';
import { readInbound, type Inbound } from './policy/inbound.js';
import { toEgressSetting } from './policy/egress.js';
import { toOutboundSetting } from './policy/outbound.js';
import { outboundSchema } from './policy/outbound-schema.js';
import { toRefusedPolicy } from './policy/refused.js';
import { readRoutes } from './policy/routes.js';
import { openSection } from './policy/section.js';
import { checkSections } from './policy/sections-allowed.js';
import { readTargets, type Targets } from './policy/target-refs.js';
import { telemetrySchema } from './policy/telemetry-schema.js';
import { prototypeKeys, treeProblem } from './tree.js';

/** The API of TrafficPolicies. */
export const trafficPolicyApi: ApiKind = {
  group: 'skerry.dev',
  version: 'v1alpha1',
  kind: 'TrafficPolicy',
  isNamespaced: true,
};

/** What the reading of a policy depends on. */
export interface PolicyOptions {
  /** The namespace whose policies may speak for the whole mesh. */
  readonly rootNamespace: string;
}

/** Either a policy, or what is known of a refused one; neither when the object has no usable name. */
export interface ParsedPolicy {
  readonly policy?: TrafficPolicy;
  readonly refused?: RefusedPolicy;
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads a TrafficPolicy; every finding is in the diagnostics, and one error refuses it whole. */
export function parseTrafficPolicy(object: unknown, options: PolicyOptions): ParsedPolicy {
  const opened = openObject(object, trafficPolicyApi);
  if (!opened.ok) return { diagnostics: opened.error };
  const { ref, root, findings, creationTimestampMs } = opened.value;
  const place = { namespace: ref.namespace, rootNamespace: options.rootNamespace };
  const spec = child(root, 'spec');
  const problem = treeProblem(object);
  if (problem !== undefined) {
    findings.add(problem);
    const header = { ...ref, creationTimestampMs, hash: hashJson(problem) };
    const refused = toRefusedPolicy(header, spec.value, { targets: [], hasUnreadable: true });
    return { refused, diagnostics: findings.list() };
  }
  const targets = readTargets(child(spec, 'targetRefs'), place);
  const sections = readSections(spec, ref.namespace);
  checkSections(spec, targets.targets, ref.namespace);
  refusePrototypeKeys(spec);
  return conclude(opened.value, targets, sections);
}

interface Sections extends Inbound {
  readonly mode: TrafficPolicy['mode'];
  readonly routes?: NonNullable<TrafficPolicy['routes']>;
  readonly egress?: NonNullable<TrafficPolicy['egress']>;
  readonly outbound?: NonNullable<TrafficPolicy['outbound']>;
}

/** `spec.mode`. */
export const modeSchema = z.enum(['Enforce', 'Audit', 'Disabled']);

function readSections(spec: Cursor, ownNamespace: string): Sections {
  const fields = ['targetRefs', 'mode', 'routes', 'outbound', 'inbound', 'telemetry'];
  const section = openSection(spec, fields);
  if (section === undefined) return { mode: 'Enforce' };
  const mode = section.has('mode') ? checkSchema(child(spec, 'mode'), modeSchema) : 'Enforce';
  const routes = section.has('routes')
    ? readRouteList(child(spec, 'routes'), ownNamespace)
    : undefined;
  const inbound = section.has('inbound') ? readInbound(child(spec, 'inbound')) : {};
  const entry = section.has('outbound')
    ? checkSchema(child(spec, 'outbound'), outboundSchema)
    : undefined;
  if (section.has('telemetry')) checkSchema(child(spec, 'telemetry'), telemetrySchema);
  const outbound = entry === undefined ? undefined : toOutboundSetting(entry, ownNamespace);
  const egress = entry?.egress === undefined ? undefined : toEgressSetting(entry.egress);
  return {
    mode: mode ?? 'Enforce',
    ...(routes === undefined ? {} : { routes }),
    ...inbound,
    ...(egress === undefined ? {} : { egress }),
    ...(outbound === undefined ? {} : { outbound }),
  };
}

/** The schemas pass over these keys where any key may stand. */
function refusePrototypeKeys(spec: Cursor): void {
  const { findings } = spec;
  const named = new Set(findings.list().map(({ field }) => field));
  for (const path of prototypeKeys(spec.value)) {
    const whole = [...spec.path, ...path];
    if (!named.has(formatFieldPath(whole))) findings.add({ path: whole, message: 'unknown field' });
  }
}

function readRouteList(cursor: Cursor, ownNamespace: string): TrafficPolicy['routes'] {
  if (cursor.value !== null) return readRoutes(cursor, ownNamespace);
  refuse(cursor, 'expected a list, found null');
  return readItems(cursor).length === 0 ? undefined : [];
}

function conclude(opened: OpenObject, read: Targets, sections: Sections): ParsedPolicy {
  const { ref, root, findings, creationTimestampMs } = opened;
  const { namespace, name } = ref;
  const spec = child(root, 'spec').value;
  const header = { namespace, name, creationTimestampMs, hash: hashJson(spec) };
  const diagnostics = findings.list();
  if (findings.hasErrors()) {
    return { refused: toRefusedPolicy(header, spec, read), diagnostics };
  }
  const policy: TrafficPolicy = {
    kind: 'TrafficPolicy',
    key: policyKey(namespace, name),
    ...header,
    targets: read.targets,
    ...sections,
  };
  return { policy, diagnostics };
}
