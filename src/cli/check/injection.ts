/** Whether pods get their sidecars: one created now, and those that are there. */
import { KubernetesApiError } from '../../sources/index.js';
import { injectedNames } from '../../webhook/index.js';
import { listAt, textAt } from '../cluster/objects.js';
import { installedOptions } from '../install/installed.js';
import { defaultInstall, imagesOf } from '../install/options.js';
import { enrolledNamespaces, modestPod, tryPod } from './admission.js';
import type { Check, CheckFinding, CheckOutcome } from './check.js';
import type { CheckCode } from './codes.js';
import { eachOf, type Facts } from './facts.js';
import type { MeshPod } from './mesh-pod.js';

function codeOfRefusal(message: string): CheckCode {
  if (message.includes('failed calling webhook')) return 'WebhookUnreachable';
  return message.includes('violates PodSecurity') ? 'RedirectionForbidden' : 'InjectionRefused';
}

/** What becomes of a pod that is created in a namespace now; nothing is created. */
async function tryIn(facts: Facts, namespace: string): Promise<readonly CheckFinding[]> {
  try {
    const pod = await tryPod(facts, namespace, modestPod({}));
    const names = listAt(pod, 'spec', 'initContainers').map((one) => textAt(one, 'name'));
    if (names.includes(injectedNames.proxy)) return [];
    return [
      { code: 'NotInjected', says: `namespace ${namespace}: it has no ${injectedNames.proxy}` },
    ];
  } catch (error) {
    if (!(error instanceof KubernetesApiError) || error.status === 0 || error.status === 401)
      throw error;
    if (error.message.includes('cannot create resource')) throw error;
    const message = error.message.replace(/^.*?: \d+ \w*: /, '');
    return [{ code: codeOfRefusal(message), says: `namespace ${namespace}: ${message}` }];
  }
}

/** Whether a pod created now in each enrolled namespace gets a sidecar: the API server calls the webhook for it. */
export const injectionCheck: Check = {
  name: 'injection',
  needs: ['webhook'],
  async look(facts): Promise<CheckOutcome> {
    const namespaces = await enrolledNamespaces(facts);
    const findings = (await eachOf(namespaces, (one) => tryIn(facts, one))).flat();
    const where = namespaces.length === 0 ? 'no namespace is enrolled' : namespaces.join(', ');
    return { says: `tried without creating anything: ${where}`, findings };
  },
};

/** `3 pods of shop`, for each namespace that has some. */
export function countByNamespace(pods: readonly MeshPod[]): readonly string[] {
  const namesIn = new Map<string, string[]>();
  for (const { name, namespace } of pods) {
    namesIn.set(namespace, [...(namesIn.get(namespace) ?? []), name]);
  }
  return [...namesIn].sort().map(([namespace, names]) => {
    const example = names.length === 1 ? '' : `, one is ${names[0] ?? ''}`;
    const count =
      names.length === 1 ? (names[0] ?? '') : `${String(names.length)} pods of ${namespace}`;
    return `${count}${example}`;
  });
}

function isOutdated(
  pod: MeshPod,
  images: { readonly skerry: string; readonly envoy: string },
): boolean {
  return Object.entries(pod.images).some(
    ([container, image]) =>
      image !== (container === injectedNames.proxy ? images.envoy : images.skerry),
  );
}

/** Whether the pods that are there have the sidecars that they would get now. */
export const sidecarsCheck: Check = {
  name: 'sidecars',
  needs: ['installation'],
  async look(facts): Promise<CheckOutcome> {
    const pods = await facts.pods();
    const enrolled = new Set(await enrolledNamespaces(facts));
    const installed = installedOptions(await facts.deployment());
    const images = imagesOf({ ...defaultInstall, ...installed });
    const withSidecar = pods.filter(({ hasSidecar }) => hasSidecar);
    const without = pods.filter(
      (pod) => pod.wantsSidecar && !pod.hasSidecar && enrolled.has(pod.namespace),
    );
    // Where somebody has changed the images' names, they cannot be compared.
    const isKnown = installed.registry !== undefined;
    const outdated = isKnown ? withSidecar.filter((pod) => isOutdated(pod, images)) : [];
    const findingsOf = (code: CheckCode, found: readonly MeshPod[]): readonly CheckFinding[] =>
      countByNamespace(found).map((says) => ({ code, says }));
    return {
      says: `${String(withSidecar.length)} pods have one`,
      findings: [
        ...findingsOf('PodsWithoutSidecar', without),
        ...findingsOf('SidecarsOutdated', outdated),
      ],
    };
  },
};
