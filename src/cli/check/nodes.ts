/** Whether the cluster and its nodes are new enough, of a kind that the images run on, and of the same time. */
import { listAt, nameOf, textAt, timeAt } from '../cluster/objects.js';
import { fine, type Check, type CheckFinding, type CheckOutcome } from './check.js';
import { parseKubernetesVersion, type Facts, type KubernetesVersion } from './facts.js';

/** Native sidecars are on by default since: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/ */
const oldest = { major: 1, minor: 29 } as const;
const architectures: readonly string[] = ['amd64', 'arm64'];

function isTooOld({ major, minor }: KubernetesVersion): boolean {
  return major < oldest.major || (major === oldest.major && minor < oldest.minor);
}

/** Whether there is an API server that knows who asks. */
export const apiServerCheck: Check = {
  name: 'api-server',
  async look(facts): Promise<CheckOutcome> {
    const { name } = await facts.version();
    return fine(`Kubernetes ${name} answers`);
  },
};

/** Whether the API server is new enough. */
export const versionCheck: Check = {
  name: 'kubernetes-version',
  needs: ['api-server'],
  async look(facts): Promise<CheckOutcome> {
    const version = await facts.version();
    if (!isTooOld(version)) return fine(`${version.name} is 1.29 or later`);
    const says = `expected Kubernetes 1.29 or later, found ${version.name}`;
    return { says, findings: [{ code: 'KubernetesTooOld', says }] };
  },
};

function info(node: unknown, field: string): string {
  return textAt(node, 'status', 'nodeInfo', field) ?? '';
}

function nodeFindings(node: unknown): readonly CheckFinding[] {
  const name = `node ${nameOf(node)}`;
  const system = info(node, 'operatingSystem');
  const architecture = info(node, 'architecture');
  if (system !== 'linux' || !architectures.includes(architecture)) {
    return [{ code: 'NodeForeign', says: `${name} is ${system}/${architecture}` }];
  }
  const kubelet = parseKubernetesVersion(info(node, 'kubeletVersion'));
  if (kubelet === undefined || !isTooOld(kubelet)) return [];
  return [{ code: 'KubeletTooOld', says: `${name} has kubelet ${kubelet.name}` }];
}

function distinct(nodes: readonly unknown[], field: string): string {
  return [...new Set(nodes.map((node) => info(node, field)))].sort().join(', ');
}

/** Whether pods with sidecars run on the nodes. */
export const nodesCheck: Check = {
  name: 'nodes',
  needs: ['api-server'],
  async look(facts): Promise<CheckOutcome> {
    const nodes = await facts.nodes();
    const linux = nodes.filter((node) => info(node, 'operatingSystem') === 'linux');
    if (linux.length === 0) {
      const says = `expected a node that runs Linux, found ${String(nodes.length)} nodes without`;
      return { says, findings: [{ code: 'NoNode', says }] };
    }
    const kinds = ['kubeletVersion', 'containerRuntimeVersion', 'architecture'];
    return {
      says: `${String(nodes.length)} nodes: ${kinds.map((kind) => distinct(linux, kind)).join('; ')}`,
      findings: nodes.flatMap(nodeFindings),
    };
  },
};

/** Whole seconds of the API server's answer, and the way of the answer. */
const clockToleranceMs = 5_000;
/** Certificates are dated back 5 minutes; leave room for what is still to come. */
const nodeToleranceMs = 60_000;

function seconds(ms: number): string {
  return `${String(Math.round(Math.abs(ms) / 1000))} s ${ms < 0 ? 'behind' : 'ahead'}`;
}

/** How far a node's clock is ahead: what it wrote, against when the API server noted the writing. */
function nodeSkewMs(lease: unknown): number | undefined {
  const writtenMs = timeAt(lease, 'spec', 'renewTime');
  const holder = textAt(lease, 'spec', 'holderIdentity');
  const [entry] = listAt(lease, 'metadata', 'managedFields');
  const notedMs = timeAt(entry, 'time');
  const isSole = listAt(lease, 'metadata', 'managedFields').length === 1;
  if (writtenMs === undefined || notedMs === undefined || holder === undefined || !isSole) {
    return undefined;
  }
  return writtenMs - notedMs;
}

async function nodeClockFindings(facts: Facts): Promise<readonly CheckFinding[]> {
  const leases = await facts.list('/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases');
  return leases.flatMap((lease): readonly CheckFinding[] => {
    const skewMs = nodeSkewMs(lease);
    if (skewMs === undefined || Math.abs(skewMs) <= nodeToleranceMs) return [];
    const node = textAt(lease, 'metadata', 'name') ?? '';
    return [{ code: 'NodeClockSkew', says: `node ${node} is ${seconds(skewMs)}` }];
  });
}

/** Whether clocks agree: this machine's and the nodes', against the API server's. */
export const clockCheck: Check = {
  name: 'clocks',
  needs: ['api-server'],
  async look(facts): Promise<CheckOutcome> {
    const onNodes = await nodeClockFindings(facts);
    // The API server's lead is this machine's lag.
    const ownMs = -(facts.client.clockSkewMs() ?? 0);
    const isOwnFine = Math.abs(ownMs) <= clockToleranceMs;
    const says = `this machine is ${seconds(ownMs)} of the API server`;
    const own: readonly CheckFinding[] = isOwnFine ? [] : [{ code: 'ClockSkew', says }];
    return {
      says: 'this machine and the nodes, against the API server',
      findings: [...own, ...onNodes],
    };
  },
};
