/** The floor of every figure, as a program: a gRPC server that thinks about nothing and writes given bytes to every stream. */
import * as grpc from '@grpc/grpc-js';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { serveHttp2 } from './bare-http2.js';

const commandSchema = z.discriminatedUnion('do', [
  /** What each new stream gets at its first request; in base64. */
  z.object({ do: z.literal('serve'), responses: z.array(z.string()) }),
  /** Writes one response to so many of the open streams. */
  z.object({ do: z.literal('push'), response: z.string(), count: z.number() }),
]);

/** It listens. */
export interface BareProgram {
  readonly port: number;
  /** Writes a message to so many of the open streams. */
  push(message: Buffer, count: number): void;
}

type Call = grpc.ServerDuplexStream<Buffer, Buffer>;

const same = (bytes: Buffer): Buffer => bytes;
const path = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

async function serveGrpc(
  { cert, key }: { readonly cert: Buffer; readonly key: Buffer },
  answers: () => readonly Buffer[],
): Promise<BareProgram> {
  const calls = new Set<Call>();
  const server = new grpc.Server({
    'grpc.max_send_message_length': -1,
    'grpc.max_receive_message_length': -1,
    'grpc.enable_channelz': 0,
  });
  server.register(
    path,
    (call: Call) => {
      calls.add(call);
      call.once('close', () => calls.delete(call));
      call.once('cancelled', () => calls.delete(call));
      call.on('error', () => calls.delete(call));
      call.once('data', () => {
        for (const answer of answers()) call.write(answer);
      });
      // The answers are read and left unread.
      call.on('data', () => undefined);
    },
    same,
    same,
    'bidi',
  );
  const credentials = grpc.ServerCredentials.createSsl(null, [
    { cert_chain: cert, private_key: key },
  ]);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    port,
    push: (message, count) => {
      for (const call of [...calls].slice(0, count)) call.write(message);
    },
  };
}

const [certificateFile = '', keyFile = ''] = process.argv.slice(2);
const certificate = { cert: await readFile(certificateFile), key: await readFile(keyFile) };
let answers: readonly Buffer[] = [];
const serve = process.env['SKERRY_BENCH_FLOOR'] === 'http2' ? serveHttp2 : serveGrpc;
const program = await serve(certificate, () => answers);

function obey(command: z.infer<typeof commandSchema>): void {
  switch (command.do) {
    case 'serve':
      answers = command.responses.map((text) => Buffer.from(text, 'base64'));
      return;
    case 'push':
      program.push(Buffer.from(command.response, 'base64'), command.count);
      return;
  }
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    obey(commandSchema.parse(JSON.parse(line)));
    process.stdout.write('done\n');
  })
  .on('close', () => {
    process.exit(0);
  });
process.stdout.write(`${String(program.port)}\n`);
