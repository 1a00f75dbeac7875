/** What differs between what a case expects and what becomes of its call. */
import type { Expected, ExpectedBackend, ObjectField } from '../../sources/index.js';
import {
  verdictWord,
  type BackendFact,
  type Explanation,
  type Outcome,
  type Step,
} from '../../translators/index.js';

/** One thing that is not as expected. */
export interface Difference {
  /** The field of the case. */
  readonly field: string;
  readonly expected: string;
  readonly found: string;
}

/** Why a call went the way it did. */
export interface Reason {
  readonly says: string;
  readonly from: readonly ObjectField[];
}

/** Everything that differs. */
export function compare(
  expected: Expected,
  { facts, outcomes }: Explanation,
): readonly Difference[] {
  const { service } = facts;
  const differences: Difference[] = [];
  const check = (field: keyof Expected, isMet: boolean, wanted: string, found: string): void => {
    if (!isMet) differences.push({ field, expected: wanted, found });
  };
  const { verdict, rule, route, status, backends, mirror, timeoutMs, retries, tls } = expected;
  const verdicts = distinct(outcomes.map(verdictWord));
  if (verdict !== undefined) {
    const isMet = verdicts.length === 1 && verdicts[0] === verdict;
    check('verdict', isMet, verdict, showVerdicts(outcomes));
  }
  if (rule !== undefined) {
    const rules = distinct(outcomes.map(({ by }) => (by === '' ? 'no rule' : by)));
    check('rule', rules.length === 1 && rules[0] === rule, rule, rules.join(' and '));
  }
  const taken = facts.route ?? 'none';
  if (route !== undefined) check('route', taken === route, route, taken);
  if (status !== undefined) {
    const found = facts.status === undefined ? 'the callee’s own' : String(facts.status);
    check('status', facts.status === status, String(status), found);
  }
  if (backends !== undefined) {
    const isMet = meetsBackends(backends, facts.backends, service);
    check('backends', isMet, backends.map(showExpected).join(', '), showBackends(facts.backends));
  }
  if (mirror !== undefined) checkMirror(mirror, facts.mirror, service, differences);
  if (timeoutMs !== undefined) {
    const found = facts.timeoutMs ?? 0;
    check('timeoutMs', found === timeoutMs, showTimeout(timeoutMs), showTimeout(found));
  }
  if (retries !== undefined) {
    const found = facts.retry?.attempts ?? 0;
    check('retries', found === retries, String(retries), String(found));
  }
  if (tls !== undefined) {
    const found = distinct(outcomes.map((one) => one.tls ?? 'no connection'));
    check('tls', found.length === 1 && found[0] === tls, tls, found.join(' and '));
  }
  return differences;
}

/** The steps that led to what differs, with the YAML behind each. */
export function reasonsOf(
  differences: readonly Difference[],
  { steps }: Explanation,
): readonly Reason[] {
  const atVerdict = new Set(['verdict', 'rule', 'tls']);
  const wanted = new Set<Step['at']>();
  for (const { field } of differences) {
    for (const at of atVerdict.has(field) ? verdictSteps : routeSteps) wanted.add(at);
  }
  const seen = new Set<string>();
  return steps
    .filter(({ at, says }) => wanted.has(at) && !seen.has(says) && seen.add(says))
    .map(({ says, from }) => ({ says, from: from.map(toObjectField) }));
}

const verdictSteps: readonly Step['at'][] = ['name', 'tls', 'verdict'];
const routeSteps: readonly Step['at'][] = ['name', 'listener', 'route', 'cluster'];

/** `Kind namespace/name field`, as explanations name what is behind a step. */
export function toObjectField(text: string): ObjectField {
  const [kind = '', key = '', ...rest] = text.split(' ');
  const field = rest.join(' ');
  return { object: `${kind} ${key}`, ...(field === '' ? {} : { field }) };
}

function checkMirror(
  mirror: NonNullable<Expected['mirror']>,
  found: BackendFact | undefined,
  service: string | undefined,
  differences: Difference[],
): void {
  const text = found === undefined ? 'none' : `${showBackend(found)} for ${share(found.percent)}`;
  if (mirror === 'none') {
    if (found !== undefined) differences.push({ field: 'mirror', expected: 'none', found: text });
    return;
  }
  const isMet =
    found !== undefined &&
    meetsBackend(mirror, found, service) &&
    (mirror.percent === undefined || Math.abs(mirror.percent - found.percent) < 0.01);
  if (isMet) return;
  const percent = mirror.percent === undefined ? '' : ` for ${share(mirror.percent)}`;
  differences.push({ field: 'mirror', expected: `${showExpected(mirror)}${percent}`, found: text });
}

/** Each expected backend is one of those found, and none is left. */
function meetsBackends(
  expected: readonly ExpectedBackend[],
  found: readonly BackendFact[],
  service: string | undefined,
): boolean {
  if (expected.length !== found.length) return false;
  const total = expected.reduce((sum, { weight }) => sum + (weight ?? 0), 0);
  const left = [...found];
  return expected.every((one) => {
    const at = left.findIndex(
      (each) =>
        meetsBackend(one, each, service) &&
        (one.weight === undefined ||
          Math.abs((100 * one.weight) / Math.max(total, 1e-9) - each.percent) < 0.01),
    );
    if (at < 0) return false;
    left.splice(at, 1);
    return true;
  });
}

function meetsBackend(
  { service, namespace, port, subset }: ExpectedBackend,
  found: BackendFact,
  called: string | undefined,
): boolean {
  const [ownNamespace = '', ownName = ''] = (called ?? '').split('/');
  const key = `${namespace ?? ownNamespace}/${service ?? ownName}`;
  const labels = Object.entries(subset ?? {});
  return (
    found.service === key &&
    (port === undefined || found.port === port) &&
    (subset === undefined ||
      (labels.length === Object.keys(found.subset).length &&
        labels.every(([name, value]) => found.subset[name] === value)))
  );
}

/** A backend as a report shows it. */
export function showBackend({ service, port, subset, cluster }: BackendFact): string {
  const labels = Object.entries(subset).map(([name, value]) => `${name}=${value}`);
  const host = service === undefined ? cluster : `${service}:${String(port ?? '')}`;
  return labels.length === 0 ? host : `${host} with ${labels.sort().join(',')}`;
}

/** Backends as a report shows them, with the share of each. */
export function showBackends(backends: readonly BackendFact[]): string {
  if (backends.length === 0) return 'none';
  return backends
    .map((one) =>
      backends.length === 1 ? showBackend(one) : `${share(one.percent)} ${showBackend(one)}`,
    )
    .join(', ');
}

function showExpected({ service, namespace, port, subset, weight }: ExpectedBackend): string {
  const labels = Object.entries(subset ?? {}).map(([name, value]) => `${name}=${value}`);
  return [
    ...(weight === undefined ? [] : [`weight ${String(weight)}`]),
    `${namespace === undefined ? '' : `${namespace}/`}${service ?? 'the Service called'}${port === undefined ? '' : `:${String(port)}`}`,
    ...(labels.length === 0 ? [] : [`with ${labels.sort().join(',')}`]),
  ].join(' ');
}

function showVerdicts(outcomes: readonly Outcome[]): string {
  const groups = new Map<string, string[]>();
  for (const outcome of outcomes) {
    const how = outcome.verdict === 'refused at TLS' ? ' at TLS' : '';
    const by = outcome.by === '' ? '' : ` by ${outcome.by}`;
    const text = `${verdictWord(outcome)}${how}${by}`;
    groups.set(text, [...(groups.get(text) ?? []), outcome.endpoint]);
  }
  if (groups.size === 1) return [...groups.keys()].join('');
  return [...groups].map(([text, where]) => `${text} at ${where.join(', ')}`).join('; ');
}

function share(percent: number): string {
  return `${String(Math.round(percent * 100) / 100)} %`;
}

function showTimeout(ms: number): string {
  return ms === 0 ? 'none' : `${String(ms)} ms`;
}

function distinct<T>(values: readonly T[]): readonly T[] {
  return [...new Set(values)];
}
