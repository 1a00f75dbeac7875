/** One replica, asked on its own node: what it serves, and of when that is, while the API server cannot be asked. */
import { formatAge } from '../age.js';
import { fine, type Check, type CheckFinding, type CheckOutcome } from './check.js';
import { answerFindings, certificateFindings } from './proxies.js';
import { sourcesCheck } from './replicas.js';

const replicaCheck: Check = {
  name: 'replica',
  async look(facts): Promise<CheckOutcome> {
    const [asked] = await facts.replicas();
    const state = asked?.state;
    if (state === undefined) return fine('not known');
    const { replica, version, waiting, isLeader, startedAtMs, nowMs } = state;
    const role = isLeader ? 'leads' : 'does not lead';
    return {
      says: `${replica}, ${version}, runs for ${formatAge(nowMs - startedAtMs)} and ${role}`,
      findings: waiting.map((reason): CheckFinding => ({
        code: 'ReplicaWaiting',
        says: `${replica}: ${reason}`,
      })),
    };
  },
};

const servedCheck: Check = {
  name: 'proxies',
  async look(facts): Promise<CheckOutcome> {
    const { proxies } = await facts.proxies();
    return {
      says: `${String(proxies.length)} sidecars are connected to this replica`,
      findings: [
        ...proxies.flatMap(answerFindings),
        ...proxies.flatMap((proxy) => certificateFindings(proxy, facts.nowMs())),
      ],
    };
  },
};

/** The checks of a replica that is asked over its admin socket. */
export const oneReplicaChecks: readonly Check[] = [replicaCheck, sourcesCheck, servedCheck];
