/** The control plane's process in its own network namespace: started, killed, started again. State: the current process. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createJoinTokenIssuer, openDirectoryStore } from '../../src/ca/index.js';
import { systemClock } from '../../src/lib/index.js';
import {
  bundleArgs,
  controlPlaneIp,
  controlPlanePort,
  controllerArgs,
  type ControllerSettings,
} from './commands.js';
import { inNamespace } from './container.js';
import type { Agent } from './agent.js';
import type { PodManifest } from './manifests.js';
import type { NetworkNamespace } from './network.js';
import { CommandError, diesWithParent, runCommand, startProcess } from './process.js';
import type { RunningProcess } from './process.js';
import { waitFor } from './wait.js';

/** A control plane that runs. */
export interface ControlPlane {
  readonly netns: NetworkNamespace;
  readonly stateDirectory: string;
  readonly adminSocket: string;
  readonly logFile: string;
  /** The current process. */
  process(): RunningProcess;
  /** SIGKILL; resolves when it has ended. */
  kill(): Promise<void>;
  /** Starts it again on the same state; resolves when it listens. */
  start(): Promise<void>;
  /** Runs `skerry` with these arguments; a failing command is a result, not an error. */
  skerry(args: readonly string[]): Promise<CliResult>;
  /** A join token for the pod, as `skerry token` prints it. */
  joinToken(pod: PodManifest): Promise<string>;
  /** The root certificates that sidecars trust, PEM. Throws CommandError. */
  rootBundle(): Promise<string>;
  stop(): Promise<void>;
}

/** What a CLI command printed, and its exit code (null: killed by a signal). */
export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a control plane is started with. */
export interface ControlPlaneOptions {
  readonly netns: NetworkNamespace;
  readonly runDirectory: string;
  /** The built CLI. */
  readonly skerry: string;
  readonly settings: Omit<ControllerSettings, 'stateDirectory' | 'adminSocket'>;
  /** Environment of the process, e.g. NODE_OPTIONS. */
  readonly env?: Readonly<Record<string, string>>;
  /** Runs before the first start, on the empty state directory. */
  readonly prepareState?: (stateDirectory: string) => Promise<void>;
  /** Runs where the control plane can be reached; used to see when it listens. */
  readonly prober: Agent;
}

/** Starts a control plane; resolves when it accepts connections. Throws WaitTimeout with its log's end. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const stateDirectory = join(options.runDirectory, 'state');
  await mkdir(stateDirectory, { recursive: true, mode: 0o700 });
  await options.prepareState?.(stateDirectory);
  const adminSocket = join(stateDirectory, 'admin.sock');
  const logFile = join(options.runDirectory, 'control-plane.log');
  const settings = { ...options.settings, stateDirectory, adminSocket };
  const argv = inNamespace(options.netns.path, [
    ...diesWithParent,
    ...[process.execPath, options.skerry, ...controllerArgs(settings)],
  ]);
  const launch = async (): Promise<RunningProcess> => {
    const child = await startProcess({
      name: 'control plane',
      argv,
      logFile,
      ...(options.env === undefined ? {} : { env: options.env }),
    });
    await untilListening(child, options.prober);
    return child;
  };
  let current = await launch();
  const skerry = (args: readonly string[]): Promise<CliResult> => runSkerry(options.skerry, args);
  return {
    netns: options.netns,
    stateDirectory,
    adminSocket,
    logFile,
    process: () => current,
    kill: async () => {
      current.signal('SIGKILL');
      await current.ended;
    },
    start: async () => {
      current = await launch();
    },
    skerry,
    joinToken: (pod) => issueToken(stateDirectory, pod),
    rootBundle: () => succeed(skerry(bundleArgs(stateDirectory))),
    stop: async () => {
      await current.stop();
    },
  };
}

async function untilListening(child: RunningProcess, prober: Agent): Promise<void> {
  let hasEnded = false;
  void child.ended.then(() => {
    hasEnded = true;
  });
  const aborted = new AbortController();
  await waitFor(
    { what: 'the control plane', timeoutMs: 30_000, signal: aborted.signal, intervalMs: 100 },
    async () => {
      if (hasEnded) {
        const log = await readFile(child.logFile, 'utf8');
        aborted.abort(new Error(`the control plane has ended: ${log.slice(-2_000)}`));
        return undefined;
      }
      const result = await prober.tcpOpen({
        connection: 'control-plane',
        host: controlPlaneIp,
        port: controlPlanePort,
        timeoutMs: 1_000,
      });
      await prober.tcpClose('control-plane');
      return result.status === 'open' && result.error === null ? true : undefined;
    },
  );
}

async function runSkerry(skerry: string, args: readonly string[]): Promise<CliResult> {
  const argv = [process.execPath, skerry, ...args];
  try {
    return { code: 0, ...(await runCommand(argv)) };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { code: error.exitCode, stdout: error.stdout, stderr: error.stderr };
  }
}

const tokenLifeMs = 3_600_000;

/** In this process: `skerry token` takes half a second to start, which a bench with many pods would feel. */
async function issueToken(stateDirectory: string, pod: PodManifest): Promise<string> {
  const store = await openDirectoryStore(join(stateDirectory, 'ca'));
  const issuer = await createJoinTokenIssuer({ store, clock: systemClock });
  return await issuer.issue({
    namespace: pod.namespace,
    serviceAccount: pod.serviceAccount,
    podName: pod.name,
    podUid: pod.uid,
    expiresAtMs: systemClock.now() + tokenLifeMs,
  });
}

async function succeed(running: Promise<CliResult>): Promise<string> {
  const { code, stdout, stderr } = await running;
  if (code !== 0) {
    throw new CommandError(['skerry'], { exitCode: code, stdout, stderr });
  }
  return stdout;
}
