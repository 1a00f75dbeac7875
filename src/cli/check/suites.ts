/** Which checks there are, in the order in which they are made. */
import { enrolmentCheck, redirectionCheck } from './admission.js';
import type { Check } from './check.js';
import { definitionConflictCheck } from './definition.js';
import { apiServerCheck, clockCheck, nodesCheck, versionCheck } from './nodes.js';
import { permissionsCheck } from './permissions.js';

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
