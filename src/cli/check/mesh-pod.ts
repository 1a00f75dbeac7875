/** A pod as the mesh is concerned with it; read from what the API server has. Pure. */
import { injectedNames, injectLabel } from '../../webhook/index.js';
import { at, listAt, nameOf, textAt, timeAt } from '../cluster/objects.js';

/** A pod. */
export interface MeshPod {
  /** `namespace/pod`. */
  readonly name: string;
  readonly namespace: string;
  readonly hasSidecar: boolean;
  /** Whether it would get a sidecar, were it created now in an enrolled namespace. */
  readonly wantsSidecar: boolean;
  /** Running, and not on its way out. */
  readonly isRunning: boolean;
  /** When it was taken up by a node, in milliseconds since the epoch. */
  readonly startedAtMs?: number;
  /** Images of its sidecar's containers, by container. */
  readonly images: Readonly<Record<string, string>>;
}

const ours: readonly string[] = [
  injectedNames.redirect,
  injectedNames.verify,
  injectedNames.identity,
  injectedNames.proxy,
];

/** Takes what is of interest out of a Pod. */
export function toMeshPod(pod: unknown): MeshPod {
  const containers = listAt(pod, 'spec', 'initContainers').filter((one) =>
    ours.includes(textAt(one, 'name') ?? ''),
  );
  const images = containers.map((one) => [textAt(one, 'name') ?? '', textAt(one, 'image') ?? '']);
  const phase = textAt(pod, 'status', 'phase');
  const isGoing = at(pod, 'metadata', 'deletionTimestamp') !== undefined;
  const isOptedOut = textAt(pod, 'metadata', 'labels', injectLabel) === 'disabled';
  const isFinished = phase === 'Succeeded' || phase === 'Failed';
  const startedAtMs = timeAt(pod, 'status', 'startTime');
  return {
    name: nameOf(pod),
    namespace: textAt(pod, 'metadata', 'namespace') ?? '',
    hasSidecar: Object.hasOwn(Object.fromEntries(images) as object, injectedNames.proxy),
    wantsSidecar: !isOptedOut && !isGoing && !isFinished && at(pod, 'spec', 'hostNetwork') !== true,
    isRunning: phase === 'Running' && !isGoing,
    ...(startedAtMs !== undefined && { startedAtMs }),
    images: Object.fromEntries(images) as Readonly<Record<string, string>>,
  };
}
