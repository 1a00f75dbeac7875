/** Who a stream is: from its token and the pods that are known, never from what the stream says of itself. */
import type { TokenVerifier, WorkloadIdentity } from '../ca/index.js';
import { fail, ok, type Result } from '../lib/index.js';
import { podKey, type Pod } from '../model/index.js';

/** Why a stream is refused; the gRPC codes UNAUTHENTICATED, PERMISSION_DENIED, UNAVAILABLE and RESOURCE_EXHAUSTED. */
export interface Refusal {
  readonly code: 'unauthenticated' | 'permission-denied' | 'unavailable' | 'resource-exhausted';
  readonly reason: string;
  readonly message: string;
}

const bearer = /^Bearer (\S+)$/;

/** The identity behind an `authorization` header, or why there is none. Messages never carry the token. */
export async function authenticate(
  verifier: TokenVerifier,
  authorization: string | undefined,
): Promise<Result<WorkloadIdentity, Refusal>> {
  const token = bearer.exec(authorization ?? '')?.[1] ?? '';
  const verified = await verifier.verify(token);
  if (verified.ok) return verified;
  if (verified.error === 'undecided') {
    return fail({
      code: 'unavailable',
      reason: verified.error,
      message: 'whether the token is good cannot be found out now',
    });
  }
  return fail({
    code: 'unauthenticated',
    reason: verified.error,
    message: `the token is refused: ${verified.error}`,
  });
}

/** Checks an authenticated identity against the pod it speaks for and the node id it claims. */
export function admit(
  identity: WorkloadIdentity,
  nodeId: string,
  pod: Pod | undefined,
): Result<Pod, Refusal> {
  const name = podKey(identity.namespace, identity.podName);
  const refuse = (reason: string, message: string): Result<Pod, Refusal> =>
    fail({ code: 'permission-denied', reason, message });
  if (nodeId !== name) {
    return refuse('node-id', `the token is ${name}’s, but the node calls itself ${nodeId}`);
  }
  if (pod === undefined) return refuse('unknown-pod', `pod ${name} is not known (yet)`);
  if (pod.uid !== identity.podUid) {
    return refuse('pod-uid', `the token is of an earlier pod ${name}`);
  }
  if (pod.serviceAccount !== identity.serviceAccount) {
    return refuse(
      'service-account',
      `pod ${name} runs as ${pod.serviceAccount}, but the token is ${identity.serviceAccount}’s`,
    );
  }
  const { nodeName = pod.nodeName } = identity;
  // A pod is bound to its node before it gets a token, but we may not have heard of that yet.
  if (pod.nodeName !== undefined && nodeName !== pod.nodeName) {
    return refuse('wrong-node', `pod ${name} runs on another node than its token says`);
  }
  if (!pod.isInMesh) return refuse('not-in-mesh', `pod ${name} is not marked as having a sidecar`);
  if (pod.isFinished) return refuse('finished', `pod ${name} has ended`);
  return ok(pod);
}
