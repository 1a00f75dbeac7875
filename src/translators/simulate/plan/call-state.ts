/** A judged call in few words, and how dangerous the way from one to another is. */
import { refuseClusterName } from '../../to-envoy/contract.js';
import type { BackendFact } from '../facts.js';
import type { Explanation, Outcome } from '../explain.js';

/** What a caller gets, in words that can be compared. */
export interface CallState {
  /** Distinct and sorted; several where endpoints differ. */
  readonly verdicts: readonly VerdictWord[];
  /** The rules that decided. */
  readonly rules: readonly string[];
  readonly tls: readonly string[];
  readonly route: string;
  readonly status: string;
  readonly backends: string;
  readonly mirror: string;
  readonly timeout: string;
  readonly retries: string;
  readonly fault: string;
}

/** What becomes of a call at one endpoint. */
export type VerdictWord = 'allowed' | 'denied' | 'answered' | 'unreachable';

/** The kinds of change, the most dangerous first. */
export const changeKinds = [
  'refused',
  'unreachable',
  'plaintext',
  'admitted',
  'answered',
  'backends',
  'fault',
  'route',
  'encrypted',
  'mirror',
  'timeout',
  'retries',
  'rule',
] as const;

/** What a change means to the caller. */
export type ChangeKind = (typeof changeKinds)[number];

/** The verdict of an outcome in one word. */
export function verdictWord({ verdict }: Pick<Outcome, 'verdict'>): VerdictWord {
  switch (verdict) {
    case 'admitted':
      return 'allowed';
    case 'refused':
    case 'refused at TLS':
      return 'denied';
    case 'answered':
      return 'answered';
    case 'no endpoint':
      return 'unreachable';
  }
}

/** What decided: the name of a rule, or what stands in its place. */
function ruleWord({ verdict, by, endpoint, cluster }: Outcome): string {
  if (verdict === 'refused at TLS') return 'mTLS';
  if (by === refuseClusterName) return 'a backend that does not exist';
  if (verdict === 'answered' || verdict === 'no endpoint') return by;
  // A cluster without endpoints passes on or refuses by itself.
  if (endpoint === '' && cluster !== undefined) return 'egress';
  return by === '' ? 'no rule' : by;
}

/** The state that an explanation tells of. */
export function toCallState({ outcomes, facts }: Explanation): CallState {
  return {
    verdicts: distinct(outcomes.map(verdictWord)),
    rules: distinct(outcomes.map(ruleWord)),
    tls: distinct(outcomes.flatMap(({ tls }) => tls ?? [])),
    route: facts.route ?? 'none',
    status: facts.status === undefined ? '' : String(facts.status),
    backends: formatBackends(facts.backends),
    mirror: facts.mirror === undefined ? 'none' : formatBackends([facts.mirror]),
    timeout: facts.timeoutMs === undefined ? 'none' : `${String(facts.timeoutMs)} ms`,
    fault: facts.fault ?? 'none',
    retries: String(facts.retry?.attempts ?? 0),
  };
}

/** What the change from one state to another is; undefined where a caller notices nothing. */
export function changeBetween(before: CallState, after: CallState): ChangeKind | undefined {
  const differs = (of: (state: CallState) => string | readonly string[]): boolean =>
    String(of(before)) !== String(of(after));
  const gains = (word: VerdictWord): boolean =>
    after.verdicts.includes(word) && !before.verdicts.includes(word);
  if (gains('denied') && before.verdicts.includes('allowed')) return 'refused';
  if (gains('unreachable') && before.verdicts.includes('allowed')) return 'unreachable';
  if (after.tls.includes('plaintext') && !before.tls.includes('plaintext') && before.tls.length > 0)
    return 'plaintext';
  const isFreed = before.verdicts.includes('denied') && !after.verdicts.includes('denied');
  if (after.verdicts.includes('allowed') && (gains('allowed') || isFreed)) return 'admitted';
  if (differs(({ verdicts }) => verdicts) || differs(({ status }) => status)) return 'answered';
  if (differs(({ backends }) => backends)) return 'backends';
  if (differs(({ fault }) => fault)) return 'fault';
  if (differs(({ route }) => route)) return 'route';
  if (differs(({ tls }) => tls)) return 'encrypted';
  if (differs(({ mirror }) => mirror)) return 'mirror';
  if (differs(({ timeout }) => timeout)) return 'timeout';
  if (differs(({ retries }) => retries)) return 'retries';
  return differs(({ rules }) => rules) ? 'rule' : undefined;
}

/** A state in the words that matter to a kind of change. */
export function describeState(state: CallState, kind: ChangeKind): string {
  const { verdicts, rules, status, tls, backends, route, mirror, timeout, retries, fault } = state;
  switch (kind) {
    case 'refused':
    case 'admitted':
    case 'unreachable':
    case 'answered':
      return verdicts.includes('answered')
        ? `answered ${status}`
        : `${verdicts.join(' and ')} by ${rules.join(' and ')}`;
    case 'rule':
      return rules.join(' and ');
    case 'plaintext':
    case 'encrypted':
      return tls.length === 0 ? 'no connection' : tls.join(' and ');
    case 'backends':
      return backends;
    case 'fault':
      return fault;
    case 'route':
      return route;
    case 'mirror':
      return mirror;
    case 'timeout':
      return timeout;
    case 'retries':
      return retries;
  }
}

/** Backends as one text, the share of each where there are several. */
export function formatBackends(backends: readonly BackendFact[]): string {
  const texts = backends.map(({ cluster, service, port, subset, percent }) => {
    const labels = Object.keys(subset)
      .sort()
      .map((name) => `${name}=${subset[name] ?? ''}`);
    const address = cluster === refuseClusterName ? 'nobody' : cluster;
    const host = service === undefined ? address : `${service}:${String(port ?? '')}`;
    const share = percent === 100 ? '' : `${String(Math.round(percent * 100) / 100)} % `;
    return `${share}${host}${labels.length === 0 ? '' : ` with ${labels.join(',')}`}`;
  });
  return texts.length === 0 ? 'none' : texts.sort().join(', ');
}

function distinct<T extends string>(values: readonly T[]): readonly T[] {
  return [...new Set(values)].sort();
}
