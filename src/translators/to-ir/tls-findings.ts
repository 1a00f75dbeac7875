/** What a policy says of TLS outside the mesh that cannot be carried out, so that such connections are refused. */
import type { Read } from '../../graph/index.js';
import {
  namespaceOf,
  serviceKey,
  type OutboundSetting,
  type PolicyTarget,
  type TrafficPolicy,
} from '../../model/index.js';
import { tlsFeature, type TlsProblem } from '../policies/tls/feature.js';
import { policyOrigin } from './attach.js';
import { outboundSpeakers, toOutboundPolicy } from './attach-outbound.js';
import type { Finding } from './finding.js';
import type { Speaker } from './settings.js';
import type { PolicyTables } from './tables.js';
import { serviceHost, tlsContext } from './tls-context.js';

/** One finding for each field; of what another policy of the same calls says the other is told. */
export function findTlsProblems(
  form: TrafficPolicy,
  read: Read,
  tables: PolicyTables,
  { rootNamespace }: { readonly rootNamespace: string },
): readonly Finding[] {
  const policy = toOutboundPolicy(form, rootNamespace);
  if (policy?.says.tls === undefined) return [];
  const own: Speaker<OutboundSetting> = { policy, rank: 0, says: policy.says };
  const { object } = policyOrigin(policy);
  const missing = tlsFeature.findMissing(own, tlsContext(undefined, read, tables));
  const unsaid = form.targets
    .flatMap((target) => unsaidAt(own, target, read, tables))
    .filter(({ problem }) => problem.value === undefined && problem.origin.object === object);
  const found = [...missing.map((problem) => ({ problem, isCertain: true })), ...unsaid];
  const byField = new Map(found.map((one) => [one.problem.field, one] as const));
  return [...byField.values()].map(({ problem, isCertain }) => ({
    object,
    code: problem.code,
    severity: isCertain ? 'error' : 'warning',
    field: problem.field,
    ...(problem.value === undefined ? {} : { value: problem.value }),
    message: `${problem.message}, so no connection is made to endpoints outside the mesh`,
  }));
}

interface Found {
  readonly problem: TlsProblem;
  /** False: another policy, of callees or callers that this one does not name, may say what is missing. */
  readonly isCertain: boolean;
}

/** What nobody says of the calls that a target means. */
function unsaidAt(
  own: Speaker<OutboundSetting>,
  target: PolicyTarget,
  read: Read,
  tables: PolicyTables,
): readonly Found[] {
  if (target.kind !== 'Service') {
    // Each callee has a name, but for addresses that nobody knows.
    const { problems } = tlsFeature.toCluster([own], tlsContext('any', read, tables));
    return problems.map((problem) => ({ problem, isCertain: false }));
  }
  const service = serviceKey(target.namespace, target.name);
  const callee = {
    namespace: namespaceOf(service),
    services: [{ service, portName: target.sectionName ?? '' }],
  };
  const caller = { namespace: own.policy.namespace, policies: [] };
  const speakers = outboundSpeakers(callee, caller, read, tables);
  const context = tlsContext(serviceHost(service), read, tables);
  return tlsFeature.toCluster(speakers, context).problems.map((problem) => ({
    problem,
    // Whose certificate is shown is each caller's affair.
    isCertain: problem.code !== 'NoCredential',
  }));
}
