/** What a status says: of findings, of counts, of refusals, and nothing new where nothing is new. */
import { describe, expect, test } from '@jest/globals';
import { podKey, type Diagnostic } from '../../../model/index.js';
import { toAccepted } from './accepted.js';
import { describeMode, describeTargets } from './describe-targets.js';
import {
  missingIn,
  saysTheSame,
  statusSchema,
  toStatus,
  type PolicyFacts,
  type ProxyCounts,
} from './policy-status.js';
import { cutText, joinSentences } from './sentences.js';

function found(
  code: Diagnostic['code'],
  severity: Diagnostic['severity'],
  field = 'spec.targetRefs[0]',
): Diagnostic {
  return { code, severity, field, message: `${code} found`, remedy: 'mend it' };
}

const none: ProxyCounts = { selected: 0, live: 0, rejected: 0, offline: 0, slowest: undefined };
const all: ProxyCounts = { ...none, selected: 41, live: 41 };
const facts: PolicyFacts = {
  ...{ generation: 3, target: 'Mesh', mode: 'Enforce', instead: undefined, counts: all },
  accepted: { isTrue: true, reason: 'Accepted', message: 'accepted' },
  firstRejection: undefined,
};
const startMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

function programmed(more: Partial<PolicyFacts>): readonly (string | undefined)[] {
  const { conditions } = toStatus({ ...facts, ...more }, undefined, startMs);
  const condition = conditions.find(({ type }) => type === 'Programmed');
  return [condition?.status, condition?.reason, condition?.message];
}

describe('Accepted', () => {
  test.each([
    ['nothing', [], 1, true, 'Accepted'],
    ['a warning', [found('IdentityOnPlaintextPort', 'warning')], 1, true, 'Accepted'],
    ['an error of its own', [found('NotImplemented', 'error')], 1, false, 'Invalid'],
    ['a target it may not have', [found('TargetNotAllowed', 'error')], 1, false, 'Invalid'],
    ['a missing target', [found('TargetNotFound', 'error')], 2, false, 'TargetNotFound'],
    ['a missing backend', [found('BackendNotFound', 'error')], 1, false, 'TargetNotFound'],
    ['a subset of nobody', [found('BackendNotFound', 'warning')], 1, true, 'Accepted'],
    ['its only selector finding nobody', [found('TargetNotFound', 'warning')], 1, false, 'TargetNotFound'], // prettier-ignore
    ['one selector of two finding nobody', [found('TargetNotFound', 'warning')], 2, true, 'Accepted'], // prettier-ignore
    ['a conflict', [found('Conflicted', 'error')], 1, false, 'Conflicted'],
    ['a floor above it', [found('Overridden', 'warning')], 1, true, 'Overridden'],
    ['a conflict and a missing target', [found('Conflicted', 'error'), found('TargetNotFound', 'error')], 2, false, 'TargetNotFound'], // prettier-ignore
    ['a refusal by a sidecar', [found('Rejected', 'error')], 1, true, 'Accepted'],
  ] as const)('%s', (_what, findings, targets, isTrue, reason) => {
    expect(toAccepted(findings, targets)).toMatchObject({ isTrue, reason });
  });

  test('the worst comes first, with its field and what to do; warnings say that they are', () => {
    const { message } = toAccepted(
      [found('AuditOnly', 'warning', 'spec.routes'), found('Invalid', 'error', 'spec.mode')],
      1,
    );
    expect(message).toBe(
      'spec.mode: Invalid found (mend it); spec.routes: AuditOnly found (warning)',
    );
  });

  test('very many findings make a message that still ends', () => {
    const { message } = toAccepted(
      Array.from({ length: 500 }, (_, index) =>
        found('Invalid', 'error', `spec.f${String(index)}`),
      ),
      1,
    );
    expect(message.length).toBeLessThan(2_100);
    expect(message).toMatch(/; and \d+ more$/);
  });
});

describe('Programmed', () => {
  test.each([
    [{}, 'True', 'Programmed', 'live on 41 of 41 sidecars'],
    [{ counts: none }, 'True', 'Programmed', 'no sidecar is selected'],
    [{ counts: none, mode: 'Disabled' }, 'True', 'Programmed', 'mode is Disabled: nothing is in force'], // prettier-ignore
    [{ counts: none, accepted: { isTrue: false, reason: 'TargetNotFound', message: '' } }, 'False', 'Pending', 'no sidecar is selected'], // prettier-ignore
    [{ counts: { ...all, live: 39, offline: 1, slowest: podKey('shop', 'a') } }, 'False', 'Pending', 'live on 39 of 41 sidecars; 1 not connected; waiting for shop/a'], // prettier-ignore
    [{ counts: { ...all, live: 0 }, instead: 'last good form' }, 'False', 'Pending', 'the last good form stays in force'], // prettier-ignore
    [{ instead: 'last good form', firstRejection: { proxy: 'shop/a', message: 'bad regex' } }, 'False', 'Rejected', 'shop/a refused it: bad regex; the last good form stays in force'], // prettier-ignore
    [{ firstRejection: { message: 'bad regex' } }, 'False', 'Rejected', 'a sidecar refused it: bad regex; in force where it is accepted: live on 41 of 41 sidecars'], // prettier-ignore
  ] as const)('%j', (more, status, reason, message) => {
    expect(programmed(more)).toEqual([status, reason, message]);
  });

  test('without a good form the message says what holds instead', () => {
    expect(programmed({ instead: 'closed' })[2]).toMatch(/^no good form is known: .*admit nobody/);
  });
});

test('a status has counts as numbers and in a word, and each condition the generation', () => {
  const status = toStatus(
    { ...facts, counts: { ...all, live: 40, rejected: 1, slowest: podKey('shop', 'a') } },
    undefined,
    startMs,
  );
  expect(status).toMatchObject({
    ...{ observedGeneration: 3, target: 'Mesh', slowest: 'shop/a' },
    proxies: { selected: 41, live: 40, rejected: 1, offline: 0, summary: '40/41' },
  });
  expect(status.conditions.map((one) => [one.observedGeneration, one.lastTransitionTime])).toEqual([
    [3, '2026-01-02T03:04:05Z'],
    [3, '2026-01-02T03:04:05Z'],
  ]);
  expect(missingIn(status)).toBe(1);
  expect(statusSchema.parse(JSON.parse(JSON.stringify(status)))).toEqual(status);
});

test('the time of a transition stays while the condition does, whatever else changes', () => {
  const before = toStatus(facts, undefined, startMs);
  const later = toStatus({ ...facts, generation: 4 }, before, startMs + 60_000);
  expect(later.conditions.map((one) => one.lastTransitionTime)).toEqual(
    before.conditions.map((one) => one.lastTransitionTime),
  );
  const pending = toStatus({ ...facts, counts: { ...all, live: 0 } }, before, startMs + 60_000);
  expect(pending.conditions.map((one) => one.lastTransitionTime)).toEqual([
    '2026-01-02T03:04:05Z',
    '2026-01-02T03:05:05Z',
  ]);
});

test('statuses that say the same are the same, whatever the times and whoever added conditions', () => {
  const before = toStatus(facts, undefined, startMs);
  const foreign = { ...before.conditions[0], type: 'Reviewed', status: 'True' } as const;
  const conditions = [foreign, ...before.conditions].reverse();
  const seen = statusSchema.parse({ ...before, conditions });
  expect(saysTheSame(seen, toStatus(facts, seen, startMs + 5_000))).toBe(true);
  expect(saysTheSame(undefined, before)).toBe(false);
  const changes: readonly Partial<PolicyFacts>[] = [
    { generation: 4 },
    { target: 'Namespace' },
    { mode: 'Audit' },
    { counts: { ...all, rejected: 1 } },
    { counts: { ...all, slowest: podKey('shop', 'a') } },
    { accepted: { ...facts.accepted, message: 'with a warning' } },
    { firstRejection: { message: 'no' } },
  ];
  for (const change of changes) {
    expect(saysTheSame(before, toStatus({ ...facts, ...change }, before, startMs))).toBe(false);
  }
});

describe('TARGET', () => {
  test.each([
    [[{ kind: 'Mesh' }], 'Mesh'],
    [[{ kind: 'Service', name: 'reviews', sectionName: 'http' }], 'Service/reviews:http'],
    [[{ kind: 'Service', name: 'r', namespace: 'n' }, { kind: 'Mesh' }, {}], 'Service/n/r +1'],
    [[{ kind: 'Pod', selector: { matchLabels: { app: 'cart', tier: 'web' } } }], 'Pod/app=cart,tier=web'], // prettier-ignore
    [[{ kind: 'Namespace', name: 7, selector: 'nonsense' }], 'Namespace'],
    [['nonsense'], ''],
    ['nonsense', ''],
  ])('%j', (targetRefs, text) => {
    expect(describeTargets({ targetRefs })).toBe(text);
  });

  test('a long one is cut', () => {
    const matchLabels = Object.fromEntries(
      Array.from({ length: 30 }, (_, index) => [`label-${String(index)}`, 'x'.repeat(60)]),
    );
    expect(describeTargets({ targetRefs: [{ kind: 'Pod', selector: { matchLabels } }] })).toHaveLength(120); // prettier-ignore
    expect(describeTargets(undefined)).toBe('');
  });

  test('and MODE is what is written, or the usual one', () => {
    expect([{ mode: 'Audit' }, {}, { mode: 7 }].map(describeMode)).toEqual([
      ...['Audit', 'Enforce', 'Enforce'],
    ]);
  });
});

test('a text is never cut through a character, which would come back as another', () => {
  for (const length of [2, 3, 4, 5]) {
    const cut = cutText('a😀😀😀', length);
    expect(Buffer.from(cut).toString()).toBe(cut);
    expect(cutText('a😀😀😀', length).length).toBeLessThanOrEqual(length);
  }
  expect(joinSentences(['one', 'one', 'two'])).toBe('one; two');
});
