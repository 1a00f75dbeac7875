/** What sidecars report of calls that policies in mode Audit would have refused: who may report, and of what. */
import type { TokenVerifier } from '../ca/index.js';
import { decodeAccessLogs } from '../envoy/index.js';
import { fail, ok, type Logger, type Result } from '../lib/index.js';
import { policyKey, type Pod, type PodKey, type PolicyKey } from '../model/index.js';
import { auditPolicyTag } from '../translators/index.js';
import type { Intake, IntakeStream, Refusal as StreamRefusal } from '../xds/index.js';
import { admit, authenticate } from './identity.js';

/** Where reports go, and what they are held against. */
export interface AuditIntakeOptions {
  readonly verifier: TokenVerifier;
  readonly logger: Logger;
  /** The pod as the source has it now. */
  readonly podOf: (key: string) => Pod | undefined;
  /** The policies that reach a pod by its own inbound side. */
  readonly policiesOf: (pod: PodKey) => readonly PolicyKey[];
  readonly note: (policy: PolicyKey, caller: string) => void;
  /** A stream was refused. */
  readonly onRefused: (reason: string) => void;
}

const path = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs';
const maxCallerLength = 256;

/**
 * The access log service. A sidecar reports in its own name, proved by its token, and of policies that
 * reach it, so that nobody can accuse callers of another's workloads.
 */
export function createAuditIntake(options: AuditIntakeOptions): Intake {
  const { verifier, logger, policiesOf, note } = options;
  const refuse = (reason: string, refusal: StreamRefusal): Result<never, StreamRefusal> => {
    options.onRefused(reason);
    logger.warn('a report was refused', { reason, detail: refusal.message });
    return fail(refusal);
  };
  return {
    path,
    async open(metadata): Promise<Result<IntakeStream, StreamRefusal>> {
      const found = await authenticate(verifier, metadata.get('authorization'));
      if (!found.ok) return refuse(found.error.reason, found.error);
      const { namespace, podName } = found.value;
      const name = `${namespace}/${podName}`;
      const admitted = admit(found.value, name, options.podOf(name));
      if (!admitted.ok) return refuse(admitted.error.reason, admitted.error);
      const { key } = admitted.value;
      return ok({
        message(bytes): void {
          const own = new Set(policiesOf(key));
          for (const { peerUris, peerAddress, tags } of decodeAccessLogs(bytes)) {
            const policy = policyOf(tags.get(auditPolicyTag) ?? '');
            if (policy === undefined || !own.has(policy)) continue;
            const [caller = `${peerAddress} (without identity)`] = peerUris;
            note(policy, caller.slice(0, maxCallerLength));
          }
        },
        closed: () => undefined,
      });
    },
  };
}

/** The policy of a rule's name: `namespace/policy/rule`. */
function policyOf(rule: string): PolicyKey | undefined {
  const [namespace = '', name = '', ...rest] = rule.split('/');
  return rest.length === 0 ? undefined : policyKey(namespace, name);
}
