/** Callers that nothing in a mesh can tell apart: of each class one is judged for all. */
import type { CallerIr, CallerTermIr, InboundPortIr } from '../../../ir/index.js';
import { spiffeId, type Pod } from '../../../model/index.js';
import { meetsTerm } from '../judge.js';
import { rulesOf } from './requests.js';

/** Pods of one kind: the same namespace, account and labels. */
export interface CallerClass {
  /** `namespace/pod` of the first, or what the pods have in common. */
  readonly name: string;
  readonly before: Pod;
  readonly after: Pod;
}

/** Labels that differ among the pods of one workload: Kubernetes, well-known labels. */
const ownLabels: ReadonlySet<string> = new Set([
  'pod-template-hash',
  'controller-revision-hash',
  'statefulset.kubernetes.io/pod-name',
  'apps.kubernetes.io/pod-index',
  'batch.kubernetes.io/controller-uid',
  'batch.kubernetes.io/job-completion-index',
  'batch.kubernetes.io/job-name',
  'controller-uid',
  'job-name',
]);

/** The classes that are there both before and after, and how many come or go. */
export function classifyCallers(
  before: Iterable<Pod>,
  after: Iterable<Pod>,
): { readonly classes: readonly CallerClass[]; readonly new: number; readonly gone: number } {
  const former = firstOfEach(before);
  const next = firstOfEach(after);
  const classes = [...next]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, pod]) => {
      const earlier = former.get(key);
      return earlier === undefined ? [] : [{ name: pod.key, before: earlier, after: pod }];
    });
  const kept = classes.length;
  return { classes, new: next.size - kept, gone: former.size - kept };
}

function firstOfEach(pods: Iterable<Pod>): ReadonlyMap<string, Pod> {
  const first = new Map<string, Pod>();
  for (const pod of pods) {
    if (pod.isFinished || pod.isHostNetwork || pod.ips.length === 0) continue;
    const { namespace, serviceAccount, isInMesh, labels } = pod;
    const kept = Object.keys(labels)
      .filter((name) => !ownLabels.has(name))
      .sort()
      .map((name) => `${name}=${labels[name] ?? ''}`);
    const key = JSON.stringify([namespace, serviceAccount, isInMesh, kept]);
    const former = first.get(key);
    if (former === undefined || pod.key < former.key) first.set(key, pod);
  }
  return first;
}

/** The terms by which the rules of these ports tell callers apart. */
export function termsOf(ports: readonly InboundPortIr[]): readonly CallerTermIr[] {
  const terms = new Map<string, CallerTermIr>();
  const add = ({ all, not }: CallerIr): void => {
    for (const term of all.flat()) terms.set(JSON.stringify(term), term);
    for (const each of not) add(each);
  };
  for (const { http, tcp } of ports) {
    for (const { from } of [...rulesOf(http), ...rulesOf(tcp)]) for (const each of from) add(each);
  }
  return [...terms.values()];
}

/** Which of the terms a caller meets, as text. */
export function signatureOf(pod: Pod, terms: readonly CallerTermIr[], trustDomain: string): string {
  const { namespace, serviceAccount, isInMesh, ips } = pod;
  if (terms.length === 0) return isInMesh ? 'm' : 'p';
  const peer = {
    ...(isInMesh && { spiffeId: spiffeId(trustDomain, namespace, serviceAccount) }),
    ip: ips[0] ?? '0.0.0.0',
  };
  return `${isInMesh ? 'm' : 'p'}${terms.map((term) => (meetsTerm(term, peer) ? '1' : '0')).join('')}`;
}
