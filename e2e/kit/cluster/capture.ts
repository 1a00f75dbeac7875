/** Reads the wire of a node: what passes to and from a pod, as text. */
import type { Rig } from '../../rig/index.js';
import { waitFor } from '../../../demo/rig/index.js';

/**
 * What packets of that address carry, on every interface of the node, while `task` runs; bytes that
 * are no text are dots. For rigs whose nodes have tcpdump.
 */
export async function captureText(
  rig: Rig,
  ip: string,
  task: () => Promise<void>,
): Promise<string> {
  const file = `/run/skerry-capture-${process.pid}`;
  const tcpdump = `tcpdump -i any -n -l -s 0 -Z root -A host ${ip} >${file}.txt 2>${file}.log & echo $!`;
  const pid = (await rig.onNode(['sh', '-c', tcpdump])).trim();
  try {
    await waitFor({ what: 'tcpdump', timeoutMs: 10_000 }, async () =>
      (await rig.onNode(['cat', `${file}.log`])).includes('listening on') ? true : undefined,
    );
    await task();
  } finally {
    // It writes line by line; the last packets are there when it has ended.
    await rig.onNode([
      'sh',
      '-c',
      `kill -INT ${pid}; while kill -0 ${pid} 2>/dev/null; do sleep 0.1; done`,
    ]);
  }
  const text = await rig.onNode(['cat', `${file}.txt`]);
  await rig.onNode(['rm', '-f', `${file}.txt`, `${file}.log`]);
  return text;
}
