/** How busy the machine is: the time that always the same work takes. */
import { cpus, loadavg } from 'node:os';
import { median, worst } from './statistics.js';

/** One look at the machine. */
export interface Noise {
  /** Milliseconds that the work took; on an idle machine both are nearly the same. */
  readonly medianMs: number;
  readonly worstMs: number;
}

/** The machine of a bench, before and after it. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  /** Processes that wanted a core at the end, over one minute. */
  readonly load: number;
  readonly before: Noise;
  readonly after: Noise;
}

const repetitions = 60;
const steps = 1_000_000;

/** Does the work sixty times, about a tenth of a second in all. */
export function measureNoise(): Noise {
  const samples: number[] = [];
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    const startedAt = performance.now();
    work();
    samples.push(performance.now() - startedAt);
  }
  return { medianMs: median(samples), worstMs: worst(samples) };
}

let kept = 1;

/** Keeps its outcome, so that the compiler cannot leave the loop out. */
function work(): void {
  for (let step = 0; step < steps; step += 1) kept = (Math.imul(kept, 1_664_525) + 1) | 0;
}

/** What is to be said of the machine after a bench that began with `before`. */
export function describeMachine(before: Noise): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    node: process.version,
    load: loadavg()[0] ?? 0,
    before,
    after: measureNoise(),
  };
}

/** Before and after, in milliseconds. */
export function formatNoise({ before, after }: Pick<Machine, 'before' | 'after'>): string {
  const text = ({ medianMs, worstMs }: Noise): string =>
    `${medianMs.toFixed(1)} (worst ${worstMs.toFixed(1)})`;
  return `${text(before)} ms before and ${text(after)} ms after`;
}

/** The machine in two lines. */
export function formatMachine(machine: Machine): string {
  const { cpu, cores, node, load } = machine;
  return [
    `machine: ${cores} cores, ${cpu}, Node ${node.slice(1)}, load ${load.toFixed(1)}`,
    `noise: a fixed loop took ${formatNoise(machine)}`,
  ].join('\n');
}
