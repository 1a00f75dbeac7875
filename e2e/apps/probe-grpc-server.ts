/** A gRPC server for suites with one bidirectional stream: every message comes back at once, numbered. */
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { chatService } from './chat-contract.js';

const port = process.env['PORT'] ?? '50051';

function chat(call: ServerDuplexStream<string, string>): void {
  let count = 0;
  call.on('data', (message: string) => {
    count += 1;
    call.write(`${count} ${message}`);
  });
  call.on('error', () => undefined);
  call.on('end', () => {
    call.end();
  });
}

const server = new Server();
server.addService(chatService, { Chat: chat });
server.bindAsync(`0.0.0.0:${port}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
  console.log(JSON.stringify({ event: 'listening', port: Number(port) }));
});

process.on('SIGTERM', () => {
  process.exit(0);
});
