/** Whether the control plane runs: its replicas, who leads, and whether they follow the API server. */
import { formatAge } from '../age.js';
import { listAt, numberAt, textAt } from '../cluster/objects.js';
import { pause } from '../pause.js';
import { installedOptions } from '../install/installed.js';
import { releaseVersion, systemNamespace } from '../install/options.js';
import { rolloutLacks } from '../install/rollout.js';
import { installedTag } from '../install/upgrade.js';
import { fine, type Check, type CheckFinding, type CheckOutcome } from './check.js';
import type { AskedReplica, Facts } from './facts.js';

/** Whether there is a control plane at all. */
export const installationCheck: Check = {
  name: 'installation',
  needs: ['api-server'],
  async look(facts): Promise<CheckOutcome> {
    const deployment = await facts.deployment();
    if (deployment === undefined) {
      const says = `there is no control plane in namespace ${systemNamespace}`;
      return { says, findings: [{ code: 'NotInstalled', says }] };
    }
    const tag = installedTag(deployment);
    const { trustDomain = 'unknown', redirection = 'unknown' } = installedOptions(deployment);
    const says = `${tag} in ${systemNamespace}, trust domain ${trustDomain}, redirection ${redirection}`;
    const isVersion = /^v?\d+\.\d+\.\d+/.test(tag);
    if (!isVersion || tag.replace(/^v/, '') === releaseVersion) return fine(says);
    const differs = `the control plane is ${tag}, this command line ${releaseVersion}`;
    return { says, findings: [{ code: 'CommandLineDiffers', says: differs }] };
  },
};

/** Whole seconds, and the way of the answer. */
const clockToleranceMs = 60_000;

function answerFindings(asked: readonly AskedReplica[]): readonly CheckFinding[] {
  return asked.flatMap(({ pod, isReady, state, aheadMs = 0, problem }): readonly CheckFinding[] => {
    if (!isReady) return [];
    if (state === undefined) return [{ code: 'ReplicaSilent', says: `${pod}: ${problem ?? ''}` }];
    const waiting = state.waiting.map((reason): CheckFinding => ({
      code: 'ReplicaWaiting',
      says: `${pod}: ${reason}`,
    }));
    if (Math.abs(aheadMs) <= clockToleranceMs) return waiting;
    const skew = `${formatAge(Math.abs(aheadMs))} ${aheadMs < 0 ? 'behind' : 'ahead of'}`;
    return [...waiting, { code: 'ReplicaClockSkew', says: `${pod} is ${skew} the API server` }];
  });
}

function versionFindings(asked: readonly AskedReplica[]): readonly CheckFinding[] {
  const versions = new Set(asked.flatMap(({ state }) => state?.version ?? []));
  if (versions.size < 2) return [];
  const each = asked.map(({ pod, state }) => `${pod} is ${state?.version ?? 'unknown'}`);
  return [{ code: 'ReplicaVersionsDiffer', says: each.join(', ') }];
}

/** Whether every replica is ready, answers, and is of one version. */
export const replicasCheck: Check = {
  name: 'replicas',
  needs: ['installation'],
  async look(facts): Promise<CheckOutcome> {
    const deployment = await facts.deployment();
    const lacks = rolloutLacks(deployment);
    const pods = await facts.controllers();
    const unready = pods.filter(({ isReady }) => !isReady);
    const asked = await facts.replicas();
    const missing: readonly CheckFinding[] = [
      ...(lacks === undefined ? [] : [lacks]),
      ...unready.map(({ name, problem }) => `${name}: ${problem ?? 'not ready'}`),
    ].map((says) => ({ code: 'ReplicaMissing', says }));
    const wanted = numberAt(deployment, 'spec', 'replicas') ?? 1;
    return {
      says: `${String(pods.length - unready.length)} of ${String(wanted)} are ready`,
      findings: [...missing, ...answerFindings(asked), ...versionFindings(asked)],
    };
  },
};

/** Whether somebody can be asked. */
export const controlPlaneCheck: Check = {
  name: 'control-plane',
  needs: ['installation'],
  async look(facts): Promise<CheckOutcome> {
    const answered = (await facts.replicas()).filter(({ state }) => state !== undefined);
    const says = `${String(answered.length)} replicas answer`;
    return { says, findings: answered.length > 0 ? [] : [{ code: 'NoReplica', says }] };
  },
};

const leasePath = `/apis/coordination.k8s.io/v1/namespaces/${systemNamespace}/leases/skerry-leader`;
/** The Lease is renewed every 2 s, and ends after 15. */
const staleMs = 20_000;

/** When the API server noted the last renewal: no other clock is compared. */
function renewedAtMs(lease: unknown): number {
  const times = listAt(lease, 'metadata', 'managedFields').map((entry) =>
    Date.parse(textAt(entry, 'time') ?? ''),
  );
  return Math.max(0, ...times.filter((ms) => !Number.isNaN(ms)));
}

function leaseFindings(facts: Facts, lease: unknown): readonly CheckFinding[] {
  if (lease === undefined) return [{ code: 'NoLeader', says: 'there is no Lease skerry-leader' }];
  const holder = textAt(lease, 'spec', 'holderIdentity') ?? '';
  if (holder === '') return [{ code: 'NoLeader', says: 'nobody holds the Lease skerry-leader' }];
  const ageMs = facts.nowMs() - renewedAtMs(lease);
  if (ageMs <= staleMs) return [];
  const says = `${holder} has not renewed the Lease skerry-leader for ${formatAge(ageMs)}`;
  return [{ code: 'NoLeader', says }];
}

/**
 * A replica whose Lease was taken sees it at its next renewal, and replicas do not answer in the same
 * instant: two that say they lead are two leaders only when they go on saying so.
 */
const settlingMs = 6_000;
const lookAgainMs = 500;

async function leadersThatStay(facts: Facts): Promise<readonly string[]> {
  const leadersAmong = (asked: readonly AskedReplica[]): readonly string[] =>
    asked.filter(({ state }) => state?.isLeader === true).map(({ pod }) => pod);
  let leaders = leadersAmong(await facts.replicas());
  const settled = AbortSignal.timeout(settlingMs);
  while (leaders.length > 1 && !settled.aborted) {
    await pause(lookAgainMs, settled);
    leaders = leadersAmong(await facts.replicasNow());
  }
  return leaders;
}

/** Whether one replica leads, and no other. */
export const leaderCheck: Check = {
  name: 'leader',
  needs: ['installation'],
  async look(facts): Promise<CheckOutcome> {
    const leaders = await leadersThatStay(facts);
    const lease = await facts.read(leasePath);
    const several: readonly CheckFinding[] =
      leaders.length < 2 ? [] : [{ code: 'SeveralLeaders', says: leaders.join(' and ') }];
    const holder = textAt(lease, 'spec', 'holderIdentity') ?? 'nobody';
    return { says: `${holder} leads`, findings: [...leaseFindings(facts, lease), ...several] };
  },
};

/** Watches are opened again every few minutes, which takes a moment. */
const oldMs = 60_000;

/** Whether what is served is what the API server has now. */
export const sourcesCheck: Check = {
  name: 'sources',
  needs: ['control-plane'],
  async look(facts): Promise<CheckOutcome> {
    const asked = await facts.replicas();
    const sources = asked.flatMap(({ pod, state }) =>
      (state?.sources ?? []).map((source) => ({ pod, ...source })),
    );
    const stale = sources.filter(({ isSynced, ageMs }) => !isSynced || ageMs > oldMs);
    const findings = stale.map(({ pod, kind, isSynced, ageMs, problem }): CheckFinding => {
      const age = isSynced ? `as of ${formatAge(ageMs)} ago` : 'never listed';
      return {
        code: 'SourceStale',
        says: `${pod}: ${kind} ${age}: ${problem ?? 'no reason known'}`,
      };
    });
    const [oldest] = [...sources].sort((a, b) => b.ageMs - a.ageMs);
    const age = `the oldest as of ${formatAge(oldest?.ageMs ?? 0)} ago`;
    const why = oldest?.problem === undefined ? '' : ` (${oldest.problem})`;
    return { says: `${String(sources.length)} collections, ${age}${why}`, findings };
  },
};
