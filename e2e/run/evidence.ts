/** Gathers what can be seen of a cluster after a failure. */
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { containerNames, podsOf, type PodObject } from '../kit/cluster/cluster.js';
import type { Rig } from '../rig/index.js';

/** What is asked of kubectl, by the file that keeps its answer. */
const questions: Readonly<Record<string, readonly string[]>> = {
  'pods.txt': ['get', 'pods', '-A', '-o', 'wide'],
  'pods.yaml': ['get', 'pods', '-A', '-o', 'yaml'],
  'pods-described.txt': ['describe', 'pods', '-A'],
  'events.txt': ['get', 'events', '-A', '--sort-by=.lastTimestamp'],
  'workloads.txt': [
    'get',
    'deployments,statefulsets,jobs,services,endpointslices',
    '-A',
    '-o',
    'wide',
  ],
  'policies.yaml': ['get', 'trafficpolicies.skerry.dev', '-A', '-o', 'yaml'],
  'webhook.yaml': ['get', 'mutatingwebhookconfigurations', '-o', 'yaml'],
};

/** Writes it into `folder`: objects, events, the logs of all containers, of the cluster's parts, and of callers. */
export async function gatherEvidence(rig: Rig, folder: string, callerLogs?: string): Promise<void> {
  const save = async (file: string, args: readonly string[]): Promise<void> => {
    // What cannot be had is told in its place.
    const text = await rig.kubectl(args).catch(String);
    if (text !== '') await writeFile(join(folder, file), text);
  };
  for (const [file, args] of Object.entries(questions)) await save(file, args);
  const pods = await podsOf(rig, undefined).catch((): readonly PodObject[] => []);
  for (const pod of pods) {
    const { name, namespace = '' } = pod.metadata;
    for (const container of containerNames(pod)) {
      const args = ['logs', '-n', namespace, name, '-c', container];
      const file = `${namespace}.${name}.${container}`;
      await save(`${file}.log`, args);
      if (hasRestarted(pod, container)) await save(`${file}.previous.log`, [...args, '--previous']);
    }
  }
  for (const logs of [rig.logs, callerLogs]) {
    if (logs !== undefined) await cp(logs, join(folder, 'parts'), { recursive: true });
  }
}

function hasRestarted({ status }: PodObject, container: string): boolean {
  const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  return all.some(({ name, restartCount }) => name === container && restartCount > 0);
}
