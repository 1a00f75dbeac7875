/** All that is wrong now, from every place that finds it, and the log of what has become wrong. */
import type { Logger } from '../lib/index.js';
import { formatRef, type Diagnostic } from '../model/index.js';
import type { Pipeline } from '../translators/index.js';
import type { EffectivePolicies } from './effective-policies.js';

function diagnosticKey({ code, object, field, message, position }: Diagnostic): string {
  const name = object === undefined ? '' : formatRef(object);
  if (code === 'FailedClosed') return `${code} ${name}`;
  // Two files may be wrong in the same way, and neither needs to name an object.
  return `${code} ${name} ${position?.file ?? ''} ${field ?? ''} ${message}`;
}

/** Says once, in the log, what has become wrong; the admin API has it all. */
export function logNew(
  found: readonly Diagnostic[],
  known: readonly Diagnostic[],
  logger: Logger,
): void {
  const before = new Set(known.map(diagnosticKey));
  for (const one of found) {
    if (before.has(diagnosticKey(one))) continue;
    const { code, severity, object, field, value, message, position } = one;
    const text = 'an object is not as it should be';
    const fields = {
      code,
      ...(object && { object: formatRef(object) }),
      ...(field !== undefined && { field }),
      ...(value !== undefined && { value }),
      ...(position && { position }),
      detail: message,
    };
    if (severity === 'error') logger.error(text, fields);
    else logger.warn(text, fields);
  }
}

/** Everything that is wrong now, once. */
export function allDiagnostics(
  ofSource: readonly Diagnostic[],
  pipeline: Pipeline,
  policies: EffectivePolicies,
): readonly Diagnostic[] {
  const all = [
    ...ofSource,
    ...[...pipeline.diagnostics().values()].flat(),
    ...policies.diagnostics(),
  ];
  // The source and the compiler may both find that a refused policy fails closed.
  return [...new Map(all.map((found) => [diagnosticKey(found), found])).values()];
}
