/** Captures the packets of one interface of a pod. */
import { readFile } from 'node:fs/promises';
import { inNamespace } from './container.js';
import type { NetworkNamespace } from './network.js';
import { readFlows, type Flow } from './pcap.js';
import { diesWithParent, startProcess, type RunningProcess } from './process.js';
import { waitFor } from './wait.js';

/** A capture under way. */
export interface Capture {
  /** Ends it and reads what it saw; again: the same. */
  stop(): Promise<readonly Flow[]>;
}

/** Starts capturing TCP on an interface; resolves once packets are being captured. Throws WaitTimeout. */
export async function startCapture(options: {
  readonly netns: NetworkNamespace;
  readonly device: 'eth0' | 'lo';
  /** Path of the capture file, without its suffix. */
  readonly file: string;
}): Promise<Capture> {
  const { netns, device, file } = options;
  const tcpdump = await startProcess({
    name: `tcpdump of ${netns.name} ${device}`,
    argv: inNamespace(netns.path, [
      ...diesWithParent,
      ...['tcpdump', '-i', device, '-n', '-U', '-s', '0', '-Z', 'root', '-B', '16384'],
      ...['-w', `${file}.pcap`, 'tcp'],
    ]),
    logFile: `${file}.log`,
  });
  await waitFor({ what: `tcpdump on ${netns.name}`, timeoutMs: 5_000 }, async () => {
    if (!tcpdump.isRunning()) throw new Error(await readFile(`${file}.log`, 'utf8'));
    return (await readFile(`${file}.log`, 'utf8')).includes('listening on') ? true : undefined;
  });
  let flows: Promise<readonly Flow[]> | undefined;
  return {
    stop: () => {
      flows ??= finish(tcpdump, `${file}.pcap`);
      return flows;
    },
  };
}

async function finish(tcpdump: RunningProcess, file: string): Promise<readonly Flow[]> {
  tcpdump.signal('SIGINT');
  await tcpdump.ended;
  return readFlows(await readFile(file));
}
