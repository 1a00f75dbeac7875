/** What is wrong in a user's object, as data: never an exception. */
import type { DiagnosticCode } from './diagnostic-codes.js';

/** Names one Kubernetes object. */
export interface ObjectRef {
  /** API group, empty for the core group, e.g. `skerry.dev`. */
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Where in a file something stands; lines and columns count from 1. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One finding about one field of one object. */
export interface Diagnostic {
  readonly code: DiagnosticCode;
  /** `error`: the object (or the field named) has no effect; `warning`: it works, but look at it. */
  readonly severity: 'error' | 'warning';
  /** Absent where the text is too broken to name an object. */
  readonly object?: ObjectRef;
  /** Path of the field, e.g. `spec.routes[0].timeout`. */
  readonly field?: string;
  /** What was found there, shortened to 200 characters. */
  readonly value?: string;
  /** What was expected and what was found; lower case, no full stop. */
  readonly message: string;
  /** What to do about it. */
  readonly remedy: string;
  readonly position?: SourcePosition;
}

/** `TrafficPolicy.skerry.dev shop/reviews`: the group is always shown, since others use the same kind. */
export function formatRef(ref: ObjectRef): string {
  const kind = ref.group === '' ? ref.kind : `${ref.kind}.${ref.group}`;
  return ref.namespace === '' ? `${kind} ${ref.name}` : `${kind} ${ref.namespace}/${ref.name}`;
}
