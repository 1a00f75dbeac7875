/** One suite on the shared cluster: its manifests, its callers, what its pods say. State: the callers it has started. */
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { startAgent, waitFor, type Agent } from '../../../demo/rig/index.js';
import type { ContainerName, Rig } from '../../rig/index.js';
import { manifest } from '../manifest.js';
import {
  openClusterRig,
  podsOf,
  untilInstalled,
  type KubernetesObject,
  type PodObject,
} from './cluster.js';

/** What a suite works with. Its namespaces are its own, and are removed when it has ended. */
export interface Suite {
  readonly rig: Rig;
  /** Waits for the control plane, applies the suite's `manifests/*.yaml` and waits until all pods are ready. */
  start(): Promise<void>;
  /** Ends the suite's callers. */
  stop(): Promise<void>;
  /** What kubectl prints. Throws CommandError where it fails. */
  kubectl(...args: readonly string[]): Promise<string>;
  /** Applies files of `manifests/` by their names, or objects, without waiting. */
  apply(...what: readonly (string | object)[]): Promise<void>;
  /** Removes the same. */
  remove(...what: readonly (string | object)[]): Promise<void>;
  /** Waits until the workload (`deployment/web`, `statefulset/db`, `pod/once`) is ready. */
  ready(namespace: string, workload: string, timeoutMs?: number): Promise<void>;
  /** An object, `pod/web-1`. Throws CommandError where there is none. */
  get(namespace: string, object: string): Promise<KubernetesObject>;
  /** Pods by label, or all of a namespace, but for those on their way out. */
  pods(namespace: string, labels?: string): Promise<readonly PodObject[]>;
  /** The one pod with these labels. Throws where there are more or fewer. */
  pod(namespace: string, labels: string): Promise<PodObject>;
  /** Runs Node in a container that has it, by `kubectl exec`: what it prints. */
  node(target: ContainerName, script: string): Promise<string>;
  /** What a container has logged. */
  log(target: ContainerName): Promise<string>;
  /**
   * A caller inside a container of the apps' image, by default `app`, which goes on when the API
   * server does not. Pods are named, or found by a label: `app=web`.
   */
  caller(namespace: string, pod: string, container?: string): Promise<Agent>;
}

/** Opens the suite of that `import.meta.url`; nothing happens before a method is called. */
export function openSuite(url: string): Suite {
  const rig = openClusterRig();
  const folder = join(dirname(fileURLToPath(url)), 'manifests');
  const agents: Agent[] = [];
  const kubectl: Suite['kubectl'] = (...args) => rig.kubectl(args);
  const textOf = async (what: string | object): Promise<string> =>
    typeof what === 'string' ? await readFile(join(folder, what), 'utf8') : manifest(what);
  const send = async (verb: string, what: readonly (string | object)[]): Promise<string> => {
    // Without the first marker kubectl before 1.34 takes documents that begin with a brace for JSON.
    const input = ['', ...(await Promise.all(what.map(textOf)))].join('\n---\n');
    const flags = verb === 'delete' ? ['--ignore-not-found', '--wait=false'] : [];
    await rig.kubectl([verb, ...flags, '-f', '-'], { input });
    return input;
  };
  const ready: Suite['ready'] = async (namespace, workload, timeoutMs = 120_000) => {
    const within = ['-n', namespace, `--timeout=${Math.ceil(timeoutMs / 1000)}s`];
    if (workload.startsWith('pod/'))
      await kubectl('wait', '--for=condition=Ready', workload, ...within);
    else await kubectl('rollout', 'status', workload, ...within);
  };
  const pod: Suite['pod'] = async (namespace, labels) => {
    const found = await podsOf(rig, namespace, labels);
    const [one] = found;
    if (one === undefined || found.length > 1) {
      throw new Error(`${found.length} pods in ${namespace} have ${labels}, not one`);
    }
    return one;
  };
  return {
    ...{ rig, kubectl, ready, pod },
    start: async () => {
      await untilInstalled(rig);
      const files = (await readdir(folder)).filter((name) => /^[^_].*\.yaml$/.test(name)).sort();
      const objects = readObjects(await send('apply', files));
      await Promise.all(
        objects.flatMap(({ kind, metadata: { name, namespace = 'default' } }) =>
          ['Deployment', 'StatefulSet', 'DaemonSet', 'Pod'].includes(kind)
            ? [ready(namespace, `${kind.toLowerCase()}/${name}`)]
            : [],
        ),
      );
    },
    stop: async () => {
      await Promise.all(agents.map((agent) => agent.stop()));
    },
    apply: async (...what) => {
      await send('apply', what);
    },
    remove: async (...what) => {
      await send('delete', what);
    },
    get: async (namespace, object) =>
      JSON.parse(await kubectl('get', object, '-n', namespace, '-o', 'json')) as KubernetesObject,
    pods: (namespace, labels) => podsOf(rig, namespace, labels),
    node: ({ namespace, pod: name, container }, script) =>
      kubectl('exec', '-n', namespace, name, '-c', container, '--', 'node', '-e', script),
    log: ({ namespace, pod: name, container }) =>
      kubectl('logs', '-n', namespace, name, '-c', container),
    caller: async (namespace, name, container = 'app') => {
      const target = name.includes('=') ? (await pod(namespace, name)).metadata.name : name;
      const agent = await openCaller(rig, { namespace, pod: target, container });
      agents.push(agent);
      return agent;
    },
  };
}

function readObjects(text: string): readonly KubernetesObject[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((object) => object !== null);
}

async function openCaller(rig: Rig, target: ContainerName): Promise<Agent> {
  const { namespace, pod, container } = target;
  const argv = await rig.directArgv(target, ['/usr/local/bin/node', '/apps/agent.mjs']);
  const folder = process.env['SKERRY_E2E_LOGS'] ?? (await mkdtemp(join(tmpdir(), 'skerry-e2e-')));
  const logFile = join(folder, `caller-${namespace}-${pod}.log`);
  return await startAgent({
    name: `the caller in ${namespace}/${pod}/${container}`,
    argv,
    logFile,
  });
}

/** Waits until `look` no longer throws and returns something else than undefined; 20 s unless told. */
export function eventually<T>(
  what: string,
  look: () => Promise<T | undefined>,
  timeoutMs = 20_000,
): Promise<T> {
  return waitFor({ what, timeoutMs, intervalMs: 100 }, look);
}
