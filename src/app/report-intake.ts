/** What sidecars report: calls that policies in mode Audit would have refused, and calls in plaintext; who may report, and of what. */
import type { TokenVerifier } from '../ca/index.js';
import { decodeAccessLogs } from '../envoy/index.js';
import { fail, ok, type Clock } from '../lib/index.js';
import { podKey, policyKey, type Pod, type PodKey, type PolicyKey } from '../model/index.js';
import { auditPolicyTag, plaintextTag } from '../translators/index.js';
import type { Intake, Refusal as StreamRefusal } from '../xds/index.js';
import { admit, authenticate } from './identity.js';
import type { TurnAway } from './refusals.js';

/** Where reports go, and what they are held against. */
export interface ReportIntakeOptions {
  readonly verifier: TokenVerifier;
  readonly clock: Clock;
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

/** Envoy's buffer is 16 KiB (`buffer_size_bytes` of its gRPC access logs); entries do not come by the megabyte. */
const maxMessageBytes = 1024 * 1024;
/** A sidecar has a few for each of its workers. */
const maxStreamsPerPod = 256;

/** The intake, which can be told that a pod is gone. */
export interface ReportIntake extends Intake {
  /** Ends what a pod has open. */
  closePod(pod: string, reason: string): void;
}

/**
 * The access log service. A sidecar reports in its own name, proved by its token, and of policies that
 * reach it, so that nobody can accuse callers of another's workloads. As a stream of discovery does, its
 * stream ends with its token and with its pod; the sidecar comes again with the token it has then.
 */
export function createReportIntake(options: ReportIntakeOptions): ReportIntake {
  const { verifier, clock, turnAway, podOf } = options;
  // Of each pod the oldest first.
  const open = new Map<string, Set<(refusal: StreamRefusal) => void>>();
  return {
    path,
    async open(metadata, peer, end) {
      const found = await authenticate(verifier, metadata.get('authorization'));
      if (!found.ok) return fail(turnAway(found.error, peer));
      const { namespace, podName, expiresAtMs } = found.value;
      const name = podKey(namespace, podName);
      const admitted = admit(found.value, name, podOf(name));
      if (!admitted.ok) return fail(turnAway(admitted.error, peer, name));
      const own = open.get(name) ?? new Set();
      open.set(name, own.add(end));
      const cancel = clock.after(Math.max(0, expiresAtMs - clock.now()), () => {
        end({ code: 'unauthenticated', message: 'the credentials have expired' });
      });
      const [oldest] = own;
      if (own.size > maxStreamsPerPod) oldest?.(replaced);
      return ok({
        take: (bytes) => {
          takeReports(options, admitted.value.key, bytes);
        },
        closed: () => {
          cancel();
          own.delete(end);
          if (own.size === 0 && open.get(name) === own) open.delete(name);
        },
      });
    },
    closePod(pod, reason): void {
      for (const end of [...(open.get(pod) ?? [])]) {
        end({ code: 'failed-precondition', message: reason });
      }
    },
  };
}

const replaced: StreamRefusal = {
  code: 'resource-exhausted',
  message: 'newer streams of the same pod have taken its place',
};

function takeReports(options: ReportIntakeOptions, pod: PodKey, bytes: Uint8Array): void {
  if (bytes.length > maxMessageBytes) {
    throw new RangeError(`expected reports of at most ${String(maxMessageBytes)} bytes`);
  }
  const own = new Set(options.policiesOf(pod));
  for (const { peerUris, peerAddress, localPort, tags } of decodeAccessLogs(bytes)) {
    if (tags.has(plaintextTag)) {
      options.notePlaintext(pod, localPort, peerAddress.slice(0, maxAddressLength));
      continue;
    }
    const policy = policyOf(tags.get(auditPolicyTag) ?? '');
    if (policy === undefined || !own.has(policy)) continue;
    const [caller = `${peerAddress} (without identity)`] = peerUris;
    options.noteWouldDeny(policy, caller.slice(0, maxCallerLength));
  }
}

/** The policy of a rule's name: `namespace/policy/rule`. */
function policyOf(rule: string): PolicyKey | undefined {
  const [namespace = '', name = '', ...rest] = rule.split('/');
  return rest.length === 0 ? undefined : policyKey(namespace, name);
}
