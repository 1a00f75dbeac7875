/** From a source's batch to the rows of the graph. */
import { policyKey, type Pod } from '../model/index.js';
import type { SourceBatch } from '../sources/index.js';
import type { PolicyGate } from './policy-gate.js';
import type { TurnLoop } from './turns.js';

/** Where a batch goes. */
export interface FeedTargets {
  readonly loop: Pick<TurnLoop, 'put'>;
  readonly gate: Pick<PolicyGate, 'set'>;
  /** The pods as the source has them now, by key. */
  readonly pods: Map<string, Pod>;
  /** Told of each pod that is gone for good, also where another one has its name. */
  readonly onPodGone: (pod: Pod) => void;
}

/** What the source says goes into the loop; policies by way of the gate. */
export function feed(batch: SourceBatch, { loop, gate, pods, onPodGone }: FeedTargets): void {
  for (const change of batch.changes) {
    switch (change.collection) {
      case 'policies':
        gate.set(policyKey(change.ref.namespace, change.ref.name), change.value);
        break;
      case 'pods': {
        const former = pods.get(change.key);
        if (former !== undefined && former.uid !== change.value?.uid) onPodGone(former);
        if (change.value === undefined) pods.delete(change.key);
        else pods.set(change.key, change.value);
        loop.put('pods', change.key, change.value);
        break;
      }
      case 'services':
        loop.put('services', change.key, change.value);
        break;
      case 'slices':
        loop.put('slices', change.key, change.value);
        break;
      case 'namespaces':
        loop.put('namespaces', change.key, change.value);
        break;
      case 'keySets':
        loop.put('keySets', change.key, change.value);
        break;
      case 'caBundles':
        loop.put('caBundles', change.key, change.value);
        break;
      case 'credentials':
        loop.put('credentials', change.key, change.value);
        break;
      case 'nodes':
        loop.put('nodes', change.key, change.value);
        break;
    }
  }
}
