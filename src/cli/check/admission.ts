/** Whether admission lets pods with a sidecar in, found out by dry runs: nothing is created. */
import { KubernetesApiError } from '../../sources/index.js';
import { defaultSettings, injectLabel, injectPod, type JsonMap } from '../../webhook/index.js';
import { at, textAt } from '../cluster/objects.js';
import { CommandError } from '../io.js';
import type { CheckFinding, CheckOutcome, Check } from './check.js';
import { eachOf, type Facts } from './facts.js';

type Redirection = 'init' | 'cni';

/** Namespaces whose pods get a sidecar, by their label. */
export async function enrolledNamespaces(facts: Facts): Promise<readonly string[]> {
  const all = await facts.namespaces();
  return all
    .filter((one) => textAt(one, 'metadata', 'labels', injectLabel) === 'enabled')
    .filter((one) => textAt(one, 'status', 'phase') !== 'Terminating')
    .map((one) => textAt(one, 'metadata', 'name') ?? '');
}

/** A pod that is as good as the strictest standard asks, so that what is refused is the sidecar's. */
export function modestPod(labels: Readonly<Record<string, string>>): JsonMap {
  const securityContext = {
    ...{ allowPrivilegeEscalation: false, runAsNonRoot: true, runAsUser: 65_532 },
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  };
  const resources = {
    requests: { cpu: '1m', memory: '1Mi' },
    limits: { cpu: '1m', memory: '1Mi' },
  };
  return {
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: { generateName: 'skerry-check-', labels },
    spec: {
      serviceAccountName: 'default',
      containers: [{ name: 'app', image: 'app', resources, securityContext }],
    },
  };
}

/** Creates a pod without creating it; resolves to what it would be. */
export function tryPod(facts: Facts, namespace: string, pod: JsonMap): Promise<unknown> {
  return facts.client.send({
    ...{ method: 'POST', path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods` },
    ...{ body: pod, query: { dryRun: 'All' } },
  });
}

/** A pod with its sidecar; our own webhook, where there is one, leaves it alone. */
function injectedPod(redirection: Redirection): JsonMap {
  const made = injectPod(modestPod({ [injectLabel]: 'disabled' }), {
    ...defaultSettings,
    redirection,
  });
  if (!made.ok) throw new CommandError(made.error.join('; '));
  return made.value.pod;
}

/** Why the API server does not take a pod; undefined: it does. Rejects where whoever asks may create none. */
async function refusalOf(
  facts: Facts,
  namespace: string,
  redirection: Redirection,
): Promise<string | undefined> {
  try {
    await tryPod(facts, namespace, injectedPod(redirection));
    return undefined;
  } catch (error) {
    if (!(error instanceof KubernetesApiError) || error.status < 400) throw error;
    const isUser = error.status === 401 || error.message.includes('cannot create resource');
    if (isUser || error.status >= 500 || error.status === 429) throw error;
    return error.message.replace(/^.*?: \d+ \w*: /, '');
  }
}

async function findingsIn(facts: Facts, namespace: string): Promise<readonly CheckFinding[]> {
  const refusal = await refusalOf(facts, namespace, 'init');
  if (refusal === undefined) return [];
  const says = `namespace ${namespace}: ${refusal}`;
  const withCni = await refusalOf(facts, namespace, 'cni');
  if (withCni === undefined) return [{ code: 'NeedsCniRedirection', says }];
  return [{ code: 'SidecarNotAdmitted', says: `namespace ${namespace}: ${withCni}` }];
}

/** Where an enrolment is likely to come next. */
const likely = 'default';

/** Before an installation: which redirection the cluster admits. */
export const redirectionCheck: Check = {
  name: 'redirection',
  needs: ['api-server'],
  async look(facts): Promise<CheckOutcome> {
    const enrolled = await enrolledNamespaces(facts);
    const namespaces = enrolled.length === 0 ? [likely] : enrolled;
    const findings = (await eachOf(namespaces, (one) => findingsIn(facts, one))).flat();
    const where =
      enrolled.length === 0
        ? `namespace ${likely} (none is enrolled yet)`
        : `${String(enrolled.length)} enrolled namespaces`;
    const means = findings.length === 0 ? 'init containers may redirect' : 'not everywhere';
    return { says: `${means}: ${where}`, findings };
  },
};

/** By which other meshes know that a namespace is theirs. */
const otherMeshes: readonly {
  readonly mesh: string;
  readonly field: 'labels' | 'annotations';
  readonly key: string;
  readonly values?: readonly string[];
}[] = [
  { mesh: 'Istio', field: 'labels', key: 'istio-injection', values: ['enabled'] },
  { mesh: 'Istio', field: 'labels', key: 'istio.io/rev' },
  { mesh: 'Istio', field: 'labels', key: 'istio.io/dataplane-mode', values: ['ambient'] },
  {
    mesh: 'Linkerd',
    field: 'annotations',
    key: 'linkerd.io/inject',
    values: ['enabled', 'ingress'],
  },
  { mesh: 'Consul', field: 'labels', key: 'connect-inject', values: ['enabled'] },
  { mesh: 'Kuma', field: 'labels', key: 'kuma.io/sidecar-injection', values: ['enabled'] },
];

function secondMeshes(namespace: unknown): readonly CheckFinding[] {
  const name = textAt(namespace, 'metadata', 'name') ?? '';
  if (textAt(namespace, 'metadata', 'labels', injectLabel) !== 'enabled') return [];
  return otherMeshes.flatMap(({ mesh, field, key, values }): readonly CheckFinding[] => {
    const found = at(namespace, 'metadata', field, key);
    if (typeof found !== 'string' || values?.includes(found) === false) return [];
    return [{ code: 'SecondMesh', says: `namespace ${name} has ${key}: ${found} of ${mesh}` }];
  });
}

/** Whether namespaces are enrolled in one mesh alone. */
export const enrolmentCheck: Check = {
  name: 'enrolment',
  needs: ['api-server'],
  async look(facts): Promise<CheckOutcome> {
    const namespaces = await facts.namespaces();
    const count = (await enrolledNamespaces(facts)).length;
    return {
      says: `${String(count)} of ${String(namespaces.length)} namespaces are enrolled`,
      findings: namespaces.flatMap(secondMeshes),
    };
  },
};
