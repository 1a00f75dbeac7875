/** What is alive in the heap of a control plane that was started with the heap probe. */
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

/** What it says after a collection of everything that nobody holds. */
export interface HeapSample {
  /** Bytes of JavaScript objects and of the code that V8 has made. */
  readonly heapUsed: number;
  /** Of these, code and what V8 keeps to go back from it: it grows for as long as V8 finds something to compile better. */
  readonly code: number;
  /** Bytes that objects hold outside of the heap, buffers included. */
  readonly external: number;
  readonly rss: number;
  /** What keeps Node's event loop alive: sockets, timers, requests under way. */
  readonly handles: number;
  /** How long the collection held the event loop. */
  readonly collectionMs: number;
}

/** Names the socket of the probe to the control plane's process. */
export const heapProbeVariable = 'SKERRY_BENCH_HEAP_PROBE';

/** Collects and measures; rejects where no probe listens. */
export async function readHeap(path: string): Promise<HeapSample> {
  const socket = connect(path);
  return JSON.parse(await text(socket)) as HeapSample;
}
