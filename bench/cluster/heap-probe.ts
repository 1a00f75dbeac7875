/** Loaded into the control plane before its own code (`--import`): tells over a socket what is alive in its heap. */
import { createServer } from 'node:net';
import { getHeapCodeStatistics } from 'node:v8';
import { isMainThread } from 'node:worker_threads';
import { heapProbeVariable, type HeapSample } from './heap.js';

function collect(): void {
  // With --expose-gc. The second one takes what the finalizers of the first have let go.
  globalThis.gc?.();
  globalThis.gc?.();
}

function look(): HeapSample {
  const startedAt = performance.now();
  collect();
  const collectionMs = performance.now() - startedAt;
  const { heapUsed, external, rss } = process.memoryUsage();
  // As of the collection.
  const { code_and_metadata_size: code } = getHeapCodeStatistics();
  return {
    ...{ heapUsed, code },
    external,
    rss,
    handles: process.getActiveResourcesInfo().length,
    collectionMs,
  };
}

const path = process.env[heapProbeVariable];
if (isMainThread && path !== undefined) {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(JSON.stringify(look()));
  });
  // The control plane ends when it wants to.
  server.listen(path).unref();
}
