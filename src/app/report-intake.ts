/** What sidecars report: calls that policies in mode Audit would have refused, and calls in plaintext; who may report, and of what. */
import type { TokenVerifier } from '../ca/index.js';
import { decodeAccessLogs } from '../envoy/index.js';
import { fail, ok } from '../lib/index.js';
import { podKey, policyKey, type Pod, type PodKey, type PolicyKey } from '../model/index.js';
import { auditPolicyTag, plaintextTag } from '../translators/index.js';
import type { Intake } from '../xds/index.js';
import { admit, authenticate } from './identity.js';
import type { TurnAway } from './refusals.js';

/** Where reports go, and what they are held against. */
export interface ReportIntakeOptions {
  readonly verifier: TokenVerifier;
  readonly turnAway: TurnAway;
  /** The pod as the source has it now. */
  readonly podOf: (key: string) => Pod | undefined;
  /** The policies that reach a pod by its own inbound side. */
  readonly policiesOf: (pod: PodKey) => readonly PolicyKey[];
  readonly noteWouldDeny: (policy: PolicyKey, caller: string) => void;
  /** Somebody at an address has called a port of the pod without mutual TLS. */
  readonly notePlaintext: (pod: PodKey, port: number, address: string) => void;
}

const path = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs';
const maxCallerLength = 256;
const maxAddressLength = 64;

/**
 * The access log service. A sidecar reports in its own name, proved by its token, and of policies that
 * reach it, so that nobody can accuse callers of another's workloads.
 */
export function createReportIntake(options: ReportIntakeOptions): Intake {
  const { verifier, turnAway, podOf, policiesOf, noteWouldDeny, notePlaintext } = options;
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
        for (const { peerUris, peerAddress, localPort, tags } of decodeAccessLogs(bytes)) {
          if (tags.has(plaintextTag)) {
            notePlaintext(key, localPort, peerAddress.slice(0, maxAddressLength));
            continue;
          }
          const policy = policyOf(tags.get(auditPolicyTag) ?? '');
          if (policy === undefined || !own.has(policy)) continue;
          const [caller = `${peerAddress} (without identity)`] = peerUris;
          noteWouldDeny(policy, caller.slice(0, maxCallerLength));
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
