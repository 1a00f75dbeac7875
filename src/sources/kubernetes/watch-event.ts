/** One line of a watch (metav1.WatchEvent), and the metadata that every object has. */
import { isMap, ownField } from '../parse/cursor.js';
import { KubernetesApiError } from './api-error.js';

/** What tells one object, and one state of it, from another. */
export interface ObjectMeta {
  /** `namespace/name`, or `name`. */
  readonly key: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** An event. */
export type WatchEvent =
  | { readonly kind: 'set' | 'deleted'; readonly meta: ObjectMeta; readonly object: unknown }
  | {
      readonly kind: 'bookmark';
      readonly resourceVersion: string;
      /** The last of the initial events of a streaming list. */
      readonly isInitialEnd: boolean;
    };

/** The text, or none. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The metadata; throws where it has no name, which no API server sends. */
export function readMeta(object: unknown): ObjectMeta {
  const metadata = ownField(object, 'metadata');
  const namespace = textOf(ownField(metadata, 'namespace'));
  const name = textOf(ownField(metadata, 'name'));
  if (name === '') throw broken('an object without a name');
  return {
    key: namespace === '' ? name : `${namespace}/${name}`,
    uid: textOf(ownField(metadata, 'uid')),
    resourceVersion: textOf(ownField(metadata, 'resourceVersion')),
  };
}

function broken(what: string): KubernetesApiError {
  return new KubernetesApiError(`a watch sent ${what}`, { status: 200, reason: 'Malformed' });
}

const initialEnd = 'k8s.io/initial-events-end';

/** Reads a line; an event that is an error is thrown. */
export function readEvent(line: unknown): WatchEvent {
  const type = ownField(line, 'type');
  const object = ownField(line, 'object');
  if (!isMap(object)) throw broken('an event without an object');
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
      return { kind: 'set', meta: readMeta(object), object };
    case 'DELETED':
      return { kind: 'deleted', meta: readMeta(object), object };
    case 'BOOKMARK': {
      const metadata = ownField(object, 'metadata');
      return {
        kind: 'bookmark',
        resourceVersion: textOf(ownField(metadata, 'resourceVersion')),
        isInitialEnd: ownField(ownField(metadata, 'annotations'), initialEnd) === 'true',
      };
    }
    case 'ERROR': {
      const code = ownField(object, 'code');
      throw new KubernetesApiError(`the watch ended: ${textOf(ownField(object, 'message'))}`, {
        status: typeof code === 'number' ? code : 500,
        reason: textOf(ownField(object, 'reason')),
      });
    }
    default:
      throw broken(`an event of the unknown type ${String(type).slice(0, 32)}`);
  }
}
