/** The aggregated discovery service over gRPC: the only file that knows the transport. */
import * as grpc from '@grpc/grpc-js';
import { createServer, type Server as NetServer } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { createDiscovery, type Discovery, type DiscoveryOptions } from './discovery.js';
import { createDoorstep, peerOf } from './doorstep.js';
import { createDoorway } from './doorway.js';
import type { StreamIdentity } from './events.js';
import type {
  Intake,
  IntakeStream,
  Refusal,
  RefusalCode,
  RequestMetadata,
  StreamPort,
} from './transport.js';

/** A certificate and its key, PEM. */
export interface ServerCertificate {
  /** Leaf first. */
  readonly certificateChain: string;
  readonly privateKey: string;
}

/** How the service listens. Times are milliseconds. */
export interface ServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** `plaintext` is refused unless the host is a loopback address: tokens travel here. */
  readonly certificate: ServerCertificate | 'plaintext';
  readonly keepaliveTimeMs?: number;
  readonly keepaliveTimeoutMs?: number;
  /** A connection is told to go away after this, give or take a tenth; default 30 minutes. */
  readonly maxConnectionAgeMs?: number;
  readonly maxConnectionAgeGraceMs?: number;
  /** Messages larger than this end the stream; default 8 MiB, five times what a sidecar that holds 10,000 resources says when it comes back. */
  readonly maxReceiveBytes?: number;
  /** Streams on one connection; default 16. */
  readonly maxConcurrentStreams?: number;
  /** Connections at once; for more, those give way on which nobody has been let in. Default 20,000. */
  readonly maxConnections?: number;
  /** A connection on which nobody has been let in for this long is closed; default 60 seconds. */
  readonly proofMs?: number;
  /** Services beside discovery, on the same port. */
  readonly intakes?: readonly Intake[];
}

/** The running service. */
export interface XdsServer<I extends StreamIdentity> extends Omit<
  Discovery<I>,
  'accept' | 'start' | 'stop'
> {
  /** Listens; resolves with the port. Rejects when the address cannot be had. */
  start(): Promise<number>;
  /** Serves new connections with another certificate; open ones go on. */
  renewCertificate(certificate: ServerCertificate): void;
  /** Sends GOAWAY, ends the streams spread over `spreadMs`, and drops what is left after `graceMs`. */
  stop(options?: { readonly spreadMs?: number; readonly graceMs?: number }): Promise<void>;
}

const statusOf: Readonly<Record<RefusalCode, grpc.status>> = {
  unauthenticated: grpc.status.UNAUTHENTICATED,
  'permission-denied': grpc.status.PERMISSION_DENIED,
  'invalid-argument': grpc.status.INVALID_ARGUMENT,
  'failed-precondition': grpc.status.FAILED_PRECONDITION,
  'resource-exhausted': grpc.status.RESOURCE_EXHAUSTED,
  unavailable: grpc.status.UNAVAILABLE,
  internal: grpc.status.INTERNAL,
};

const service = '/envoy.service.discovery.v3.AggregatedDiscoveryService/';
const loopback = new Set(['127.0.0.1', '::1', 'localhost']);

/** Connections between their entry and their first stream. */
const placesInside = 24;
/** Clients of TLS speak first, and have done so before they are heard. */
const silenceMs = 20;
/** Two ways there and back, and what a busy client needs. */
const handshakeMs = 200;

type Call = grpc.ServerDuplexStream<Buffer, Buffer>;

/** Server credentials whose certificate may change while connections are open. */
class RenewableCredentials extends grpc.ServerCredentials {
  constructor(certificate: ServerCertificate) {
    super({}, contextOf(certificate));
  }

  renew(certificate: ServerCertificate): void {
    this.updateSecureContextOptions(contextOf(certificate));
  }

  override _equals(other: grpc.ServerCredentials): boolean {
    return this === other;
  }
}

function contextOf(certificate: ServerCertificate): SecureContextOptions {
  return {
    cert: certificate.certificateChain,
    key: certificate.privateKey,
    // Sidecars speak it, and nobody else has business here: no old suites, no renegotiation.
    minVersion: 'TLSv1.3',
  };
}

/**
 * The service; listens when started.
 * @throws Error when asked for plaintext on an address that is not loopback.
 */
export function createXdsServer<I extends StreamIdentity>(
  options: ServerOptions & DiscoveryOptions<I>,
): XdsServer<I> {
  const { certificate } = options;
  if (certificate === 'plaintext' && !loopback.has(options.host)) {
    throw new Error(`plaintext xDS is for loopback only, not for ${options.host}`);
  }
  const discovery = createDiscovery(options);
  const renewable = certificate === 'plaintext' ? undefined : new RenewableCredentials(certificate);
  const server = new grpc.Server(channelOptions(options));
  // Connections are ours, so that one whose client does not read can be cut.
  const doorstep = createDoorstep({
    clock: options.clock,
    max: options.maxConnections ?? 20_000,
    proofMs: options.proofMs ?? 60_000,
  });
  // Handshakes of a thousand at a stretch would hold everybody's changes.
  const doorway = createDoorway({
    clock: options.clock,
    defer: setImmediate,
    places: placesInside,
    silenceMs,
    patienceMs: handshakeMs,
  });
  const injector = server.createConnectionInjector(
    renewable ?? grpc.ServerCredentials.createInsecure(),
  );
  const addStream = (call: Call, isDelta: boolean): void => {
    const peer = call.getPeer();
    const connection = doorstep.get(peer);
    // What comes now has a gate of its own.
    doorway.leave(peer);
    discovery.accept({
      ...portOf(call, isDelta, () => connection?.socket.destroy()),
      ...(connection !== undefined && { connectedAtMs: connection.sinceMs }),
      admitted: () => {
        doorstep.admitted(peer);
      },
    });
  };
  server.register(
    `${service}StreamAggregatedResources`,
    (call: Call) => {
      addStream(call, false);
    },
    same,
    same,
    'bidi',
  );
  server.register(
    `${service}DeltaAggregatedResources`,
    (call: Call) => {
      addStream(call, true);
    },
    same,
    same,
    'bidi',
  );
  for (const intake of options.intakes ?? []) {
    const take = (call: IntakeCall, done: grpc.sendUnaryData<Buffer>): void => {
      const peer = call.getPeer();
      doorway.leave(peer);
      void takeIn(intake, call, done, () => {
        doorstep.admitted(peer);
      });
    };
    server.register(intake.path, take, same, same, 'clientStream');
  }

  const listening = { noDelay: true, keepAlive: true, pauseOnConnect: true };
  const listener = createServer(listening, (socket) => {
    if (!doorstep.add(socket)) return;
    const [peer, address] = [peerOf(socket), socket.remoteAddress ?? ''];
    // A connection may break at any time; the streams on it hear of it by themselves.
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      doorway.leave(peer);
    });
    const enter = (): void => {
      if (!listener.listening) socket.destroy();
      if (socket.destroyed) {
        doorway.leave(peer);
        return;
      }
      injector.injectConnection(socket);
      // Begins to read, as a socket does that was not paused (`net.Socket`).
      socket.read(0);
    };
    doorway.add({ peer, address, enter, isSilent: () => socket.bytesRead === 0 });
  });

  return {
    setServing: (isServing) => {
      discovery.setServing(isServing);
    },
    closeProxy: (proxyId, reason) => discovery.closeProxy(proxyId, reason),
    proxies: () => discovery.proxies(),
    standing: (streamId) => discovery.standing(streamId),
    streamCount: () => discovery.streamCount(),
    start: async () => {
      const port = await listen(listener, options);
      discovery.start();
      return port;
    },
    renewCertificate: (next) => {
      renewable?.renew(next);
    },
    stop: async ({ spreadMs = 0, graceMs = 2_000 } = {}) => {
      const closed = new Promise<void>((resolve) => {
        listener.close(() => {
          resolve();
        });
      });
      injector.drain(spreadMs + graceMs);
      await discovery.stop(spreadMs);
      const cancel = options.clock.after(graceMs, () => {
        doorstep.clear();
      });
      if (listener.listening || doorstep.size() > 0) await closed;
      cancel();
      injector.destroy();
      server.forceShutdown();
    },
  };
}

type IntakeCall = grpc.ServerReadableStream<Buffer, Buffer>;

/** Lets a stream in and hands on what it says; nothing is read before it is let in. */
async function takeIn(
  intake: Intake,
  call: IntakeCall,
  done: grpc.sendUnaryData<Buffer>,
  admitted: () => void,
): Promise<void> {
  let isOver = false;
  let stream: IntakeStream | undefined;
  const hasEnded = (): boolean => isOver;
  const end = (answer?: () => void): void => {
    if (isOver) return;
    isOver = true;
    answer?.();
    stream?.closed();
  };
  const refuse = ({ code, message }: Refusal): void => {
    end(() => {
      done({ code: statusOf[code], details: message });
    });
  };
  const fails = (code: RefusalCode, error: unknown): void => {
    refuse({ code, message: error instanceof Error ? error.message : String(error) });
  };
  // A stream that breaks has nobody to be told.
  call.on('error', () => undefined);
  for (const event of ['cancelled', 'close']) {
    call.once(event, () => {
      end();
    });
  }
  try {
    const opened = await intake.open(metadataOf(call.metadata), call.getPeer(), refuse);
    if (!opened.ok) {
      refuse(opened.error);
      return;
    }
    if (hasEnded()) {
      opened.value.closed();
      return;
    }
    stream = opened.value;
    admitted();
    call.once('end', () => {
      end(() => {
        done(null, Buffer.alloc(0));
      });
    });
    call.on('data', (bytes: Buffer) => {
      if (isOver) return;
      try {
        opened.value.take(bytes);
      } catch (error) {
        fails('invalid-argument', error);
      }
    });
  } catch (error) {
    fails('internal', error);
  }
}

function metadataOf(metadata: grpc.Metadata): RequestMetadata {
  return {
    get: (name) => {
      const [value] = metadata.get(name);
      return typeof value === 'string' ? value : undefined;
    },
  };
}

function same(bytes: Buffer): Buffer {
  return bytes;
}

function channelOptions(options: ServerOptions): grpc.ServerOptions {
  return {
    'grpc.keepalive_time_ms': options.keepaliveTimeMs ?? 30_000,
    'grpc.keepalive_timeout_ms': options.keepaliveTimeoutMs ?? 10_000,
    'grpc.max_connection_age_ms': options.maxConnectionAgeMs ?? 1_800_000,
    'grpc.max_connection_age_grace_ms': options.maxConnectionAgeGraceMs ?? 30_000,
    // Without it sessions of clients that opened no stream stay for ever (grpc/grpc-node#2975).
    'grpc.max_connection_idle_ms': 300_000,
    'grpc.max_concurrent_streams': options.maxConcurrentStreams ?? 16,
    'grpc.max_receive_message_length': options.maxReceiveBytes ?? 8 * 1024 * 1024,
    'grpc.max_send_message_length': -1,
    'grpc.enable_channelz': 0,
  };
}

function listen(listener: NetServer, options: ServerOptions): Promise<number> {
  const { host, port } = options;
  return new Promise((resolve, reject) => {
    listener.once('error', reject);
    listener.listen({ host, port, backlog: 4_096 }, () => {
      listener.off('error', reject);
      const address = listener.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function portOf(call: Call, isDelta: boolean, cut: () => void): Omit<StreamPort, 'admitted'> {
  let isReading = false;
  let onMessage: (bytes: Uint8Array) => void = () => undefined;
  return {
    isDelta,
    peer: call.getPeer(),
    metadata: metadataOf(call.metadata),
    listen: (handlers) => {
      onMessage = (bytes) => {
        handlers.message(bytes);
      };
      let isClosed = false;
      const once = (): void => {
        if (isClosed) return;
        isClosed = true;
        handlers.closed();
      };
      call.once('cancelled', once);
      call.once('close', once);
      call.once('end', () => {
        call.end();
        once();
      });
    },
    resume: () => {
      // A listener for data starts the flow; before it grpc-js takes nothing from the wire.
      if (!isReading) {
        isReading = true;
        call.on('data', (bytes: Buffer) => {
          onMessage(bytes);
        });
      }
      call.resume();
    },
    pause: () => {
      call.pause();
    },
    write: (bytes, flushed) => {
      // Mostly it is a Buffer, of which no view need be made for each stream.
      const { buffer, byteOffset, byteLength } = bytes;
      const own = Buffer.isBuffer(bytes) ? bytes : Buffer.from(buffer, byteOffset, byteLength);
      call.write(own, flushed);
    },
    close: ({ code, message }) => {
      call.emit('error', { code: statusOf[code], details: message });
    },
    destroy: cut,
  };
}
