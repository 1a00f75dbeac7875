/** How checks are run, and those that no API server of ours can be brought to fail. */
import { describe, expect, test } from '@jest/globals';
import { KubernetesApiError } from '../../sources/index.js';
import { fine, runChecks, type Check, type CheckReport } from './check.js';
import { checkCodes } from './codes.js';
import { openFacts, parseKubernetesVersion, type Facts } from './facts.js';
import { clockCheck, versionCheck } from './nodes.js';
import { spellReport } from './print.js';

/** An API server that answers by path, and whose clock is so far ahead. */
function factsOf(answers: Readonly<Record<string, unknown>>, skewMs = 0): Facts {
  return openFacts({
    send: ({ path }) => Promise.resolve(answers[path] ?? { items: [] }),
    exec: () => Promise.reject(new Error('not here')),
    clockSkewMs: () => skewMs,
  });
}

async function reportsOf(checks: readonly Check[], facts: Facts): Promise<readonly CheckReport[]> {
  const reports: CheckReport[] = [];
  for await (const report of runChecks(checks, facts)) reports.push(report);
  return reports;
}

test.each([
  ['v1.34.4', 1, 34],
  ['v1.29.3+k3s1', 1, 29],
  ['v1.30.1-eks-036c24b', 1, 30],
  ['1.31.0', 1, 31],
])('%s is read', (name, major, minor) => {
  expect(parseKubernetesVersion(name)).toEqual({ name, major, minor });
});

test.each([
  ['v1.28.15', ['KubernetesTooOld']],
  ['v1.29.0', []],
  ['v2.0.0', []],
  ['unknown', ['KubernetesTooOld']],
])('a cluster of %s', async (gitVersion, codes) => {
  const { findings } = await versionCheck.look(factsOf({ '/version': { gitVersion } }));
  expect(findings.map(({ code }) => code)).toEqual(codes);
});

test.each([
  [3_000, []],
  [-3_000, []],
  [90_000, ['ClockSkew: this machine is 90 s behind of the API server']],
  [-90_000, ['ClockSkew: this machine is 90 s ahead of the API server']],
])('an API server whose clock is %d ms ahead', async (skewMs, says) => {
  const { findings } = await clockCheck.look(factsOf({}, skewMs));
  expect(findings.map((one) => `${one.code}: ${one.says}`)).toEqual(says);
});

describe('the runner', () => {
  const failing: Check = {
    name: 'first',
    look: () => Promise.resolve({ says: 'no', findings: [{ code: 'NoNode', says: 'none' }] }),
  };
  const following: Check = {
    name: 'second',
    needs: ['first'],
    look: () => Promise.resolve(fine('')),
  };
  const last: Check = { name: 'third', needs: ['second'], look: () => Promise.resolve(fine('')) };
  const apart: Check = { name: 'fourth', look: () => Promise.resolve(fine('yes')) };

  test('skips what stands on a check that failed or was skipped, and nothing else', async () => {
    const reports = await reportsOf([failing, following, last, apart], factsOf({}));
    expect(reports.map(({ name, result, says }) => [name, result, says])).toEqual([
      ['first', 'failed', 'no'],
      ['second', 'skipped', 'see first'],
      ['third', 'skipped', 'see second'],
      ['fourth', 'ok', 'yes'],
    ]);
  });

  test('a warning holds nothing back', async () => {
    const warning: Check = {
      name: 'first',
      look: () => Promise.resolve({ says: '', findings: [{ code: 'NodeForeign', says: '' }] }),
    };
    const reports = await reportsOf([warning, following], factsOf({}));
    expect(reports.map(({ result }) => result)).toEqual(['warning', 'ok']);
  });

  test.each([
    [403, 'MayNotLook'],
    [0, 'ApiServerAway'],
    [500, 'ApiServerAway'],
  ])('an answer of %d is a finding', async (status, code) => {
    const error = new KubernetesApiError('says so', { status, reason: '' });
    const check: Check = { name: 'first', look: () => Promise.reject(error) };
    const [report] = await reportsOf([check], factsOf({}));
    expect(report?.findings[0]).toMatchObject({
      code,
      says: 'says so',
      ...{ remedy: checkCodes[code as 'MayNotLook'].remedy },
    });
  });

  test('a bug is no finding', async () => {
    const check: Check = { name: 'first', look: () => Promise.reject(new TypeError('oops')) };
    await expect(reportsOf([check], factsOf({}))).rejects.toThrow('oops');
  });
});

test('of many findings that say the same to do, ten are shown and the rest counted', () => {
  const { cause, remedy } = checkCodes.KubeletTooOld;
  const findings = Array.from({ length: 13 }, (_, index) => ({
    ...{ code: 'KubeletTooOld' as const, says: `node ${String(index)}`, cause, remedy },
  }));
  const text = spellReport({ name: 'nodes', result: 'failed', says: '', findings }, 5);
  expect(text.match(/node \d+/g)).toHaveLength(10);
  expect(text).toContain('and 3 more');
  expect(text.match(/remedy:/g)).toHaveLength(1);
});
