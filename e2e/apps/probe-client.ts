/** Calls that the rig's caller program cannot make: a large upload, a WebSocket, a gRPC stream. Prints one JSON value. */
import { createHash, randomBytes } from 'node:crypto';
import { request, type IncomingMessage } from 'node:http';
import { Client, credentials } from '@grpc/grpc-js';
import { chatMethod } from './chat-contract.js';
import { frame, readFrame } from './websocket-frames.js';

const timeoutMs = 30_000;

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** Uploads random bytes in one request, as fast as they are taken. */
async function upload(url: string, bytes: number): Promise<object> {
  const chunk = randomBytes(64 * 1024);
  const hash = createHash('sha256');
  const startedAt = performance.now();
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const call = request(url, { method: 'POST', timeout: timeoutMs }, resolve);
    call.on('error', reject);
    const send = (left: number): void => {
      const part = chunk.subarray(0, Math.min(left, chunk.length));
      hash.update(part);
      if (left <= chunk.length) call.end(part);
      else if (call.write(part)) setImmediate(send, left - part.length);
      else
        call.once('drain', () => {
          send(left - part.length);
        });
    };
    send(bytes);
  });
  const body = await textOf(response);
  const ms = performance.now() - startedAt;
  return { status: response.statusCode, body, sha256: hash.digest('hex'), ms };
}

/** Upgrades and sends three texts, one after the other's answer. */
async function webSocket(url: string): Promise<object> {
  const texts = ['one', 'two', 'three'];
  return await new Promise((resolve, reject) => {
    const call = request(url, {
      timeout: timeoutMs,
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': randomBytes(16).toString('base64'),
      },
    });
    call.on('error', reject);
    call.on('response', (response) => {
      resolve({ status: response.statusCode, echoes: [] });
    });
    call.on('upgrade', (response, socket) => {
      const echoes: string[] = [];
      let buffered = Buffer.alloc(0);
      const next = (): void => {
        const text = texts[echoes.length];
        if (text !== undefined) {
          socket.write(frame(text, randomBytes(4)));
          return;
        }
        socket.destroy();
        resolve({ status: response.statusCode, echoes });
      };
      socket.on('error', reject);
      socket.on('data', (chunk: Buffer) => {
        buffered = Buffer.concat([buffered, chunk]);
        const read = readFrame(buffered);
        if (read === undefined) return;
        buffered = buffered.subarray(read.bytes);
        echoes.push(read.text);
        next();
      });
      next();
    });
    call.end();
  });
}

/** Sends each message only after the answer to the one before it. */
async function grpcStream(target: string, count: number): Promise<object> {
  const client = new Client(target, credentials.createInsecure());
  const startedAt = performance.now();
  return await new Promise((resolve) => {
    const stream = client.makeBidiStreamRequest(
      chatMethod.path,
      chatMethod.requestSerialize,
      chatMethod.responseDeserialize,
      { deadline: Date.now() + timeoutMs },
    );
    const echoes: string[] = [];
    stream.on('data', (text: string) => {
      echoes.push(text);
      if (echoes.length === count) stream.end();
      else stream.write(`message ${echoes.length + 1}`);
    });
    stream.on('error', () => undefined);
    stream.on('status', (status) => {
      client.close();
      const { code, details } = status;
      resolve({ code, details, echoes, ms: performance.now() - startedAt });
    });
    stream.write('message 1');
  });
}

async function main([verb, target = '', number = '0']: readonly string[]): Promise<object> {
  switch (verb) {
    case 'upload':
      return await upload(target, Number(number));
    case 'websocket':
      return await webSocket(target);
    case 'grpc-stream':
      return await grpcStream(target, Number(number));
    default:
      throw new Error(`no call named ${verb ?? ''}`);
  }
}

try {
  process.stdout.write(`${JSON.stringify(await main(process.argv.slice(2)))}\n`);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stdout.write(`${JSON.stringify({ error: message })}\n`);
}
