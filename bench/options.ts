/** The benches' command line. */
import { parseArgs } from 'node:util';
import { readGoalsOptions, type GoalsOptions } from './goals/options.js';
import { readCount, readThirds, readWords } from './option-values.js';
import { usage } from './usage.js';

const suites = ['connect', 'churn', 'reconnect'] as const;
const layouts = ['on-demand', 'eager'] as const;

/** What was asked for: one bench, or those that the goals are held to. */
export type BenchOptions = SuiteOptions | GoalsOptions;

/** One bench. */
export type SuiteOptions =
  | PropagationOptions
  | SidecarOptions
  | RequestOptions
  | BalanceOptions
  | SyncOptions
  | LoadOptions
  | CertificatesOptions
  | SoakOptions
  | BudgetOptions;

/** From file write to the last sidecar's ACK. */
export interface PropagationOptions {
  readonly bench: 'propagation';
  readonly sidecars: number;
  readonly rounds: number;
  /** Services in the directory beside those that change. */
  readonly services: number;
  readonly json: boolean;
}

/** What a sidecar costs. */
export interface SidecarOptions {
  readonly bench: 'sidecar';
  /** One row each and layout. */
  readonly services: readonly number[];
  readonly layouts: readonly (typeof layouts)[number][];
  /** Services that the app calls. */
  readonly used: number;
  readonly json: boolean;
}

/** What a request costs. */
export interface RequestOptions {
  readonly bench: 'request';
  /** Requests a second where latency and CPU are measured. */
  readonly rate: number;
  readonly connections: number;
  /** Of each run of load. */
  readonly seconds: number;
  readonly rounds: number;
  readonly json: boolean;
}

/** Which server gets a call where one is slow. */
export interface BalanceOptions {
  readonly bench: 'balance';
  /** Of each run of load. */
  readonly seconds: number;
  readonly rounds: number;
  readonly json: boolean;
}

/** How a real API server is followed. */
export interface SyncOptions {
  readonly bench: 'sync';
  readonly services: number;
  /** Of each Service. */
  readonly endpoints: number;
  /** Changes of endpoints in the storm. */
  readonly events: number;
  /** A folder for a CPU profile of the control plane. */
  readonly profile?: string;
  readonly json: boolean;
}

/** Simulated sidecars by the hundreds. */
export interface LoadOptions {
  readonly bench: 'load';
  readonly services: number;
  /** Of each Service. */
  readonly endpoints: number;
  readonly sidecars: number;
  /** Services that each sidecar's app calls, on demand. */
  readonly used: number;
  /** Rounds of each change. */
  readonly rounds: number;
  readonly layouts: readonly (typeof layouts)[number][];
  /** Connecting is always measured, since the others need it. */
  readonly suites: readonly (typeof suites)[number][];
  /** A folder for CPU profiles of the control plane. */
  readonly profile?: string;
  /** Another checkout, built, whose control plane is measured in the same run. */
  readonly against?: string;
  readonly json: boolean;
}

/** First certificates of all sidecars at once. */
export interface CertificatesOptions {
  readonly bench: 'certificates';
  readonly sidecars: number;
  /** Storms with the API server, and as many without it. */
  readonly rounds: number;
  /** A folder for CPU profiles of the control plane. */
  readonly profile?: string;
  readonly json: boolean;
}

/** A mesh that never rests. */
export interface SoakOptions {
  readonly bench: 'soak';
  readonly minutes: number;
  readonly services: number;
  /** Of each Service. */
  readonly endpoints: number;
  readonly sidecars: number;
  /** Services that each sidecar's app calls. */
  readonly used: number;
  readonly json: boolean;
}

/** Memory for each thing more. */
export interface BudgetOptions {
  readonly bench: 'budget';
  /** Added in three steps, as are their pods and endpoints. */
  readonly services: number;
  /** Likewise. */
  readonly sidecars: number;
  readonly json: boolean;
}

/** Each run calls Services that none has called before. */
export const sidecarRuns = 3;

/** Parses the command line; a text says what is wrong with it (or is the help). */
export function parseOptions(args: readonly string[]): BenchOptions | string {
  try {
    return read(args);
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n\n${usage}`;
  }
}

function read(args: readonly string[]): BenchOptions | string {
  const [bench, ...rest] = args;
  if (bench === '--help') return usage;
  // No bench is named.
  if (bench === undefined || bench.startsWith('--')) return readGoalsOptions(args);
  switch (bench) {
    case 'propagation': {
      const { values } = parseArgs({
        args: rest,
        options: {
          sidecars: { type: 'string', default: '20' },
          rounds: { type: 'string', default: '30' },
          services: { type: 'string', default: '100' },
          json: { type: 'boolean', default: false },
        },
      });
      return {
        bench,
        sidecars: readCount('--sidecars', values.sidecars, [1, 100]),
        rounds: readCount('--rounds', values.rounds, [1, 10_000]),
        services: readCount('--services', values.services, [0, 20_000]),
        json: values.json,
      };
    }
    case 'sidecar': {
      const { values } = parseArgs({
        args: rest,
        options: {
          services: { type: 'string', default: '100,1000,5000,10000' },
          layouts: { type: 'string', default: layouts.join(',') },
          used: { type: 'string', default: '10' },
          json: { type: 'boolean', default: false },
        },
      });
      const used = readCount('--used', values.used, [1, 1000]);
      const services = values.services
        .split(',')
        .map((text) => readCount('--services', text, [used * sidecarRuns, 15_000]));
      const chosen = readWords('--layouts', values.layouts, layouts);
      return { bench, services, layouts: chosen, used, json: values.json };
    }
    case 'request':
      return readRequest(rest);
    case 'balance':
      return readBalance(rest);
    case 'sync': {
      const { values } = parseArgs({
        args: rest,
        options: {
          services: { type: 'string', default: '1000' },
          endpoints: { type: 'string', default: '5' },
          events: { type: 'string', default: '5000' },
          profile: { type: 'string' },
          json: { type: 'boolean', default: false },
        },
      });
      return {
        bench,
        services: readCount('--services', values.services, [2, 10_000]),
        endpoints: readCount('--endpoints', values.endpoints, [1, 20]),
        events: readCount('--events', values.events, [1, 1_000_000]),
        ...(values.profile !== undefined && { profile: values.profile }),
        json: values.json,
      };
    }
    case 'load':
      return readLoad(rest);
    case 'certificates':
      return readCertificates(rest);
    case 'soak':
      return readSoak(rest);
    case 'budget':
      return readBudget(rest);
    default:
      return `expected propagation, sidecar, request, balance, sync, load, certificates, soak or budget, found ${bench}\n\n${usage}`;
  }
}

function readRequest(args: readonly string[]): RequestOptions {
  const isQuick = args.includes('--quick');
  const { values } = parseArgs({
    args: [...args],
    options: {
      rate: { type: 'string', default: '500' },
      connections: { type: 'string', default: '8' },
      seconds: { type: 'string', default: isQuick ? '2' : '3' },
      rounds: { type: 'string', default: isQuick ? '3' : '7' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    bench: 'request',
    rate: readCount('--rate', values.rate, [1, 100_000]),
    connections: readCount('--connections', values.connections, [1, 1000]),
    seconds: readCount('--seconds', values.seconds, [1, 600]),
    rounds: readCount('--rounds', values.rounds, [1, 1000]),
    json: values.json,
  };
}

function readBalance(args: readonly string[]): BalanceOptions {
  const isQuick = args.includes('--quick');
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: isQuick ? '2' : '5' },
      rounds: { type: 'string', default: isQuick ? '3' : '7' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    bench: 'balance',
    seconds: readCount('--seconds', values.seconds, [1, 600]),
    rounds: readCount('--rounds', values.rounds, [1, 1000]),
    json: values.json,
  };
}

function readLoad(args: readonly string[]): LoadOptions {
  const isQuick = args.includes('--quick');
  const { values } = parseArgs({
    args: [...args],
    options: {
      services: { type: 'string', default: isQuick ? '200' : '1000' },
      endpoints: { type: 'string', default: '5' },
      sidecars: { type: 'string', default: isQuick ? '200' : '1000' },
      used: { type: 'string', default: '10' },
      rounds: { type: 'string', default: isQuick ? '10' : '20' },
      layouts: { type: 'string', default: layouts.join(',') },
      suites: { type: 'string', default: suites.join(',') },
      quick: { type: 'boolean', default: false },
      profile: { type: 'string' },
      against: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const services = readCount('--services', values.services, [2, 10_000]);
  const endpoints = readCount('--endpoints', values.endpoints, [1, 20]);
  return {
    bench: 'load',
    ...{ services, endpoints },
    // Each is the sidecar of a pod.
    sidecars: readCount('--sidecars', values.sidecars, [1, services * endpoints]),
    used: readCount('--used', values.used, [1, services]),
    rounds: readCount('--rounds', values.rounds, [1, 10_000]),
    layouts: readWords('--layouts', values.layouts, layouts),
    suites: readWords('--suites', values.suites, suites),
    ...(values.profile !== undefined && { profile: values.profile }),
    ...(values.against !== undefined && { against: values.against }),
    json: values.json,
  };
}

function readCertificates(args: readonly string[]): CertificatesOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      sidecars: { type: 'string', default: '1000' },
      rounds: { type: 'string', default: '3' },
      profile: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    bench: 'certificates',
    sidecars: readCount('--sidecars', values.sidecars, [1, 20_000]),
    rounds: readCount('--rounds', values.rounds, [1, 100]),
    ...(values.profile !== undefined && { profile: values.profile }),
    json: values.json,
  };
}

function readSoak(args: readonly string[]): SoakOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '60' },
      services: { type: 'string', default: '200' },
      endpoints: { type: 'string', default: '5' },
      sidecars: { type: 'string', default: '200' },
      used: { type: 'string', default: '10' },
      json: { type: 'boolean', default: false },
    },
  });
  const services = readCount('--services', values.services, [20, 5_000]);
  return {
    bench: 'soak',
    minutes: readCount('--minutes', values.minutes, [1, 170]),
    services,
    endpoints: readCount('--endpoints', values.endpoints, [1, 20]),
    // Each is the sidecar of a Service's first pod; the last Service's is left alone.
    sidecars: readCount('--sidecars', values.sidecars, [2, services]),
    used: readCount('--used', values.used, [1, services - 1]),
    json: values.json,
  };
}

function readBudget(args: readonly string[]): BudgetOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      services: { type: 'string', default: '300' },
      sidecars: { type: 'string', default: '150' },
      json: { type: 'boolean', default: false },
    },
  });
  const services = readThirds('--services', values.services, 9_000);
  return {
    bench: 'budget',
    services,
    sidecars: readThirds('--sidecars', values.sidecars, services),
    json: values.json,
  };
}
