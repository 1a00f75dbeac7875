/** Test support: a bare client of the discovery service over gRPC. */
import * as grpc from '@grpc/grpc-js';
import { encodeUnknown } from '../../envoy/index.js';
import { readResponse, type ReadResponse } from './resources.js';

/** A request in Envoy's own spelling; of delta and state of the world alike. */
export type RawRequest = Readonly<Record<string, unknown>>;

/** How a stream ended. */
export interface Ending {
  readonly code: string;
  readonly message: string;
}

/** A stream. */
export interface ClientStream {
  send(request: RawRequest): void;
  /** Resolves when the transport has taken the bytes, which it does as the server reads. */
  sendBytes(bytes: Uint8Array): Promise<void>;
  /** The next response; rejects when the stream ends first. */
  next(): Promise<ReadResponse>;
  /** Sends the ACK of a response. */
  ack(response: ReadResponse): void;
  /** How it ended; waits for it. */
  ended: Promise<Ending>;
  /** Takes no more from the wire. */
  stopReading(): void;
  /** Responses that came and were not asked for by `next`. */
  unread(): number;
  close(): void;
}

/** A client with one connection. */
export interface DiscoveryClient {
  open(options: { isDelta: boolean; token?: string }): ClientStream;
  close(): void;
}

const service = '/envoy.service.discovery.v3.AggregatedDiscoveryService/';
const discovery = 'type.googleapis.com/envoy.service.discovery.v3.';
const same = (bytes: Buffer): Buffer => bytes;

/** A client of `address`; `roots`: the PEM certificates it trusts, absent for plaintext. */
export function createDiscoveryClient(
  address: string,
  options: { readonly roots?: string; readonly serverName?: string } = {},
): DiscoveryClient {
  const credentials =
    options.roots === undefined
      ? grpc.credentials.createInsecure()
      : grpc.credentials.createSsl(Buffer.from(options.roots));
  const client = new grpc.Client(address, credentials, {
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
    // Each client its own connection.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.initial_reconnect_backoff_ms': 50,
    ...(options.serverName === undefined
      ? {}
      : { 'grpc.ssl_target_name_override': options.serverName }),
  });
  return {
    open: ({ isDelta, token }) => {
      const metadata = new grpc.Metadata();
      if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
      const method = isDelta ? 'DeltaAggregatedResources' : 'StreamAggregatedResources';
      const call = client.makeBidiStreamRequest(`${service}${method}`, same, same, metadata);
      return streamOf(call, isDelta);
    },
    close: () => {
      client.close();
    },
  };
}

function streamOf(call: grpc.ClientDuplexStream<Buffer, Buffer>, isDelta: boolean): ClientStream {
  const name = isDelta ? 'DeltaDiscoveryRequest' : 'DiscoveryRequest';
  const arrived: ReadResponse[] = [];
  const waiting: ((response: ReadResponse) => void)[] = [];
  const ended = new Promise<Ending>((resolve) => {
    call.on('status', ({ code, details }) => {
      resolve({ code: grpc.status[code], message: details });
    });
  });
  // The status says it all.
  call.on('error', () => undefined);
  call.on('data', (bytes: Buffer) => {
    const response = readResponse(bytes, isDelta);
    const taker = waiting.shift();
    if (taker === undefined) arrived.push(response);
    else taker(response);
  });
  const sendBytes = (bytes: Uint8Array): Promise<void> =>
    new Promise((resolve) => {
      call.write(Buffer.from(bytes), () => {
        resolve();
      });
    });
  const send = (request: RawRequest): void => {
    void sendBytes(encodeUnknown(`${discovery}${name}`, request));
  };
  return {
    send,
    sendBytes,
    next: () => {
      const response = arrived.shift();
      if (response !== undefined) return Promise.resolve(response);
      return new Promise((resolve, reject) => {
        waiting.push(resolve);
        ended.then(({ code, message }) => {
          reject(new Error(`the stream ended: ${code} ${message}`));
        }, reject);
      });
    },
    ack: ({ typeUrl, nonce }) => {
      send({ type_url: typeUrl, response_nonce: nonce });
    },
    ended,
    stopReading: () => {
      call.pause();
    },
    unread: () => arrived.length,
    close: () => {
      call.cancel();
    },
  };
}
