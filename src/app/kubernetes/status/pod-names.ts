/** Names of many pods in few bytes, and still to be read by people. */
import { nameOf, namespaceOf, podKey, type PodKey } from '../../../model/index.js';

/**
 * Namespace → start of the name → what follows the last `-`, separated by spaces: pods of one
 * Deployment differ in their ends only.
 */
export type PodNames = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The pods, in any order, as names. */
export function toPodNames(pods: Iterable<PodKey>): PodNames {
  const names = new Map<string, Map<string, string[]>>();
  for (const pod of [...pods].sort()) {
    const name = nameOf(pod);
    const cut = name.lastIndexOf('-') + 1;
    const starts = names.get(namespaceOf(pod)) ?? new Map<string, string[]>();
    names.set(namespaceOf(pod), starts);
    const ends = starts.get(name.slice(0, cut));
    if (ends === undefined) starts.set(name.slice(0, cut), [name.slice(cut)]);
    else ends.push(name.slice(cut));
  }
  return Object.fromEntries(
    [...names].map(([namespace, starts]) => [
      namespace,
      Object.fromEntries([...starts].map(([start, ends]) => [start, ends.join(' ')])),
    ]),
  );
}

/** The inverse of {@link toPodNames}; sorted. */
export function fromPodNames(names: PodNames): readonly PodKey[] {
  return Object.entries(names)
    .flatMap(([namespace, starts]) =>
      Object.entries(starts).flatMap(([start, ends]) =>
        ends.split(' ').map((end) => podKey(namespace, `${start}${end}`)),
      ),
    )
    .sort();
}
