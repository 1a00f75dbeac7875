/** What can be known of a policy that is refused: whom it was about and what must fail closed. */
import { policyKey, type PolicyTarget, type RefusedPolicy } from '../../../model/index.js';
import { isMap, ownField } from '../cursor.js';
import { nearestName } from '../nearest.js';
import type { Targets } from './target-refs.js';

/** What is known besides the spec. */
export interface RefusedHeader {
  readonly namespace: string;
  readonly name: string;
  readonly creationTimestampMs: number;
  readonly hash: string;
}

/**
 * Errs towards closed: one target that cannot be read makes it the whole namespace, and a misspelled
 * section counts as the one that was meant. Targets that the policy may not speak for are left out,
 * so that nobody can close what is not theirs.
 */
export function toRefusedPolicy(
  header: RefusedHeader,
  spec: unknown,
  read: Targets,
): RefusedPolicy {
  const mode = ownField(spec, 'mode');
  const isInForce = mode !== 'Audit' && mode !== 'Disabled';
  const targets = read.targets.filter((target) => isOwn(target, header.namespace));
  return {
    kind: 'RefusedPolicy',
    key: policyKey(header.namespace, header.name),
    namespace: header.namespace,
    name: header.name,
    creationTimestampMs: header.creationTimestampMs,
    hash: header.hash,
    ...(read.hasUnreadable ? {} : { targets }),
    spokeOfMtls: isInForce && spokeOf(spec, 'mtls'),
    spokeOfAuthorization: isInForce && (spokeOf(spec, 'authorization') || spokeOf(spec, 'jwt')),
  };
}

function isOwn(target: PolicyTarget, ownNamespace: string): boolean {
  return target.kind !== 'Service' || target.namespace === ownNamespace;
}

const specFields = ['targetRefs', 'mode', 'routes', 'outbound', 'inbound', 'telemetry'];
const inboundFields = ['mtls', 'authorization', 'jwt', 'rateLimit', 'connections'];

function spokeOf(spec: unknown, section: 'mtls' | 'authorization' | 'jwt'): boolean {
  return fieldsMeant(spec, 'inbound', specFields).some((inbound) => {
    // An inbound that is not a map cannot be read at all.
    if (!isMap(inbound)) return inbound !== null;
    return fieldsMeant(inbound, section, inboundFields).length > 0;
  });
}

/** The values of the fields that are called `name`, or nearly so. */
function fieldsMeant(map: unknown, name: string, known: readonly string[]): readonly unknown[] {
  if (!isMap(map)) return [];
  return Object.keys(map)
    .filter((key) => key === name || (!known.includes(key) && nearestName(key, known) === name))
    .map((key) => map[key])
    .filter((value) => value !== undefined);
}
