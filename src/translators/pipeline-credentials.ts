/** The collections of certificates that callers show outside the mesh: who is answered when its sidecar asks for one. */
import type { Collection } from '../graph/index.js';
import { meshScope, namespaceScope, podScope, type Scope } from '../ir/index.js';
import { nameOf, namespaceOf, type Credential, type CredentialKey } from '../model/index.js';
import type { MeshContext } from './mesh.js';
import { credentialResource } from './spelled.js';
import type { ScopedResource } from './scoped-resource.js';
import type { OutboundPolicy } from './to-ir/attach-outbound.js';

interface Shown {
  readonly scope: Scope;
  readonly key: CredentialKey;
}

/**
 * Each pair in the scopes of those callers whose policies name it and of nobody else: a sidecar of
 * another namespace, or one that no such policy selects, asks for the name in vain.
 */
export function defineCredentials({
  graph,
  tables,
}: MeshContext): readonly Collection<ScopedResource>[] {
  const consumers = graph.expand('consumers-credentials', tables.outboundPolicies, (policy) =>
    isConsumers(policy) ? shown(namespaceScope(policy.namespace), [policy]) : [],
  );
  const callers = graph.expand('callers-credentials', tables.callers, ({ pod, caller }) =>
    shown(podScope(namespaceOf(pod), nameOf(pod)), caller.policies),
  );
  return [consumers, callers].map((rows) =>
    graph.derive(`encoded-${rows.name}`, rows, ({ scope, key }, _key, read) => {
      const found: Credential | undefined = read.get(tables.credentials, key);
      return found?.pair === undefined ? undefined : credentialResource(scope, key, found.pair);
    }),
  );
}

/** Whether it speaks of its own namespace's calls to a Service of another. */
function isConsumers({ namespace, targets }: OutboundPolicy): boolean {
  return targets.some((target) => target.kind === 'Service' && target.namespace !== namespace);
}

function shown(
  scope: Scope,
  policies: readonly OutboundPolicy[],
): readonly (readonly [string, Shown])[] {
  return policies.flatMap(({ namespace, says }) => {
    const key = says.tls?.credential;
    // The parser makes no other; a pair is its own namespace's whatever comes.
    if (key === undefined || namespaceOf(key) !== namespace || scope === meshScope) return [];
    return [[`${scope}|${key}`, { scope, key }] as const];
  });
}
