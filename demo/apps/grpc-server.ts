/** A small gRPC server that knows nothing of the mesh: greets and says what it saw of its caller. */
import { Server, ServerCredentials, type handleUnaryCall } from '@grpc/grpc-js';
import { greeterService, type GreetReply, type GreetRequest } from '../rig/greeter-contract.js';

const service = process.env['SERVICE'] ?? 'grpc-server';
const version = process.env['VERSION'] ?? 'v1';
const port = process.env['PORT'] ?? '50051';

const greet: handleUnaryCall<GreetRequest, GreetReply> = (call, callback) => {
  const forwarded = call.metadata.get('x-forwarded-client-cert');
  callback(null, {
    message: `hello ${call.request.name}`,
    version,
    forwardedClientCert: forwarded.map(String).join(','),
  });
};

const server = new Server();
server.addService(greeterService(), { Greet: greet });
server.bindAsync(`0.0.0.0:${port}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
  console.log(JSON.stringify({ event: 'listening', service, version, port: Number(port) }));
});

process.on('SIGTERM', () => {
  process.exit(0);
});
