/** Which sections make sense for which kind of target. */
import type { PolicyTarget } from '../../../model/index.js';
import { child, descend, type Cursor } from '../cursor.js';

interface SectionRule {
  readonly path: readonly string[];
  readonly kinds: readonly PolicyTarget['kind'][];
  readonly remedy: string;
}

const rules: readonly SectionRule[] = [
  { path: ['routes'], kinds: ['Service'], remedy: 'write the routes in a policy for the Service' },
  {
    path: ['outbound', 'egress'],
    kinds: ['Namespace', 'Mesh'],
    remedy: 'write egress in a policy for the Namespace or the Mesh',
  },
  {
    path: ['telemetry'],
    kinds: ['Namespace', 'Mesh', 'Pod'],
    remedy: 'write telemetry in a policy for a Namespace, the Mesh or Pods',
  },
];

/** Refuses the sections that have no meaning for these targets. */
export function checkSections(
  spec: Cursor,
  targets: readonly PolicyTarget[],
  ownNamespace: string,
): void {
  for (const { path, kinds, remedy } of rules) {
    const place = descend(spec, ...path);
    const wrong = targets.find(({ kind }) => !kinds.includes(kind));
    if (place.value === undefined || wrong === undefined) continue;
    const message = `${path.join('.')} has no meaning for targets of kind ${wrong.kind}`;
    spec.findings.add({ path: place.path, message, remedy });
  }
  checkCredential(spec, targets, ownNamespace);
  const foreign = targets.find(
    (target) => target.kind === 'Service' && target.namespace !== ownNamespace,
  );
  const inbound = child(spec, 'inbound');
  if (foreign?.kind !== 'Service' || inbound.value === undefined) return;
  spec.findings.add({
    code: 'TargetNotAllowed',
    path: inbound.path,
    message: `only policies in ${foreign.namespace} may say what ${foreign.namespace}/${foreign.name} accepts`,
    remedy: `move inbound to a policy in ${foreign.namespace}; a consumer’s policy has routes and outbound only`,
  });
}

/** A certificate is the caller's: only who speaks of his own calls may have it shown. */
function checkCredential(
  spec: Cursor,
  targets: readonly PolicyTarget[],
  ownNamespace: string,
): void {
  const place = descend(spec, 'outbound', 'tls', 'credential');
  const wrong = targets.find(
    (target) =>
      target.kind !== 'Pod' && (target.kind !== 'Service' || target.namespace === ownNamespace),
  );
  if (place.value === undefined || wrong === undefined) return;
  const what = wrong.kind === 'Service' ? 'a Service of the policy’s own namespace' : wrong.kind;
  spec.findings.add({
    path: place.path,
    message: `outbound.tls.credential is of callers, and ${what} is what is called`,
    remedy:
      'write it in a policy for the callers’ Pods, or in a consumer’s for a Service of another namespace',
  });
}
