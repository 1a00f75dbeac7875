/** Test support: policies of which most is left out, and what is found wrong in them. */
import { parseTrafficPolicy, type ParsedPolicy } from '../traffic-policy.js';

/** A target of policies of the namespace. */
export const service = { kind: 'Service', name: 'reviews' };
/** All pods of the namespace as a target. */
export const namespace = { kind: 'Namespace' };
export const selector = { matchLabels: { app: 'a' } };

/** The policy `p` with this spec. */
export function parse(spec: unknown, inNamespace = 'shop'): ParsedPolicy {
  const metadata = { name: 'p', namespace: inNamespace };
  const object = { apiVersion: 'skerry.dev/v1alpha1', kind: 'TrafficPolicy', metadata, spec };
  return parseTrafficPolicy(object, { rootNamespace: 'skerry-system' });
}

/** What is wrong with a spec, as `Code field`. */
export function found(spec: unknown, inNamespace?: string): readonly string[] {
  return parse(spec, inNamespace).diagnostics.map(({ code, field }) => `${code} ${field ?? ''}`);
}

/** The spec with one route of these fields. */
export function route(fields: object): unknown {
  return { targetRefs: [service], routes: [fields] };
}

/** The spec with these fields of `inbound`. */
export function inbound(fields: object): unknown {
  return { targetRefs: [namespace], inbound: fields };
}

/** The spec with these fields of `outbound`. */
export function outbound(fields: object): unknown {
  return { targetRefs: [namespace], outbound: fields };
}

/** The spec with one rule that allows, of these fields. */
export function allow(fields: object): unknown {
  return inbound({ authorization: { allow: [fields] } });
}

/** A list of the same item, so many times. */
export function repeat<T>(count: number, item: T): readonly T[] {
  return Array.from({ length: count }, () => item);
}
