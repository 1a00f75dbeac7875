/** Tests of how the soak bench judges: heaps and latencies that stay, and those that grow. */
import { describe, expect, test } from '@jest/globals';
import { formatSoak, judgeSoak } from './report.js';
import type { SoakSample } from './soak.js';
import { judge, lastToFirstQuarter, sparkline } from './trend.js';

/** A sample every ten seconds for an hour; noise repeats itself, so that the line is known. */
function hour(
  heapOf: (minutes: number) => number,
  latencyOf: (minutes: number) => number,
  codeOf: (minutes: number) => number = () => 5e6,
): readonly SoakSample[] {
  return Array.from({ length: 360 }, (_, index) => {
    const minutes = (index + 1) / 6;
    const noise = [0, 300_000, -300_000][index % 3] ?? 0;
    return {
      ...{ minutes, heapBytes: heapOf(minutes) + noise, residentBytes: 2e8 },
      ...{ codeBytes: codeOf(minutes), externalBytes: 1e6 },
      ...{ handles: 40, files: 60, streams: 20, certificates: index, endings: index },
      ...{ cpuMs: index * 100, latencyMs: [latencyOf(minutes), latencyOf(minutes)] },
      changes: { endpoints: index, pods: index, policies: index, services: index },
    };
  });
}

describe('a soak', () => {
  test('whose heap and latency stay is flat, whatever its first minutes were', () => {
    const samples = hour(
      (minutes) => (minutes < 5 ? 40e6 : 60e6),
      (minutes) => (minutes < 5 ? 50 : 3),
    );
    const { heap, heapVerdict, latencyRatio, isLatencyFlat } = judgeSoak(samples);
    expect([heap.mean, heapVerdict, latencyRatio, isLatencyFlat]).toEqual([60e6, 'flat', 1, true]);
  });

  test('whose heap leaks a megabyte every ten minutes grows by six an hour', () => {
    const { heap, heapVerdict } = judgeSoak(
      hour(
        (minutes) => 60e6 + minutes * 1e5,
        () => 3,
      ),
    );
    expect(heap.slope / 1e6).toBeCloseTo(6, 1);
    expect(heapVerdict).toBe('grows');
  });

  test('in which V8 compiles all the time has a heap that grows, and objects that do not', () => {
    const { heapVerdict, objects, objectsVerdict } = judgeSoak(
      hour(
        (minutes) => 60e6 + minutes * 1e5,
        () => 3,
        (minutes) => 5e6 + minutes * 1e5,
      ),
    );
    expect([heapVerdict, objectsVerdict]).toEqual(['grows', 'flat']);
    expect(objects.mean).toBeCloseTo(55e6, -5);
  });

  test('whose latency creeps up is not flat', () => {
    const { latencyRatio, isLatencyFlat } = judgeSoak(
      hour(
        () => 60e6,
        (minutes) => 2 + minutes / 20,
      ),
    );
    expect(latencyRatio).toBeGreaterThan(1.4);
    expect(isLatencyFlat).toBe(false);
  });

  test('that is too short or too noisy to tell is told to be so', () => {
    expect(judge({ mean: 100, slope: 1, uncertainty: 5 }, 0.02)).toBe('not known');
    expect(judge({ mean: 100, slope: 3, uncertainty: Infinity }, 0.02)).toBe('not known');
    expect(judge({ mean: 100, slope: -3, uncertainty: 4 }, 0.02)).toBe('flat');
  });

  test('is told in twenty windows, with what was done in each', () => {
    const noise = { medianMs: 1, worstMs: 1 };
    const text = formatSoak({
      ...{ bench: 'soak', minutes: 60, services: 20, endpoints: 5, sidecars: 20, used: 3 },
      samples: hour(
        () => 60e6,
        () => 3,
      ),
      machine: { cpu: 'x', cores: 2, node: 'v20', load: 1, before: noise, after: noise },
    });
    const rows = text.split('\n').filter((line) => /^\d+\.0 /.test(line));
    expect(rows).toHaveLength(20);
    // Eighteen samples a window; each adds one change of each of the four kinds.
    expect(rows[1]?.trim().split(/\s+/)).toEqual(
      expect.arrayContaining(['6.0', '60.0', '3.0', '18', '72']),
    );
    expect(text).toContain('359 of endpoints');
    expect(text).toContain(': flat (flat: less than 2 % an hour for sure)');
  });
});

describe('a series', () => {
  test('is compared by the medians of its ends', () => {
    expect(lastToFirstQuarter([1, 1, 9, 9, 9, 9, 2, 2])).toBe(2);
  });

  test('is drawn from its lowest to its highest', () => {
    expect(sparkline([1, 8, 4.5], 1)).toBe('▁█▅  1.0 to 8.0');
    expect(sparkline([2, 2], 0)).toBe('▁▁  2 to 2');
  });
});
