/** Test support: a stream to the discovery service that may say any bytes, in frames of gRPC or not. */
import { connect, type OutgoingHttpHeaders } from 'node:http2';

/** How a raw stream ended. */
export interface RawEnding {
  /** HTTP's, 0 where none came. */
  readonly http: number;
  /** gRPC's, empty where none came. */
  readonly status: string;
  readonly message: string;
}

/** A raw stream. */
export interface RawStream {
  write(bytes: Uint8Array): void;
  /** Says that nothing more comes. */
  end(): void;
  /** Everything that came. */
  received(): Buffer;
  /** Resolves however it ends. */
  readonly ended: Promise<RawEnding>;
  close(): void;
}

const method = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

/** Opens a plaintext stream on a connection of its own; rejects when it cannot connect. */
export async function openRaw(
  port: number,
  options: { readonly token?: string; readonly headers?: OutgoingHttpHeaders } = {},
): Promise<RawStream> {
  const session = connect(`http://127.0.0.1:${String(port)}`);
  await new Promise<void>((resolve, reject) => {
    session.once('connect', () => {
      resolve();
    });
    session.once('error', reject);
  });
  session.on('error', () => undefined);
  const stream = session.request({
    ':method': 'POST',
    ':path': method,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
    ...options.headers,
  });
  const chunks: Buffer[] = [];
  let http = 0;
  let status = '';
  let message = '';
  const note = (headers: NodeJS.Dict<string | readonly string[] | number>): void => {
    if (headers[':status'] !== undefined) http = Number(headers[':status']);
    if (headers['grpc-status'] !== undefined) status = String(headers['grpc-status']);
    if (headers['grpc-message'] !== undefined) message = String(headers['grpc-message']);
  };
  stream.on('response', note);
  stream.on('trailers', note);
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', () => undefined);
  const ended = new Promise<RawEnding>((resolve) => {
    // The server's end comes first; ours may never come.
    for (const event of ['end', 'close']) {
      stream.once(event, () => {
        resolve({ http, status, message });
      });
    }
  });
  return {
    write: (bytes) => {
      if (!stream.destroyed && !stream.writableEnded) stream.write(bytes);
    },
    end: () => {
      stream.end();
    },
    received: () => Buffer.concat(chunks),
    ended,
    close: () => {
      stream.close();
      session.destroy();
    },
  };
}
