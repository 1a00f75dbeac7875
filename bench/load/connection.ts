/** One connection to an ADS server with one delta stream on it: HTTP/2 by Node, gRPC's frames by hand. Mutable state. */
import { connect, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import type { SecureContext } from 'node:tls';

/** Where to, and how the server is known. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  /** Absent: plaintext. */
  readonly tls?: { readonly context: SecureContext; readonly serverName: string };
}

/** An open stream. */
export interface Connection {
  /** Writes a message with its frame. */
  send(framed: Buffer): void;
  close(): void;
}

const path = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
/** As Envoy's own: one response must not wait for the window. */
const windowBytes = 16 * 1024 * 1024;
const frameBytes = 5;

/** Cuts a stream of chunks into the messages of gRPC. */
export function createUnframer(onMessage: (bytes: Buffer) => void): (chunk: Buffer) => void {
  let chunks: Buffer[] = [];
  let size = 0;
  return (chunk) => {
    chunks.push(chunk);
    size += chunk.length;
    for (;;) {
      if (size < frameBytes) return;
      let [first] = chunks;
      if (first === undefined) return;
      if (first.length < frameBytes) {
        first = Buffer.concat(chunks);
        chunks = [first];
      }
      const end = frameBytes + first.readUInt32BE(1);
      if (size < end) return;
      const whole = chunks.length === 1 ? first : Buffer.concat(chunks);
      chunks = whole.length === end ? [] : [whole.subarray(end)];
      size -= end;
      onMessage(whole.subarray(frameBytes, end));
    }
  };
}

/** How the server ended the stream, in its own words; undefined while it has not said so. */
function statusIn(headers: IncomingHttpHeaders): string | undefined {
  const status = headers['grpc-status'];
  if (status !== undefined) return `status ${String(status)} ${String(headers['grpc-message'])}`;
  const http = headers[':status'];
  return http === undefined || Number(http) === 200 ? undefined : `HTTP status ${String(http)}`;
}

/** Connects; `onEnd` is called once, unless `close` was. */
export function openConnection(options: {
  readonly server: ServerAddress;
  readonly token?: string;
  readonly onMessage: (bytes: Buffer) => void;
  readonly onEnd: (reason: string) => void;
}): Connection {
  const { host, port, tls } = options.server;
  let isEnded = false;
  let reason = 'the connection was closed';
  const session = connect(`${tls === undefined ? 'http' : 'https'}://${host}:${String(port)}`, {
    settings: { initialWindowSize: windowBytes, enablePush: false },
    ...(tls !== undefined && { secureContext: tls.context, servername: tls.serverName }),
  });
  const end = (): void => {
    if (isEnded) return;
    isEnded = true;
    session.destroy();
    options.onEnd(reason);
  };
  session.on('connect', () => {
    session.setLocalWindowSize(2 * windowBytes);
  });
  session.on('error', (error: Error) => {
    reason = error.message;
    end();
  });
  session.on('close', end);
  const stream: ClientHttp2Stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }),
  });
  const note = (headers: IncomingHttpHeaders): void => {
    reason = statusIn(headers) ?? reason;
  };
  stream.on('response', note);
  stream.on('trailers', note);
  stream.on('error', (error: Error) => {
    reason = error.message;
  });
  stream.on('data', createUnframer(options.onMessage));
  stream.on('close', end);
  return {
    send: (framed) => {
      if (!isEnded) stream.write(framed);
    },
    close: () => {
      isEnded = true;
      session.destroy();
    },
  };
}
