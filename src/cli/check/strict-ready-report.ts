/** `skerry check --strict-ready`: asks every replica, and prints who is ready for mtls Strict and who is not. */
import type { PlaintextView } from '../../admin/index.js';
import { formatAge } from '../age.js';
import type { Replica } from '../cluster/replicas.js';
import { CommandError, formatTable } from '../io.js';
import { judgeStrict, watchedMs, type StrictReadiness } from './strict-ready.js';

/** What was found. */
export interface StrictReport {
  /** How long all replicas have listened. */
  readonly watchedSeconds: number;
  readonly windowSeconds: number;
  readonly isReady: boolean;
  readonly targets: readonly StrictReadiness[];
}

/** Asks all replicas: what one of them does not tell is not known. Rejects with a CommandError. */
export async function askStrictReady(
  replicas: readonly Replica[],
  options: { readonly windowSeconds: number; readonly namespace?: string },
): Promise<StrictReport> {
  const { windowSeconds, namespace } = options;
  const views = await Promise.all(
    replicas.map(async (replica) => (await replica.ask('/v1/plaintext')) as PlaintextView),
  );
  const targets = judgeStrict(views, windowSeconds * 1000).filter(
    (target) => namespace === undefined || target.namespace === namespace,
  );
  if (namespace !== undefined && targets.length === 0) {
    throw new CommandError(`no Service of namespace ${namespace} leads to a pod of the mesh`);
  }
  return {
    watchedSeconds: Math.floor(watchedMs(views) / 1000),
    windowSeconds,
    isReady: targets.every(({ result }) => result === 'Strict' || result === 'ready'),
    targets,
  };
}

/** For people: a line for each Service, and below it who still calls. */
export function spellStrictReport(report: StrictReport): string {
  const { targets, watchedSeconds, windowSeconds } = report;
  const rows = targets.flatMap(({ namespace, name, result, why, callers }) => [
    [namespace, name, result, why.join('; ') || '-'],
    ...callers.map(({ caller, address, pod, port, count, firstAgoMs, lastAgoMs }) => [
      ...['', '', ''],
      `${caller === address ? caller : `${caller} (${address})`} to ${pod} port ${String(port)}: ${String(count)} seen, first ${formatAge(firstAgoMs)} ago, last ${formatAge(lastAgoMs)} ago`,
    ]),
  ]);
  const bad = targets.filter(({ result }) => result === 'not ready' || result === 'not known');
  const asked = formatAge(windowSeconds * 1000);
  const summary =
    bad.length === 0
      ? `Strict breaks nobody: no call in plaintext in ${asked}`
      : `Strict may break calls of ${String(bad.length)} of ${String(targets.length)}; looked back ${asked}, watched for ${formatAge(watchedSeconds * 1000)}`;
  return `${formatTable(['NAMESPACE', 'WHAT', 'STRICT', 'WHY'], rows)}\n\n${summary}`;
}
