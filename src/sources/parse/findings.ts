/** Gathers everything that is wrong in one object, so that a user mends it all at once. */
import {
  diagnosticCodes,
  type Diagnostic,
  type DiagnosticCode,
  type ObjectRef,
} from '../../model/index.js';
import { formatFieldPath, type FieldPath } from './field-path.js';
import { showValue } from './show-value.js';

/** One thing found; `Invalid` and an error unless said otherwise. */
export interface Finding {
  readonly code?: DiagnosticCode;
  readonly severity?: 'error' | 'warning';
  readonly path: FieldPath;
  /** Left out of the diagnostic when undefined. */
  readonly value?: unknown;
  readonly message: string;
  /** Replaces the remedy of the code. */
  readonly remedy?: string;
}

/** The findings of one object. */
export interface Findings {
  add(finding: Finding): void;
  /** Whether an error was added. */
  hasErrors(): boolean;
  list(): readonly Diagnostic[];
}

/** More than these in one object are counted, not listed. */
const maxFindings = 100;

/** An empty gatherer for the object `ref`; undefined where the object cannot be named. */
export function createFindings(ref: ObjectRef | undefined): Findings {
  const list: Diagnostic[] = [];
  let errors = 0;
  let dropped = 0;
  return {
    add: (finding) => {
      if ((finding.severity ?? 'error') === 'error') errors += 1;
      if (list.length < maxFindings) list.push(toDiagnostic(ref, finding));
      else dropped += 1;
    },
    hasErrors: () => errors > 0,
    list: () => {
      if (dropped === 0) return [...list];
      const message = `${dropped} more findings in this object are not listed`;
      return [...list, toDiagnostic(ref, { path: [], message })];
    },
  };
}

/** One diagnostic, its remedy taken from the code where the finding has none. */
export function toDiagnostic(ref: ObjectRef | undefined, finding: Finding): Diagnostic {
  const code = finding.code ?? 'Invalid';
  return {
    code,
    severity: finding.severity ?? 'error',
    ...(ref === undefined ? {} : { object: ref }),
    ...(finding.path.length === 0 ? {} : { field: formatFieldPath(finding.path) }),
    ...(finding.value === undefined ? {} : { value: showValue(finding.value) }),
    message: finding.message,
    remedy: finding.remedy ?? diagnosticCodes[code].remedy,
  };
}
