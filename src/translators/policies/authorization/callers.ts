/** Who calls: entries of `from` as conditions on identities and addresses. */
import type { CallerIr, CallerTermIr } from '../../../ir/index.js';
import {
  spiffeId,
  type CallerMatch,
  type CallerRule,
  type Labels,
  type SpiffeId,
} from '../../../model/index.js';
import { isInCidr } from '../../to-ir/address.js';

/** What callers are compared against. */
export interface CallerContext {
  readonly trustDomain: string;
  /** Names of the namespaces that match a selector now, sorted. */
  readonly namespacesMatching: (selector: Labels) => readonly string[];
}

/** A workload that may be meant by `from`. */
export interface Caller {
  readonly spiffeId: SpiffeId;
  readonly ips: readonly string[];
}

/** Spells one entry of `from` out. */
export function toCaller(rule: CallerRule, context: CallerContext): CallerIr {
  return {
    all: rule.all.map((match) => toTerms(match, context)),
    not: rule.not.map((entry) => toCaller(entry, context)),
  };
}

function toTerms(match: CallerMatch, context: CallerContext): readonly CallerTermIr[] {
  switch (match.kind) {
    case 'namespace':
      return [
        { kind: 'identity', match: 'prefix', value: identityPrefix(match.namespace, context) },
      ];
    case 'serviceAccount':
      return [
        {
          kind: 'identity',
          match: 'exact',
          value: spiffeId(context.trustDomain, match.namespace, match.name),
        },
      ];
    case 'spiffe':
      return match.pattern.endsWith('*')
        ? [{ kind: 'identity', match: 'prefix', value: match.pattern.slice(0, -1) }]
        : [{ kind: 'identity', match: 'exact', value: match.pattern }];
    case 'cidr':
      return [{ kind: 'cidr', cidr: match.cidr }];
    case 'namespaceSelector':
      return context.namespacesMatching(match.matchLabels).map((namespace) => ({
        kind: 'identity',
        match: 'prefix',
        value: identityPrefix(namespace, context),
      }));
  }
}

/** What the identities of a namespace begin with: an identity with an empty account's name. */
function identityPrefix(namespace: string, { trustDomain }: CallerContext): string {
  return spiffeId(trustDomain, namespace, '');
}

/** Whether an identity is what is asked for, as opposed to what is excluded. */
export function namesIdentity(rules: readonly CallerRule[]): boolean {
  return rules.some(
    (rule) =>
      rule.all.some(({ kind }) => kind !== 'cidr') ||
      rule.not.some((entry) => namesIdentity(entry.not)),
  );
}

/** Whether identities appear anywhere, so that plaintext callers are judged without one. */
export function mentionsIdentity(rules: readonly CallerRule[]): boolean {
  return rules.some(
    (rule) => rule.all.some(({ kind }) => kind !== 'cidr') || mentionsIdentity(rule.not),
  );
}

/** Whether a workload, calling over mTLS from one of its addresses, meets one entry of `from`. */
export function meetsCaller(caller: Caller, rule: CallerIr): boolean {
  return (
    rule.all.every((terms) => terms.some((term) => meetsTerm(caller, term))) &&
    !rule.not.some((entry) => meetsCaller(caller, entry))
  );
}

function meetsTerm(caller: Caller, term: CallerTermIr): boolean {
  if (term.kind === 'cidr') return caller.ips.some((ip) => isInCidr(term.cidr, ip));
  return term.match === 'exact'
    ? caller.spiffeId === term.value
    : caller.spiffeId.startsWith(term.value);
}
