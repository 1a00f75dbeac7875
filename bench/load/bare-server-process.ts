/** The bare server as a process of its own, with a certificate like the control plane's. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findCheckout, startProcess } from '../../demo/rig/index.js';
import {
  issueCertificate,
  makeAuthority,
} from '../../src/sources/kubernetes/testing/certificates.js';
import { controlPlaneName } from '../cluster/control-plane.js';

/** It runs. */
export interface BareServer {
  readonly pid: number;
  readonly port: number;
  /** PEM. */
  readonly roots: string;
  /** What each new stream gets. */
  serve(responses: readonly string[]): Promise<void>;
  /** One response to so many open streams. */
  push(response: string, count: number): Promise<void>;
  stop(): Promise<void>;
}

/** Starts it on a free port of loopback. */
export async function startBareServer(): Promise<BareServer> {
  const folder = await mkdtemp(join(tmpdir(), `skerry-bench-${String(process.pid)}-`));
  await makeAuthority(folder);
  const san = `DNS:${controlPlaneName}`;
  await issueCertificate(folder, { name: 'bare', subject: '/CN=bare', san });
  const lines: ((line: string) => void)[] = [];
  const line = (): Promise<string> => new Promise((resolve) => lines.push(resolve));
  const first = line();
  const child = await startProcess({
    name: 'bare server',
    argv: [
      ...['setpriv', '--pdeathsig', 'KILL', '--', process.execPath],
      join(dirname(findCheckout().skerry), 'bare-server.js'),
      ...[join(folder, 'bare.crt'), join(folder, 'bare.key')],
    ],
    logFile: join(folder, 'log'),
    onLine: (text) => lines.shift()?.(text),
  });
  const ask = async (command: object): Promise<void> => {
    const answer = line();
    child.write(`${JSON.stringify(command)}\n`);
    await answer;
  };
  const ended = child.ended.then(async () => {
    throw new Error(`the bare server has ended: ${await readFile(join(folder, 'log'), 'utf8')}`);
  });
  ended.catch(() => undefined);
  const port = Number(await Promise.race([first, ended]));
  return {
    ...{ pid: child.pid, port, roots: await readFile(join(folder, 'ca.crt'), 'utf8') },
    serve: (responses) => ask({ do: 'serve', responses }),
    push: (response, count) => ask({ do: 'push', response, count }),
    stop: async () => {
      await child.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
