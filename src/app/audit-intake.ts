/** What sidecars report of calls that policies in mode Audit would have refused: who may report, and of what. */
import type { TokenVerifier } from '../ca/index.js';
import { decodeAccessLogs } from '../envoy/index.js';
import { fail, ok } from '../lib/index.js';
import { podKey, policyKey, type Pod, type PodKey, type PolicyKey } from '../model/index.js';
import { auditPolicyTag } from '../translators/index.js';
import type { Intake } from '../xds/index.js';
import { admit, authenticate } from './identity.js';
import type { TurnAway } from './refusals.js';

/** Where reports go, and what they are held against. */
export interface AuditIntakeOptions {
  readonly verifier: TokenVerifier;
  readonly turnAway: TurnAway;
  /** The pod as the source has it now. */
  readonly podOf: (key: string) => Pod | undefined;
  /** The policies that reach a pod by its own inbound side. */
  readonly policiesOf: (pod: PodKey) => readonly PolicyKey[];
  readonly note: (policy: PolicyKey, caller: string) => void;
}

const path = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs';
const maxCallerLength = 256;

/**
 * The access log service. A sidecar reports in its own name, proved by its token, and of policies that
 * reach it, so that nobody can accuse callers of another's workloads.
 */
export function createAuditIntake(options: AuditIntakeOptions): Intake {
  const { verifier, turnAway, podOf, policiesOf, note } = options;
  return {
    path,
    async open(metadata, peer) {
      const found = await authenticate(verifier, metadata.get('authorization'));
      if (!found.ok) return fail(turnAway(found.error, peer));
      const name = podKey(found.value.namespace, found.value.podName);
      const admitted = admit(found.value, name, podOf(name));
      if (!admitted.ok) return fail(turnAway(admitted.error, peer, name));
      const { key } = admitted.value;
      return ok((bytes) => {
        const own = new Set(policiesOf(key));
        for (const { peerUris, peerAddress, tags } of decodeAccessLogs(bytes)) {
          const policy = policyOf(tags.get(auditPolicyTag) ?? '');
          if (policy === undefined || !own.has(policy)) continue;
          const [caller = `${peerAddress} (without identity)`] = peerUris;
          note(policy, caller.slice(0, maxCallerLength));
        }
      });
    },
  };
}

/** The policy of a rule's name: `namespace/policy/rule`. */
function policyOf(rule: string): PolicyKey | undefined {
  const [namespace = '', name = '', ...rest] = rule.split('/');
  return rest.length === 0 ? undefined : policyKey(namespace, name);
}
