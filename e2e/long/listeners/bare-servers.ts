/** What ours is held against: servers of the libraries it is built from, with nothing of ours in them. */
import * as grpc from '@grpc/grpc-js';
import { createSecureServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { ServerCertificate } from '../../../src/xds/index.js';

/** A server that runs. */
export interface BareServer {
  readonly port: number;
  stop(): Promise<void>;
}

const same = (bytes: Buffer): Buffer => bytes;

/** One method of gRPC that reads what comes; limits are those of ours, all else is as the library has it. */
export async function bareGrpcServer(certificate: ServerCertificate): Promise<BareServer> {
  const server = new grpc.Server({ 'grpc.max_concurrent_streams': 16 });
  const method = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
  const handle = (call: grpc.ServerDuplexStream<Buffer, Buffer>): void => {
    call.on('data', () => undefined);
    call.on('end', () => call.end());
  };
  server.register(method, handle, same, same, 'bidi');
  const pair = {
    private_key: Buffer.from(certificate.privateKey),
    cert_chain: Buffer.from(certificate.certificateChain),
  };
  const credentials = grpc.ServerCredentials.createSsl(null, [pair]);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    port,
    stop: () => {
      server.forceShutdown();
      return Promise.resolve();
    },
  };
}

/** Node's own HTTP/2, which answers 200 to everything. */
export async function bareHttp2Server(certificate: ServerCertificate): Promise<BareServer> {
  const server = createSecureServer({
    key: certificate.privateKey,
    cert: certificate.certificateChain,
  });
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  // What clients do wrong is what the cases are about.
  server.on('sessionError', () => undefined);
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    if (stream.destroyed || stream.writableEnded) return;
    stream.respond({ ':status': 200 });
    stream.end('ok');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const session of sessions) session.destroy();
      }),
  };
}
