/** Which checks there are, in the order in which they are made. */
import { enrolmentCheck, redirectionCheck } from './admission.js';
import type { Check } from './check.js';
import { definitionCheck, definitionConflictCheck } from './definition.js';
import { injectionCheck, sidecarsCheck } from './injection.js';
import { apiServerCheck, clockCheck, nodesCheck, versionCheck } from './nodes.js';
import { proxyChecks, type ProxyName } from './one-proxy.js';
import { permissionsCheck } from './permissions.js';
import { policiesCheck } from './policies.js';
import { proxiesCheck } from './proxies.js';
import {
  controlPlaneCheck,
  installationCheck,
  leaderCheck,
  replicasCheck,
  sourcesCheck,
} from './replicas.js';
import { authorityCheck, trustBundlesCheck, webhookCheck } from './trust.js';

/** Before an installation: nothing of ours is there yet. */
export const preChecks: readonly Check[] = [
  apiServerCheck,
  versionCheck,
  nodesCheck,
  clockCheck,
  permissionsCheck,
  definitionConflictCheck,
  enrolmentCheck,
  redirectionCheck,
];

/** Of a mesh that runs. */
export const meshChecks: readonly Check[] = [
  apiServerCheck,
  versionCheck,
  nodesCheck,
  clockCheck,
  installationCheck,
  definitionCheck,
  replicasCheck,
  controlPlaneCheck,
  leaderCheck,
  sourcesCheck,
  authorityCheck,
  webhookCheck,
  injectionCheck,
  trustBundlesCheck,
  enrolmentCheck,
  sidecarsCheck,
  proxiesCheck,
  policiesCheck,
];

/** Of one sidecar, and what it stands on. */
export function oneProxyChecks(name: ProxyName): readonly Check[] {
  return [
    apiServerCheck,
    installationCheck,
    replicasCheck,
    controlPlaneCheck,
    ...proxyChecks(name),
  ];
}
