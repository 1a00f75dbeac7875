/** What sections that speak of HTTP alone make of everything else. */
import type { AuthorizationRuleIr, Origin } from '../../ir/index.js';
import type { Finding } from '../to-ir/finding.js';
import type { Speaker } from '../to-ir/settings.js';

/** The refusal of all that a port is sent and that is not taken for HTTP: to the app it may be. */
export function refusalOfAll(name: string, origins: readonly Origin[]): AuthorizationRuleIr {
  return { name, from: [], to: [], when: [], alsoWithoutIdentity: false, origins };
}

/** Says of each policy that its section is not applied to a port without HTTP. */
export function findSkipped(
  speakers: readonly Speaker<unknown>[],
  port: number | undefined,
  { field, message }: Pick<Finding, 'message'> & { readonly field: string },
): readonly Finding[] {
  return speakers.map(({ policy }) => ({
    object: `TrafficPolicy ${policy.key}`,
    code: 'HttpRuleOnTcpPort',
    severity: 'warning',
    field,
    message,
    ports: [port ?? 0],
  }));
}
