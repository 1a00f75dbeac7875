/** JSON texts, one a line, out of a byte stream: the framing of Kubernetes watches. */
import { KubernetesApiError } from './api-error.js';

function parse(line: Buffer): unknown {
  const text = line.toString('utf8').trim();
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new KubernetesApiError('a watch sent a line that is not JSON', {
      status: 200,
      reason: 'NotJson',
      cause,
    });
  }
}

/**
 * The lines as values. A line longer than `maxBytes`, or one that is not JSON, is an error: what it
 * said is lost, so that the watch must begin anew. An unfinished last line is passed over.
 */
export async function* parseLines(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator {
  let parts: Buffer[] = [];
  let held = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(0x0a, start);
      if (end < 0) break;
      parts.push(chunk.subarray(start, end));
      const value = parse(parts.length === 1 ? (parts[0] ?? chunk) : Buffer.concat(parts));
      parts = [];
      held = 0;
      start = end + 1;
      if (value !== undefined) yield value;
    }
    if (start < chunk.length) {
      parts.push(chunk.subarray(start));
      held += chunk.length - start;
    }
    if (held > maxBytes) {
      throw new KubernetesApiError(`a watch sent a line of more than ${String(maxBytes)} bytes`, {
        status: 200,
        reason: 'TooLong',
      });
    }
  }
}
