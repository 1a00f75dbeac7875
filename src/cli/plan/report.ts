/** A plan as text for people: what is dangerous first, then what is behind it. */
import type { ChangedCall, ChangedCalls, ChangeKind } from '../../translators/index.js';
import { formatDiagnostic } from '../commands/validate.js';
import type { Operation, Plan, PlannedPush } from './plan.js';

/** The mark and the words of each kind of change of a call. */
const words: Readonly<Record<ChangeKind, readonly [mark: string, says: string]>> = {
  refused: ['!', 'would be refused'],
  unreachable: ['!', 'would reach nobody'],
  plaintext: ['!', 'would be plaintext'],
  admitted: ['+', 'would be admitted'],
  answered: ['~', 'would be answered otherwise'],
  backends: ['~', 'would go elsewhere'],
  fault: ['~', 'would meet another fault'],
  route: ['~', 'would take another route'],
  encrypted: ['+', 'would be encrypted'],
  mirror: ['~', 'would be mirrored otherwise'],
  timeout: ['~', 'would have another timeout'],
  retries: ['~', 'would be retried otherwise'],
  rule: ['~', 'would be decided by another rule'],
};

/** Changes that break what works. */
export const breaking: readonly ChangeKind[] = ['refused', 'unreachable'];

const signs: Readonly<Record<Operation, string>> = { added: '+', changed: '~', removed: '-' };

/** The whole plan; without `isLong`, long lists end in a count. */
export function formatPlan(plan: Plan, isLong: boolean): string {
  const limit = isLong ? Number.POSITIVE_INFINITY : 5;
  const sections = [
    callsSection(plan.calls, limit),
    objectsSection(plan, limit),
    sidecarsSection(plan, limit),
    connectionsSection(plan, limit),
    diagnosticsSection(plan),
  ].filter((lines) => lines.length > 0);
  return [...sections.map((lines) => lines.join('\n')), summaryOf(plan)].join('\n\n');
}

/** Calls that change in the same way, from the same callers. */
export interface CallGroup extends Omit<ChangedCall, 'to' | 'request' | 'before' | 'after'> {
  readonly targets: readonly string[];
  /** In words: `GET /api -H 'x-user: beta'`. */
  readonly requests: readonly string[];
}

/** Folds calls that differ in the request only, then targets whose calls are the same. */
export function groupCalls(calls: ChangedCalls): readonly CallGroup[] {
  const groups = new Map<string, CallGroup & { readonly targets: string[] }>();
  for (const each of groupRequests(calls)) {
    const { kind, callers, requests, was, becomes } = each;
    const key = JSON.stringify([kind, callers, requests, was, becomes]);
    const former = groups.get(key);
    if (former === undefined) groups.set(key, { ...each, targets: [...each.targets] });
    else former.targets.push(...each.targets);
  }
  return [...groups.values()];
}

function groupRequests({ changes }: ChangedCalls): readonly CallGroup[] {
  const groups = new Map<string, CallGroup & { readonly requests: string[] }>();
  for (const { request, kind, callers, to, was, becomes, because } of changes) {
    const key = JSON.stringify([kind, callers, to, was, becomes]);
    const headers = Object.entries(request.headers).map(([name, value]) =>
      name === 'authorization' ? `with ${describeToken(value)}` : `-H '${name}: ${value}'`,
    );
    const text = [request.method, request.path, ...headers].join(' ');
    const former = groups.get(key);
    if (former === undefined) {
      groups.set(key, { kind, callers, targets: [to], was, becomes, because, requests: [text] });
    } else former.requests.push(text);
  }
  return [...groups.values()];
}

/** What a token claims, since nobody reads it as it is. */
function describeToken(value: string): string {
  const [, payload = ''] = value.replace(/^Bearer /, '').split('.');
  const text = Buffer.from(payload, 'base64url').toString('utf8');
  return text.startsWith('{') ? `a token ${text}` : 'a malformed token';
}

function callsSection(calls: ChangedCalls, limit: number): readonly string[] {
  const groups = groupCalls(calls);
  const { judged, callerClasses, targets, omissions } = calls;
  const title = `CALLS  ${String(groups.length)} change${groups.length === 1 ? '' : 's'}; ${String(judged)} calls judged of ${String(callerClasses)} kinds of callers to ${String(targets)} targets`;
  const shown = groups.slice(0, limit * 8);
  return [
    title,
    ...shown.flatMap((group) => formatGroup(group, limit)),
    ...(groups.length > shown.length
      ? [`  and ${String(groups.length - shown.length)} more: --long, or -o json`]
      : []),
    ...omissions.map((text) => `  not complete: ${text}`),
  ];
}

function formatGroup(group: CallGroup, limit: number): readonly string[] {
  const [mark, says] = words[group.kind];
  const [first = '', ...others] = group.requests;
  const more =
    others.length === 0
      ? ''
      : ` and ${String(others.length)} more request${others.length === 1 ? '' : 's'}`;
  return [
    `${mark} ${says}: ${some(group.callers, limit)} to ${some(group.targets, limit)}: ${first}${more}`,
    `    ${group.was} -> ${group.becomes}`,
    ...(group.because.length === 0 ? [] : [`    ${group.because.slice(0, 4).join(', ')}`]),
  ];
}

function objectsSection({ objects }: Plan, limit: number): readonly string[] {
  if (objects.length === 0) return [];
  const shown = objects.slice(0, limit * 8);
  const rest = objects.length - shown.length;
  return [
    `OBJECTS  ${count(objects)}`,
    ...shown.map(({ operation, object, fields }) =>
      `${signs[operation]} ${object}  ${some(fields, limit)}`.trimEnd(),
    ),
    ...(rest > 0 ? [`  and ${String(rest)} more`] : []),
  ];
}

function sidecarsSection({ pushes, sidecars }: Plan, limit: number): readonly string[] {
  if (pushes.length === 0) return [];
  return [
    `SIDECARS  ${String(sidecars.touched)} of ${String(sidecars.total)} may be sent something; clusters and endpoints go to those that use them`,
    ...pushes.slice(0, limit * 4).flatMap((push) => formatPush(push, limit)),
    ...(pushes.length > limit * 4 ? [`  and ${String(pushes.length - limit * 4)} more`] : []),
  ];
}

function formatPush({ to, sidecars, resources }: PlannedPush, limit: number): readonly string[] {
  const isOne = to !== 'every sidecar' && !to.startsWith('namespace ');
  const title = isOne ? some(sidecars, limit) : `${to} (${String(sidecars.length)})`;
  const types = [...new Set(resources.map(({ type }) => type))].sort();
  return [
    `  ${title === '' ? to : title}`,
    ...types.map((type) => {
      const own = resources.filter((each) => each.type === type);
      const names = own.map(({ operation, name }) => `${signs[operation]}${name}`);
      return `    ${type}: ${count(own)}: ${some(names, limit)}`;
    }),
  ];
}

function connectionsSection({ drained }: Plan, limit: number): readonly string[] {
  const { inbound, outbound } = drained;
  return [
    ...(inbound.length === 0
      ? []
      : [`  drained: connections to ${pods(inbound)}: ${some(inbound, limit)}`]),
    ...(outbound.length === 0
      ? []
      : [`  drained: connections from ${pods(outbound)}: ${some(outbound, limit)}`]),
  ].map((line, index) => (index === 0 ? `CONNECTIONS\n${line}` : line));
}

function diagnosticsSection({ diagnostics }: Plan): readonly string[] {
  if (diagnostics.new.length + diagnostics.gone.length === 0) return [];
  return [
    `DIAGNOSTICS  ${String(diagnostics.new.length)} new, ${String(diagnostics.gone.length)} gone`,
    ...diagnostics.new.map((found) => `+ ${formatDiagnostic(found)}`),
    ...diagnostics.gone.map((found) => `- ${formatDiagnostic(found).split('\n')[0] ?? ''}`),
  ];
}

/** Whether nothing at all would change. */
export function isEmptyPlan({ objects, pushes, calls, diagnostics }: Plan): boolean {
  return (
    objects.length === 0 &&
    pushes.length === 0 &&
    calls.changes.length === 0 &&
    diagnostics.new.length === 0 &&
    diagnostics.gone.length === 0
  );
}

function summaryOf(plan: Plan): string {
  if (isEmptyPlan(plan)) return 'nothing would change';
  const groups = groupCalls(plan.calls);
  const of = (kind: ChangeKind): number => groups.filter((group) => group.kind === kind).length;
  return `would break ${String(of('refused') + of('unreachable'))}, would admit ${String(of('admitted'))}, other changes of calls ${String(groups.length - of('refused') - of('unreachable') - of('admitted'))}; nothing was written`;
}

function count(list: readonly { readonly operation: Operation }[]): string {
  const operations = ['added', 'changed', 'removed'] as const;
  return operations
    .map(
      (operation) =>
        [operation, list.filter((each) => each.operation === operation).length] as const,
    )
    .filter(([, total]) => total > 0)
    .map(([operation, total]) => `${String(total)} ${operation}`)
    .join(', ');
}

function pods({ length }: readonly string[]): string {
  return `${String(length)} pod${length === 1 ? '' : 's'}`;
}

function some(list: readonly string[], limit: number): string {
  const rest = list.length - limit;
  return [...list.slice(0, limit), ...(rest > 0 ? [`${String(rest)} more`] : [])].join(', ');
}
