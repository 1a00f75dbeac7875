/**
 * Keeps the status of every TrafficPolicy: hears what happens, and has looked at what that concerns.
 * Mutable state: what was heard since the last look.
 */
import {
  policyKey,
  namespaceOf,
  type Diagnostic,
  type PodKey,
  type PolicyKey,
} from '../../../model/index.js';
import type { TurnNews } from '../../news.js';
import type { StatusKeeper, StatusKeeperOptions } from './contract.js';
import { createEvaluator } from './evaluator.js';
import { toFleetView, type FleetView } from './fleet-view.js';
import { createOwnSidecars } from './own-sidecars.js';
import { createOwnSummary } from './own-summary.js';
import { createPeerSummaries } from './peer-summaries.js';
import { createPolicyObjects } from './policy-objects.js';
import { createRoster } from './roster.js';
import { createStatusQueue } from './status-queue.js';
import type { ReplicaSummary } from './summary.js';
import { createTakenVersion } from './taken.js';

/** Sidecars that are behind are asked as often how far they have come. */
const lookEveryMs = 250;
/**
 * After a turn they are left alone for this: to ask a thousand that cannot have answered yet would hold
 * up what is on its way to them. Whoever needs to know earlier looks first.
 */
const firstLookMs = 200;
const sweepEveryMs = 60_000;
/** What replicas count of policies in mode Audit is told as often. */
const auditsEveryMs = 5_000;
/** When more pods than this are different, all statuses are looked at. */
const manyPods = 64;

const policyObject = /^TrafficPolicy ([^/]+)\/(.+)$/;

/** A keeper that has heard nothing yet. */
export function createStatusKeeper(options: StatusKeeperOptions): StatusKeeper {
  const { client, clock, logger, core, replica, rootNamespace: namespace, mayWrite } = options;
  const random = options.random ?? Math.random;
  const objects = createPolicyObjects();
  const taken = createTakenVersion(objects, core);
  const roster = createRoster();
  const own = createOwnSidecars({ core, clock, replica });
  const diagnostics = new Map<PolicyKey, readonly Diagnostic[]>();
  let fleet: FleetView = toFleetView(new Map(), []);
  let summaries: readonly ReplicaSummary[] = [own.live];
  let isLeading = false;
  /** Something was heard that no status tells yet. */
  let isNews = false;
  /** Sidecars have come or gone, or replicas serve others: `fleet` is out of date. */
  let isOtherFleet = false;
  /** A turn has put sidecars behind, some of them only because nobody has asked: they were given nothing. */
  let isLookOwed = false;
  /** A sidecar of our own has gone since. */
  let hasLost = false;
  let lookAtMs = Infinity;
  let cancelLook = (): void => undefined;
  let cancelSweep = (): void => undefined;
  let cancelAudits = (): void => undefined;

  const ownSummary = createOwnSummary({
    ...{ client, clock, logger, random, namespace, replica },
    make: () => {
      if (isLookOwed) ask();
      return own.summary(taken.now());
    },
  });
  const peers = createPeerSummaries({
    ...{ client, clock, logger, random, namespace, replica, mayWrite },
    onChange: () => {
      isNews = true;
      isOtherFleet = true;
      lookSoon(0);
    },
  });
  const evaluator = createEvaluator({
    ...{ clock, core },
    object: (key) => objects.get(key),
    diagnostics: (key) => diagnostics.get(key) ?? [],
    fleet: () => fleet,
    summaries: () => summaries,
  });
  const queue = createStatusQueue({
    ...{ client, clock, logger, random, mayWrite },
    evaluate: (key, lastWriteMs) => {
      if (isLookOwed) look();
      // One that has just gone must not pass for one that has come as far as is asked.
      if (hasLost) refresh();
      return evaluator.evaluate(key, lastWriteMs);
    },
    onWritten: (object) => {
      objects.written(object);
    },
  });

  const requestAll = (): void => {
    for (const key of objects.keys()) queue.request(key);
  };
  const requestConcerned = (pods: readonly PodKey[]): void => {
    if (pods.length > manyPods) {
      requestAll();
      return;
    }
    const namespaces = new Set(pods.map(namespaceOf));
    const refused = summaries.flatMap((one) => [...one.refused.keys()]);
    const concerned = evaluator.concerning(pods, namespaces);
    for (const key of [...concerned, ...evaluator.unsettled(), ...refused]) queue.request(key);
  };
  /** Whose service is different from the last time; walks over the whole mesh where anybody came or went. */
  const refreshFleet = (): readonly PodKey[] => {
    summaries = [own.live, ...peers.all()];
    const former = fleet.pods;
    fleet = toFleetView(roster.entries(), summaries);
    const { pods } = fleet;
    const either = new Set([...former.keys(), ...pods.keys()]);
    return [...either].filter((pod) => former.get(pod)?.isServed !== pods.get(pod)?.isServed);
  };
  /** Looks at who serves whom, and has looked at what is different from the last time. */
  const refresh = (): void => {
    const isOther = isOtherFleet;
    isNews = false;
    isOtherFleet = false;
    hasLost = false;
    requestConcerned(isOther ? refreshFleet() : []);
  };
  /** Asks those that are behind; returns whether anything is different. */
  const ask = (): boolean => {
    isLookOwed = false;
    if (!own.look()) return false;
    isNews = true;
    return true;
  };
  const look = (): void => {
    if (ask()) ownSummary.changed();
    if (isNews && isLeading) refresh();
    if (own.isWaiting()) lookSoon(lookEveryMs);
  };
  const lookSoon = (delayMs: number): void => {
    const atMs = clock.now() + delayMs;
    if (atMs >= lookAtMs) return;
    lookAtMs = atMs;
    cancelLook();
    cancelLook = clock.after(delayMs, () => {
      lookAtMs = Infinity;
      look();
    });
  };

  const takeFindings = (turn: TurnNews): void => {
    for (const { object, diagnostics: found } of turn.diagnostics) {
      const [, ofNamespace, name] = policyObject.exec(object) ?? [];
      if (ofNamespace === undefined || name === undefined) continue;
      const key = policyKey(ofNamespace, name);
      if (found.length === 0) diagnostics.delete(key);
      else diagnostics.set(key, found);
      queue.request(key);
    }
  };
  core.news.onTurn((turn) => {
    takeFindings(turn);
    const changed = own.onTurn(turn);
    for (const key of [...changed, ...turn.policies]) queue.request(key);
    if (changed.size === 0) return;
    isLookOwed = true;
    ownSummary.changed();
    lookSoon(firstLookMs);
  });
  core.news.onStream((news) => {
    if (!own.onStream(news)) return;
    if (news.kind !== 'accepted') isNews = true;
    if (news.kind === 'opened' || news.kind === 'closed') isOtherFleet = true;
    if (news.kind === 'closed') hasLost = true;
    lookSoon(lookEveryMs);
  });

  const sweepLater = (): void => {
    cancelSweep = clock.after(sweepEveryMs, () => {
      void peers.sweep();
      sweepLater();
    });
  };
  const isAudit = (key: PolicyKey): boolean => {
    const form = objects.get(key)?.form;
    return form?.kind === 'TrafficPolicy' && form.mode === 'Audit';
  };
  const auditsLater = (): void => {
    cancelAudits = clock.after(auditsEveryMs, () => {
      for (const key of objects.keys()) if (isAudit(key)) queue.request(key);
      auditsLater();
    });
  };
  const retire = async (): Promise<void> => {
    isLeading = false;
    cancelSweep();
    cancelAudits();
    await queue.close();
    evaluator.clear();
  };

  return {
    onPolicyObject(text, object, parsed): void {
      const [ofNamespace = '', name = ''] = text.split('/');
      const key = policyKey(ofNamespace, name);
      const news = objects.take(key, object, parsed);
      if (news === 'spec') taken.note(key);
      if (news === 'gone') {
        queue.forget(key);
        evaluator.forget(key);
      } else if (news !== undefined) queue.request(key, { isUrgent: news === 'spec' });
    },
    onBatch(batch): void {
      if (roster.take(batch).length === 0) return;
      isNews = true;
      isOtherFleet = true;
      lookSoon(lookEveryMs);
    },
    start(): void {
      peers.start();
      ownSummary.start();
    },
    lead(): void {
      isLeading = true;
      queue.open();
      isOtherFleet = true;
      refresh();
      requestAll();
      sweepLater();
      auditsLater();
    },
    retire,
    async stop(): Promise<void> {
      cancelLook();
      await retire();
      await Promise.all([peers.stop(), ownSummary.stop()]);
    },
    lastWriteMs: () => queue.lastWriteMs(),
  };
}
