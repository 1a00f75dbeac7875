/** Who calls: the entries of `from`, in routes and in authorization. */
import { z } from 'zod';
import type { CallerMatch, CallerRule } from '../../../model/index.js';
import { canonicalCidr } from '../address.js';
import { strict } from './check.js';
import { selectorSchema } from './service-schema.js';
import { cidr, namespaceName, serviceAccountRef, spiffePattern } from './texts.js';

const termSchemas = {
  namespace: namespaceName.optional(),
  serviceAccount: serviceAccountRef.optional(),
  spiffe: spiffePattern.optional(),
  cidr: cidr.optional(),
  namespaceSelector: selectorSchema.optional(),
};

interface CallerEntry {
  namespace?: string | undefined;
  serviceAccount?: string | undefined;
  spiffe?: string | undefined;
  cidr?: string | undefined;
  namespaceSelector?: z.infer<typeof selectorSchema> | undefined;
  not?: CallerEntry[] | undefined;
}

const callerSchema: z.ZodType<CallerEntry> = strict({
  ...termSchemas,
  not: z.lazy(() => z.array(callerSchema).min(1).max(64)).optional(),
}).superRefine((entry, context) => {
  // An empty entry would mean everybody, which nobody writes on purpose.
  if (Object.values(entry).every((value) => value === undefined)) {
    const message = `expected at least one of ${Object.keys(termSchemas).join(', ')}, not`;
    context.addIssue({ code: 'custom', message });
  }
});

/** A list of `from`; an empty one is refused, since it could be read as everybody or nobody. */
export const callersSchema = z.array(callerSchema).min(1).max(256);

/** The alternatives as the model has them. */
export function toCallerRules(entries: readonly CallerEntry[]): readonly CallerRule[] {
  return entries.map(toCallerRule);
}

function toCallerRule(entry: CallerEntry): CallerRule {
  const all: CallerMatch[] = [];
  if (entry.namespace !== undefined) all.push({ kind: 'namespace', namespace: entry.namespace });
  if (entry.serviceAccount !== undefined) {
    const [namespace = '', name = ''] = entry.serviceAccount.split('/');
    all.push({ kind: 'serviceAccount', namespace, name });
  }
  if (entry.spiffe !== undefined) all.push({ kind: 'spiffe', pattern: entry.spiffe });
  if (entry.cidr !== undefined) {
    all.push({ kind: 'cidr', cidr: canonicalCidr(entry.cidr) ?? entry.cidr });
  }
  if (entry.namespaceSelector !== undefined) {
    all.push({ kind: 'namespaceSelector', matchLabels: entry.namespaceSelector.matchLabels });
  }
  return { all, not: toCallerRules(entry.not ?? []) };
}
