/** A server as rolling updates want it: HTTP and gRPC health, and on SIGTERM it answers what it has and then goes. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Server as GrpcServer, ServerCredentials, type sendUnaryData } from '@grpc/grpc-js';

const service = process.env['SERVICE'] ?? 'graceful';
const version = process.env['VERSION'] ?? 'v1';
const port = Number(process.env['PORT'] ?? '8080');
/** Absent: no gRPC. */
const grpcPort = process.env['GRPC_PORT'];
const serving = Buffer.from([8, 1]);

const say = (event: string, fields: object = {}): void => {
  console.log(JSON.stringify({ event, service, version, atMs: Date.now(), ...fields }));
};

let underWay = 0;
let lastRequestAtMs = 0;
let isEnding = false;

function handle(request: IncomingMessage, response: ServerResponse): void {
  underWay += 1;
  lastRequestAtMs = Date.now();
  request.resume();
  response.once('close', () => {
    underWay -= 1;
  });
  request.once('end', () => {
    const path = request.url ?? '/';
    const delayMs = Number(/^\/delay\/(\d{1,5})$/.exec(path)?.[1] ?? 0);
    setTimeout(() => {
      const { method, url, headers } = request;
      response.writeHead(200, {
        'content-type': 'application/json',
        'x-version': version,
        ...(isEnding ? { connection: 'close' } : {}),
      });
      response.end(JSON.stringify({ service, version, method, url, headers, body: '' }));
    }, delayMs);
  });
}

const server = createServer(handle);
server.keepAliveTimeout = 3_700_000;
server.listen(port, () => {
  say('listening', { port });
});

/** The gRPC health checking protocol, by hand: one method, one byte that matters. */
function startGrpc(grpc: string): void {
  const pass = (bytes: Buffer): Buffer => bytes;
  const check = {
    path: '/grpc.health.v1.Health/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: pass,
    requestDeserialize: pass,
    responseSerialize: pass,
    responseDeserialize: pass,
  };
  const health = new GrpcServer();
  health.addService(
    { check },
    {
      check: (_call: unknown, done: sendUnaryData<Buffer>) => {
        done(null, serving);
      },
    },
  );
  health.bindAsync(`0.0.0.0:${grpc}`, ServerCredentials.createInsecure(), (error) => {
    if (error !== null) throw error;
  });
}

if (grpcPort !== undefined) startGrpc(grpcPort);

process.on('SIGTERM', () => {
  say('ending', { underWay, lastRequestAtMs });
  isEnding = true;
  server.close(() => {
    say('ended');
    process.exit(0);
  });
  // Connections that are idle now, or become so with their answer.
  server.closeIdleConnections();
});
