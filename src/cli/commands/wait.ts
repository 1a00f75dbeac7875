/** `skerry wait`: returns when a TrafficPolicy is in force on every sidecar that it is about. */
import type { Command } from 'commander';
import { KubernetesApiError, type KubernetesClient } from '../../sources/index.js';
import { clusterOptions, withCluster, type ClusterFlags } from '../cluster/connect.js';
import { textAt } from '../cluster/objects.js';
import { policyProgress, type PolicyProgress } from '../cluster/policy-progress.js';
import type { CommandDefinition } from '../command.js';
import { CommandError, exitCode, type Io } from '../io.js';
import { pause } from '../pause.js';
import { parseWaitLimit } from '../seconds.js';

interface Flags extends ClusterFlags {
  readonly namespace: string;
  readonly timeout: number;
}

/** `tp/reviews`, `trafficpolicy/reviews` or `reviews`. */
function policyName(text: string): string {
  const [kind, name, ...rest] = text.includes('/') ? text.split('/') : ['tp', text];
  const kinds = ['tp', 'trafficpolicy', 'trafficpolicies', 'trafficpolicies.skerry.dev'];
  if (rest.length > 0 || name === undefined || name === '' || !kinds.includes(kind ?? '')) {
    throw new CommandError(`expected tp/NAME, found ${text}`, exitCode.usage);
  }
  return name;
}

interface Waiting {
  readonly client: KubernetesClient;
  readonly path: string;
  readonly name: string;
  readonly signal: AbortSignal;
  /** Told of every state; the first that is not pending ends the wait. */
  readonly tell: (progress: PolicyProgress) => void;
}

const gone: PolicyProgress = { kind: 'failed', says: 'it has been deleted' };

/** One look and one watch; undefined when the watch ended before the policy was settled. */
async function watchOnce(waiting: Waiting): Promise<PolicyProgress | undefined> {
  const { client, path, name, signal, tell } = waiting;
  const policy = await client.send({ method: 'GET', path: `${path}/${name}`, signal });
  const first = policyProgress(policy);
  tell(first);
  if (first.kind !== 'pending') return first;
  const query = {
    ...{ watch: 'true', fieldSelector: `metadata.name=${name}` },
    resourceVersion: textAt(policy, 'metadata', 'resourceVersion') ?? '',
  };
  for await (const event of client.stream({ path, query, signal })) {
    const kind = textAt(event, 'type');
    if (kind === 'DELETED') return gone;
    if (kind === 'ERROR') return undefined;
    const progress = policyProgress((event as { readonly object: unknown }).object);
    tell(progress);
    if (progress.kind !== 'pending') return progress;
  }
  return undefined;
}

function isPassing(error: unknown): boolean {
  return (
    error instanceof KubernetesApiError &&
    (error.status === 0 || error.status === 410 || error.status === 429 || error.status >= 500)
  );
}

/** Undefined: the time is over. */
async function untilSettled(waiting: Waiting): Promise<PolicyProgress | undefined> {
  const { signal } = waiting;
  const isOver = (): boolean => signal.aborted;
  while (!isOver()) {
    try {
      const settled = await watchOnce(waiting);
      if (settled !== undefined) return settled;
    } catch (error) {
      if (isOver()) return undefined;
      if (!isPassing(error)) throw error;
      // An API server that is away for a moment does not end the wait.
      await pause(500, signal);
    }
  }
  return undefined;
}

/** Writes each new state once: over the former one on a terminal. */
function progressLine(io: Io, title: string): { tell(says: string): void; end(): void } {
  let last = '';
  const isTerminal = io.stderr.isTTY === true;
  return {
    tell: (says) => {
      if (says === last) return;
      last = says;
      io.stderr.write(isTerminal ? `\r\u001b[K${title}: ${says}` : `${title}: ${says}\n`);
    },
    end: () => {
      if (isTerminal && last !== '') io.stderr.write('\n');
    },
  };
}

async function run(target: string, flags: Flags, io: Io): Promise<number> {
  const name = policyName(target);
  const { namespace, timeout } = flags;
  const path = `/apis/skerry.dev/v1alpha1/namespaces/${encodeURIComponent(namespace)}/trafficpolicies`;
  const title = `TrafficPolicy.skerry.dev ${namespace}/${name}`;
  const line = progressLine(io, title);
  let last: PolicyProgress = { kind: 'pending', says: 'the API server has not answered' };
  const settled = await withCluster(flags, io, (client) =>
    untilSettled({
      ...{ client, path, name: encodeURIComponent(name) },
      signal: AbortSignal.timeout(timeout * 1000),
      tell: (progress) => {
        last = progress;
        if (progress.kind === 'pending') line.tell(progress.says);
      },
    }),
  ).finally(() => {
    line.end();
  });
  if (settled?.kind === 'live') {
    io.stdout.write(`${title} is ${settled.says}\n`);
    return exitCode.ok;
  }
  const says = settled?.says ?? `not live after ${String(timeout)} s: ${last.says}`;
  throw new CommandError(`${title}: ${says}`);
}

/** The command. */
export const waitCommand: CommandDefinition = {
  name: 'wait',
  summary: 'wait until every sidecar has a policy in force; else say who is late, and why',
  example: 'kubectl apply -f reviews.yaml && skerry wait tp/reviews -n shop --timeout 60',
  configure(command: Command, io: Io, exit): void {
    command
      .argument('<policy>', 'tp/NAME')
      .option('-n, --namespace <name>', 'namespace of the policy', 'default')
      .option('--timeout <seconds>', 'give up after so long', parseWaitLimit, 60)
      .action(async (policy: string, flags: Flags) => {
        exit(await run(policy, flags, io));
      });
    for (const option of clusterOptions()) command.addOption(option);
  },
};
