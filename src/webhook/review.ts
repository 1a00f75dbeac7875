/** AdmissionReview (admission.k8s.io/v1) in and out: whatever comes in, an answer goes out. */
import { decide } from './decide.js';
import { checkPodShape, injectPod } from './inject.js';
import { isMap, isModestJson, mapAt, ownValue, textOf, type JsonMap } from './json.js';
import { patchOf, spellOperation } from './patch.js';
import type { InjectionSettings } from './settings.js';

/** An HTTP answer. */
export interface ReviewAnswer {
  readonly status: 200 | 400;
  readonly body: JsonMap;
  /** What was decided, for logs and counters. */
  readonly outcome: 'injected' | 'skipped' | 'refused' | 'malformed';
}

const apiVersion = 'admission.k8s.io/v1';
const kind = 'AdmissionReview';
// Kubernetes cuts warnings beyond 4096 characters in all and asks for 120 each.
const maxWarnings = 16;
const maxWarningLength = 240;
const maxMessageLength = 2048;

function malformed(error: string): ReviewAnswer {
  return { status: 400, body: { error }, outcome: 'malformed' };
}

function answer(uid: string, response: JsonMap, outcome: ReviewAnswer['outcome']): ReviewAnswer {
  return { status: 200, body: { apiVersion, kind, response: { uid, ...response } }, outcome };
}

function refuse(uid: string, reasons: readonly string[]): ReviewAnswer {
  const message = `skerry cannot inject this pod: ${reasons.join('; ')}`.slice(0, maxMessageLength);
  const status = { status: 'Failure', reason: 'Invalid', code: 422, message };
  return answer(uid, { allowed: false, status }, 'refused');
}

/** Answers a request; 400 where it is no AdmissionReview of a pod's creation, and never throws for its input. */
export function reviewPod(body: unknown, settings: InjectionSettings): ReviewAnswer {
  if (!isModestJson(body)) return malformed('expected JSON at most 64 levels deep');
  if (!isMap(body) || body['apiVersion'] !== apiVersion || body['kind'] !== kind) {
    return malformed(`expected ${kind} of ${apiVersion}`);
  }
  const request = mapAt(body, 'request');
  const uid = textOf(request, 'uid');
  if (uid === undefined || uid === '' || uid.length > 128) {
    return malformed('expected request.uid to be a text of at most 128 characters');
  }
  const asked = mapAt(request, 'kind');
  const isPod = textOf(asked, 'kind') === 'Pod' && (textOf(asked, 'group') ?? '') === '';
  const isCreation = textOf(request, 'operation') === 'CREATE';
  // What was not asked for is let pass: a wrong rule in the configuration must not stop a cluster.
  if (!isPod || !isCreation) return answer(uid, { allowed: true }, 'skipped');
  return reviewCreation(uid, request, settings);
}

function reviewCreation(uid: string, request: JsonMap, settings: InjectionSettings): ReviewAnswer {
  const pod = ownValue(request, 'object');
  const problems = checkPodShape(pod);
  if (!isMap(pod) || problems.length > 0) return refuse(uid, problems);
  const namespace = textOf(request, 'namespace') ?? '';
  const decision = decide({ pod, namespace, settings });
  if (decision.kind === 'skip') return answer(uid, { allowed: true }, 'skipped');
  if (decision.kind === 'refuse') return refuse(uid, [decision.reason]);
  const injected = injectPod(pod, settings);
  if (!injected.ok) return refuse(uid, injected.error);
  const { warnings } = injected.value;
  const patch = JSON.stringify(patchOf(pod, injected.value.pod).map(spellOperation));
  const shown = warnings.slice(0, maxWarnings).map((text) => text.slice(0, maxWarningLength));
  const response = {
    allowed: true,
    patchType: 'JSONPatch',
    patch: Buffer.from(patch).toString('base64'),
    ...(shown.length === 0 ? {} : { warnings: shown }),
  };
  return answer(uid, response, 'injected');
}
