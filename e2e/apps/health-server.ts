/** A server with HTTP (8080), TCP (7000) and gRPC health (50051), each of which can be made to die alone, from inside the pod. */
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { Server as GrpcServer, ServerCredentials, type sendUnaryData } from '@grpc/grpc-js';

const controlPort = 9999;
/** HealthCheckResponse of grpc.health.v1 with SERVING, and with NOT_SERVING. */
const [serving, notServing] = [Buffer.from([8, 1]), Buffer.from([8, 2])];

let health = serving;

const http = createServer((request, response) => {
  request.resume();
  response.end('fine');
}).listen(8080);

const tcp = createTcpServer((socket) => {
  socket.on('error', () => undefined);
  socket.pipe(socket);
}).listen(7000);

const pass = (bytes: Buffer): Buffer => bytes;
const grpc = new GrpcServer();
grpc.addService(
  {
    check: {
      path: '/grpc.health.v1.Health/Check',
      requestStream: false,
      responseStream: false,
      requestSerialize: pass,
      requestDeserialize: pass,
      responseSerialize: pass,
      responseDeserialize: pass,
    },
  },
  {
    check: (_call: unknown, done: sendUnaryData<Buffer>) => {
      done(null, health);
    },
  },
);
grpc.bindAsync('0.0.0.0:50051', ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});

/** What dies, by the path that is called on the loopback. */
const deaths: Readonly<Record<string, () => void>> = {
  '/http': () => {
    http.close();
    http.closeAllConnections();
  },
  '/tcp': () => {
    tcp.close();
  },
  '/grpc': () => {
    health = notServing;
  },
};

createServer((request, response) => {
  deaths[request.url ?? '']?.();
  response.end();
}).listen(controlPort, '127.0.0.1');

process.on('SIGTERM', () => {
  process.exit(0);
});
