/** One sidecar in detail: its pod, its containers, its connection, its configuration, its certificate. */
import { injectedNames, injectLabel } from '../../webhook/index.js';
import { at, listAt, numberAt, textAt } from '../cluster/objects.js';
import { formatAge } from '../age.js';
import type { ServedProxy } from '../commands/proxies.js';
import { containerTrouble } from '../install/rollout.js';
import { fine, type Check, type CheckFinding, type CheckOutcome } from './check.js';
import type { Facts } from './facts.js';
import { toMeshPod } from './mesh-pod.js';
import {
  answerFindings,
  certificateFindings,
  clockFindings,
  rootOfCertificateFindings,
} from './proxies.js';
import { currentBundle } from './trust.js';

/** Which sidecar. */
export interface ProxyName {
  readonly namespace: string;
  readonly pod: string;
}

function pathOf({ namespace, pod }: ProxyName): string {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}`;
}

/** Why a pod has no sidecar, as far as it can be told afterwards. */
async function whyWithout(facts: Facts, pod: unknown, namespace: string): Promise<string> {
  const labels = (await facts.namespaces()).find(
    (one) => textAt(one, 'metadata', 'name') === namespace,
  );
  if (textAt(labels, 'metadata', 'labels', injectLabel) !== 'enabled') {
    return `its namespace has no label ${injectLabel}: enabled`;
  }
  if (textAt(pod, 'metadata', 'labels', injectLabel) === 'disabled') {
    return `it has the label ${injectLabel}: disabled`;
  }
  if (at(pod, 'spec', 'hostNetwork') === true) return 'it uses the network of its node';
  return 'it is older than the enrolment of its namespace';
}

function podCheck(name: ProxyName): Check {
  const full = `${name.namespace}/${name.pod}`;
  return {
    name: 'pod',
    needs: ['api-server'],
    async look(facts): Promise<CheckOutcome> {
      const pod = await facts.read(pathOf(name));
      if (pod === undefined || at(pod, 'metadata', 'deletionTimestamp') !== undefined) {
        const says = `${full} ${pod === undefined ? 'does not exist' : 'is on its way out'}`;
        return { says, findings: [{ code: 'PodMissing', says }] };
      }
      const node = textAt(pod, 'spec', 'nodeName') ?? 'no node';
      const phase = textAt(pod, 'status', 'phase') ?? 'of no known phase';
      const says = `${full} on ${node} is ${phase}`;
      if (toMeshPod(pod).hasSidecar) return fine(says);
      const why = await whyWithout(facts, pod, name.namespace);
      return { says, findings: [{ code: 'PodWithoutSidecar', says: `${full}: ${why}` }] };
    },
  };
}

const containers: readonly string[] = [
  injectedNames.redirect,
  injectedNames.verify,
  injectedNames.identity,
  injectedNames.proxy,
];

function failureOf(status: unknown): string | undefined {
  const ended = at(status, 'state', 'terminated');
  const code = numberAt(ended, 'exitCode') ?? 0;
  if (code === 0) return containerTrouble(status);
  const said = textAt(ended, 'message')?.trim().split('\n').at(-1);
  return `it ended with ${String(code)}${said === undefined ? '' : `: ${said}`}`;
}

function containerFindings(status: unknown): readonly CheckFinding[] {
  const name = textAt(status, 'name') ?? '';
  const failure = failureOf(status);
  if (failure !== undefined)
    return [{ code: 'SidecarContainerFails', says: `${name}: ${failure}` }];
  const restarts = numberAt(status, 'restartCount') ?? 0;
  if (restarts === 0) return [];
  const last = at(status, 'lastState', 'terminated');
  const why = textAt(last, 'reason') ?? 'unknown';
  const says = `${name}: ${String(restarts)} times, at last with ${String(numberAt(last, 'exitCode') ?? '?')} (${why})`;
  return [{ code: 'SidecarRestarted', says }];
}

function containersCheck(name: ProxyName): Check {
  return {
    name: 'containers',
    needs: ['pod'],
    async look(facts): Promise<CheckOutcome> {
      const pod = await facts.read(pathOf(name));
      const statuses = listAt(pod, 'status', 'initContainerStatuses').filter((status) =>
        containers.includes(textAt(status, 'name') ?? ''),
      );
      const words = statuses.map((status) => {
        const [state = 'unknown'] = Object.keys(Object(at(status, 'state')) as object);
        return `${textAt(status, 'name') ?? ''} ${state}`;
      });
      const says = words.length === 0 ? 'no node has started them yet' : words.join(', ');
      return { says, findings: statuses.flatMap(containerFindings) };
    },
  };
}

async function served(
  facts: Facts,
  { namespace, pod }: ProxyName,
): Promise<ServedProxy | undefined> {
  const { proxies } = await facts.proxies();
  return proxies.find((proxy) => proxy.name === `${namespace}/${pod}`);
}

function connectionCheck(name: ProxyName): Check {
  return {
    name: 'connection',
    needs: ['pod', 'control-plane'],
    async look(facts): Promise<CheckOutcome> {
      const proxy = await served(facts, name);
      if (proxy === undefined) {
        const says = `${name.namespace}/${name.pod} is connected to no replica`;
        return { says, findings: [{ code: 'ProxyOffline', says }] };
      }
      const age = formatAge(facts.nowMs() - proxy.connectedSinceMs);
      const version = proxy.envoyVersion === '' ? 'of no known version' : proxy.envoyVersion;
      return fine(`to ${proxy.replica ?? 'the control plane'} for ${age}, Envoy ${version}`);
    },
  };
}

function bundleCheck({ namespace }: ProxyName): Check {
  return {
    name: 'trust-bundle',
    needs: ['pod', 'control-plane'],
    async look(facts): Promise<CheckOutcome> {
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/configmaps/${injectedNames.rootConfigMap}`;
      const held = textAt(await facts.read(path), 'data', 'root.pem');
      const says = `namespace ${namespace}`;
      if (held === (await currentBundle(facts)))
        return fine(`${says} has the control plane’s roots`);
      const code = held === undefined ? 'TrustBundleMissing' : 'TrustBundleStale';
      return { says, findings: [{ code, says }] };
    },
  };
}

function configurationCheck(name: ProxyName): Check {
  return {
    name: 'configuration',
    needs: ['connection'],
    async look(facts): Promise<CheckOutcome> {
      const proxy = await served(facts, name);
      if (proxy === undefined) return fine('not known');
      const held = proxy.resources.map(({ type, held: count }) => `${String(count)} ${type}`);
      const acked = `generation ${String(proxy.generationAcked)} of ${String(proxy.generationSent)} accepted`;
      return {
        says: `${acked}; holds ${held.join(', ')}`,
        findings: [...answerFindings(proxy), ...clockFindings(proxy)],
      };
    },
  };
}

function certificateCheck(name: ProxyName): Check {
  return {
    name: 'certificate',
    needs: ['connection'],
    async look(facts): Promise<CheckOutcome> {
      const proxy = await served(facts, name);
      if (proxy === undefined) return fine('not known');
      const leftMs = (proxy.certificateNotAfterMs ?? facts.nowMs()) - facts.nowMs();
      const says = `${proxy.identity}, ends in ${formatAge(leftMs)}`;
      const former = rootOfCertificateFindings(proxy, await facts.authority());
      return { says, findings: [...certificateFindings(proxy, facts.nowMs()), ...former] };
    },
  };
}

/** The checks of one sidecar; those of the control plane come before. */
export function proxyChecks(name: ProxyName): readonly Check[] {
  return [
    podCheck(name),
    containersCheck(name),
    bundleCheck(name),
    connectionCheck(name),
    configurationCheck(name),
    certificateCheck(name),
  ];
}
