/** Reads the wire of a node: what passes to and from a pod, as text. */
import { waitFor } from '../../../demo/rig/index.js';
import type { Rig } from '../../rig/index.js';

/** What is read. */
export interface CaptureOptions {
  /** The pod's address. */
  readonly ip: string;
  /** A text that `task` makes somebody send in plaintext at its end: when it is there, all is. */
  readonly last: string;
}

/**
 * What packets of that address carry, on every interface of the node, while `task` runs; bytes that
 * are no text are dots. For rigs whose nodes have tcpdump. Throws WaitTimeout where `last` does not come.
 */
export async function captureText(
  rig: Rig,
  { ip, last }: CaptureOptions,
  task: () => Promise<void>,
): Promise<string> {
  const file = `/run/skerry-capture-${process.pid}`;
  const flags = '--immediate-mode -i any -n -l -s 0 -Z root -A';
  const tcpdump = `tcpdump ${flags} host ${ip} >${file}.txt 2>${file}.log & echo $!`;
  const pid = (await rig.onNode(['sh', '-c', tcpdump])).trim();
  try {
    await waitFor({ what: 'tcpdump', timeoutMs: 10_000 }, async () =>
      (await rig.onNode(['cat', `${file}.log`])).includes('listening on') ? true : undefined,
    );
    await task();
    return await waitFor({ what: `${last} on the wire`, timeoutMs: 10_000 }, async () => {
      const text = await rig.onNode(['cat', `${file}.txt`]);
      return text.includes(last) ? text : undefined;
    });
  } finally {
    await rig.onNode(['kill', pid]);
    await rig.onNode(['rm', '-f', `${file}.txt`, `${file}.log`]);
  }
}
