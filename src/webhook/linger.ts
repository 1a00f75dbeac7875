/** Has the kubelet wait before it tells an app to end, until the app's callers are gone. */
import { lingerPath } from '../model/index.js';
import { readinessPort } from '../sidecar/index.js';
import { mapAt, ownValue, textOf, type Json, type JsonMap } from './json.js';

/**
 * Asked of the sidecar, which answers late. Kubernetes has an action for it (`sleep`), but not
 * before 1.30, and takes it only where the grace period is long enough.
 */
const hook: JsonMap = { httpGet: { path: lingerPath, port: readinessPort, scheme: 'HTTP' } };

/** The container with our preStop hook; one that has a hook of its own keeps that. */
export function addLinger(container: JsonMap): JsonMap {
  const lifecycle = mapAt(container, 'lifecycle');
  if ((ownValue(lifecycle, 'preStop') ?? null) !== null) return container;
  return { ...container, lifecycle: { ...lifecycle, preStop: hook } };
}

/** The container as it was before {@link addLinger}. */
export function removeLinger(container: JsonMap): JsonMap {
  const lifecycle = mapAt(container, 'lifecycle');
  if (textOf(mapAt(lifecycle, 'preStop', 'httpGet'), 'path') !== lingerPath) return container;
  const rest = without(lifecycle, 'preStop');
  const isEmpty = Object.keys(rest).length === 0;
  return isEmpty ? without(container, 'lifecycle') : { ...container, lifecycle: rest };
}

function without(map: JsonMap, name: string): JsonMap {
  const entries = Object.entries(map).filter(
    (entry): entry is [string, Json | undefined] => entry[0] !== name,
  );
  return Object.fromEntries(entries);
}
