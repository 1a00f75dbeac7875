/** Reaches a port of a pod from this machine, as a user does by `kubectl port-forward`. */
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { startProcess } from '../../../demo/rig/index.js';
import { findProgram } from '../../rig/local/programs.js';
import type { Rig } from '../../rig/index.js';

/** A port that is forwarded until `stop`. */
export interface PortForward {
  /** `http://127.0.0.1:41234` */
  readonly url: string;
  stop(): Promise<void>;
}

/** Forwards a free port of the loopback to `port` of `target` (`pod/web-1`, `service/web`). Rejects where kubectl ends. */
export async function portForward(
  rig: Rig,
  { namespace, target, port }: { namespace: string; target: string; port: number },
): Promise<PortForward> {
  let settle: (url: string) => void = () => undefined;
  const forwarded = new Promise<string>((resolve) => (settle = resolve));
  const logFile = join(process.env['SKERRY_E2E_LOGS'] ?? tmpdir(), 'port-forward.log');
  const kubectl = [findProgram('kubectl'), '--kubeconfig', rig.kubeconfig, '-n', namespace];
  const child = await startProcess({
    name: `port-forward to ${target}`,
    argv: [...kubectl, 'port-forward', target, `:${port}`, '--address=127.0.0.1'],
    logFile,
    onLine: (line) => {
      const found = /Forwarding from 127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (found !== undefined) settle(`http://127.0.0.1:${found}`);
    },
  });
  const ended = child.ended.then(() => {
    throw new Error(`port-forward to ${target} has ended; its log is ${logFile}`);
  });
  ended.catch(() => undefined);
  return {
    url: await Promise.race([forwarded, ended]),
    stop: async () => {
      await child.stop();
    },
  };
}
