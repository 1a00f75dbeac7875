/** Tests of the benches' pure parts: statistics, options, proc files, arrivals, generated manifests. */
import { describe, expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { deadlineAfter } from './deadline.js';
import { bulkPodIps, bulkText, bulkVip } from './manifests.js';
import { parseOptions } from './options.js';
import { parseCpuMs, parseResidentBytes, parseStartAfterBootMs } from './processes.js';
import { lastArrival, type ProxyState } from './proxies.js';
import { metricOf, quantileOf, readBuckets } from './prometheus.js';
import { parseReport } from './request/fortio.js';
import { fitLine, median, percentile, worst } from './statistics.js';

describe('a deadline', () => {
  test('comes, whatever the collector has taken meanwhile', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const deadline = deadlineAfter(100, new AbortController().signal);
    const aborted = new Promise<unknown>((resolve) => {
      deadline.addEventListener('abort', () => {
        resolve(deadline.reason);
      });
    });
    collect();
    // The deadline itself keeps nothing running.
    const running = setInterval(() => undefined, 10);
    await expect(aborted).resolves.toMatchObject({ name: 'TimeoutError' });
    clearInterval(running);
  });

  test('comes at once when the bench is interrupted', () => {
    const interruption = new AbortController();
    const deadline = deadlineAfter(60_000, interruption.signal);
    interruption.abort(new Error('interrupted'));
    expect(deadline.reason).toEqual(new Error('interrupted'));
  });
});

describe('statistics', () => {
  test('the median is the middle sample or the mean of two', () => {
    expect([median([3, 1, 2]), median([4, 1, 3, 2])]).toEqual([2, 2.5]);
  });

  test('a percentile is a sample that so many do not exceed', () => {
    const samples = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1];
    expect([percentile(samples, 0.9), percentile(samples, 0.91), worst(samples)]).toEqual([
      9, 10, 10,
    ]);
  });

  test('a line goes through points of one line, and is sure of it', () => {
    const points = [1, 2, 4].map((x) => ({ x, y: 3 * x + 5 }));
    const { mean, slope, uncertainty } = fitLine(points);
    expect([mean, slope, uncertainty].map((value) => Number(value.toFixed(6)))).toEqual([12, 3, 0]);
  });

  test('a line through noise is as sure as the noise lets it be', () => {
    // By hand: y = 1.5 + 0.5 x; rests of -0.5, 1, -0.5 and 0, whose squares are 1.5; a spread of 5.
    const { slope, uncertainty } = fitLine([1, 3, 2, 3].map((y, x) => ({ x, y })));
    expect(slope).toBeCloseTo(0.5, 10);
    expect(uncertainty).toBeCloseTo(2 * Math.sqrt(1.5 / 2 / 5), 10);
    expect(fitLine([1, 3].map((y, x) => ({ x, y }))).uncertainty).toBe(Infinity);
  });

  test('nothing has no median', () => {
    expect([median([]), worst([])]).toEqual([Number.NaN, Number.NaN]);
  });
});

describe('the load tool’s report', () => {
  const report = (codes: object): string =>
    `Fortio is running\n${JSON.stringify({
      ActualQPS: 498.5,
      RetCodes: codes,
      DurationHistogram: {
        Count: 100,
        Percentiles: [
          { Percentile: 50, Value: 0.00025 },
          { Percentile: 99, Value: 0.0026 },
        ],
      },
    })}\nAll done`;

  test('is read in milliseconds', () => {
    expect(parseReport(report({ 200: 100 }))).toEqual({
      ...{ requests: 100, perSecond: 498.5, p50Ms: 0.25, p99Ms: 2.6 },
    });
  });

  test('with one request that failed is no figure', () => {
    expect(() => parseReport(report({ 200: 99, 503: 1 }))).toThrow('requests failed: 1 times 503');
  });
});

describe('the Prometheus text format', () => {
  const text = (counts: readonly number[]): string =>
    [
      '# TYPE x_seconds histogram',
      ...['0.001', '0.01', '+Inf'].map((le, at) => `x_seconds_bucket{le="${le}"} ${counts[at]}`),
      'x_seconds_count 9',
      'lag_seconds 0.25',
    ].join('\n');

  test('a metric is found by its whole name', () => {
    expect([metricOf(text([1, 2, 3]), 'lag_seconds'), metricOf(text([1]), 'lag')]).toEqual([
      0.25,
      Number.NaN,
    ]);
  });

  test('a quantile is the bound of the bucket it lies in, of what came since', () => {
    const since = readBuckets(
      text([8, 10, 11]),
      'x_seconds',
      readBuckets(text([7, 7, 7]), 'x_seconds'),
    );
    expect([0.25, 0.5, 0.75, 1].map((share) => quantileOf(since, share))).toEqual([
      ...[0.001, 0.01, 0.01, Infinity],
    ]);
    expect(quantileOf(readBuckets('', 'x_seconds'), 0.5)).toBeNaN();
  });
});

describe('options', () => {
  test('have the sizes that the claims are made for as defaults', () => {
    expect(parseOptions(['propagation'])).toEqual({
      bench: 'propagation',
      ...{ sidecars: 20, rounds: 30, services: 100, json: false },
    });
    expect(parseOptions(['sidecar', '--json'])).toEqual({
      bench: 'sidecar',
      ...{ services: [100, 1000, 5000, 10_000], layouts: ['on-demand', 'eager'] },
      ...{ used: 10, json: true },
    });
    expect(parseOptions(['request'])).toEqual({
      bench: 'request',
      ...{ rate: 500, connections: 8, seconds: 3, rounds: 7, json: false },
    });
    expect(parseOptions(['balance', '--quick'])).toEqual({
      bench: 'balance',
      ...{ seconds: 2, rounds: 3, json: false },
    });
    expect(parseOptions(['sync'])).toEqual({
      bench: 'sync',
      ...{ services: 1000, endpoints: 5, events: 5000, json: false },
    });
    expect(parseOptions(['load'])).toEqual({
      bench: 'load',
      ...{ services: 1000, endpoints: 5, sidecars: 1000, used: 10, rounds: 20, json: false },
      ...{ layouts: ['on-demand', 'eager'], suites: ['connect', 'churn', 'reconnect'] },
    });
  });

  test.each([
    [
      ['speed'],
      'expected propagation, sidecar, request, balance, sync, load, certificates, soak or budget, found speed',
    ],
    [
      ['propagation', '--rounds', '0'],
      '--rounds: expected a whole number from 1 to 10000, found 0',
    ],
    [['sidecar', '--services', '100,x'], '--services: expected a whole number from 30'],
    [['sidecar', '--services', '100', '--used', '40'], 'expected a whole number from 120'],
    [['sidecar', '--rounds', '3'], '--rounds'],
    [['load', '--services', '2', '--endpoints', '2', '--sidecars', '5'], '--sidecars: expected a'],
    [['request', '--rate', '0'], '--rate: expected a whole number from 1'],
    [['load', '--layouts', 'lazy'], '--layouts: expected on-demand, eager with commas between'],
  ])('%j is answered with what is wrong', (args, text) => {
    expect(parseOptions(args)).toContain(text);
  });
});

describe('proc files', () => {
  test('resident memory is given in kB of 1024 bytes', () => {
    expect(parseResidentBytes('VmPeak:\t  99 kB\nVmRSS:\t   1000 kB\n')).toBe(1_024_000);
  });

  test('a program’s name may hold spaces and parentheses', () => {
    const after = ['S', ...Array.from({ length: 18 }, () => '0'), '1234', '77'].join(' ');
    expect(parseStartAfterBootMs(`42 (a ) b) ${after}`)).toBe(12_340);
  });

  test('processor time is that of user and system together', () => {
    const after = ['S', ...Array.from({ length: 10 }, () => '0'), '250', '50', '9'].join(' ');
    expect(parseCpuMs(`42 (node) ${after}`)).toBe(3000);
  });
});

function proxy(
  times: Readonly<Record<string, readonly [sent: number, acked: number]>>,
): ProxyState {
  return {
    name: 'bench/caller-1',
    ...{ generationSent: 7, generationAcked: 7, rejected: [] },
    resources: Object.entries(times).map(([type, [lastSentAtMs, lastAckAtMs]]) => ({
      type,
      ...{ held: 1, bytesSent: 1, lastSentAtMs, lastAckAtMs },
    })),
  };
}

describe('the arrival of a change', () => {
  test('is the last ACK of the last sidecar', () => {
    const proxies = [proxy({ Cluster: [101, 105] }), proxy({ Cluster: [102, 109] })];
    expect(lastArrival(proxies, ['Cluster'], 100)).toEqual({ sentAtMs: 102, ackedAtMs: 109 });
  });

  test.each([
    [
      'a sidecar has an older answer',
      [proxy({ Cluster: [101, 105] }), proxy({ Cluster: [90, 95] })],
    ],
    ['a type is missing', [proxy({ Listener: [101, 105] })]],
    ['a response has no answer', [{ ...proxy({ Cluster: [101, 105] }), pendingForMs: 3 }]],
    ['a generation is on its way', [{ ...proxy({ Cluster: [101, 105] }), generationAcked: 6 }]],
  ])('has not come while %s', (_, proxies) => {
    expect(lastArrival(proxies, ['Cluster'], 100)).toBeUndefined();
  });
});

describe('generated manifests', () => {
  test('hold a Service, its slice and three pods with sidecars', () => {
    const objects = parseAllDocuments(bulkText(300, 'bench')).map((one) => one.toJS() as unknown);
    expect(objects).toMatchObject([
      { kind: 'Service', spec: { clusterIP: bulkVip(300) } },
      { kind: 'EndpointSlice', endpoints: bulkPodIps(300).map((ip) => ({ addresses: [ip] })) },
      ...bulkPodIps(300).map((ip) => ({
        kind: 'Pod',
        metadata: { annotations: { 'skerry.dev/sidecar': 'true' } },
        status: { podIP: ip },
      })),
    ]);
  });

  test('give no two Services or pods one address, and none that the rig uses', () => {
    const indexes = Array.from({ length: 15_000 }, (_, index) => index);
    const vips = indexes.map((index) => bulkVip(index));
    const ips = indexes.flatMap((index) => bulkPodIps(index));
    expect([new Set(vips).size, new Set(ips).size]).toEqual([15_000, 45_000]);
    expect([...vips, ...ips].filter((ip) => /\.(\d{4,}|2[5-9][6-9]|[3-9]\d\d)/.test(ip))).toEqual(
      [],
    );
    expect(ips.filter((ip) => /^10\.66\.[0-7]\./.test(ip))).toEqual([]);
  });
});
