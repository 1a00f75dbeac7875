/** Callers and apps for tests: sockets that say where they meant to go, and what they got. */
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Certificate } from './certificates.js';

/** How a test connects. */
export interface CallOptions {
  readonly envoyPort: number;
  /** The original destination, on 127.0.0.1 unless `ip` is given. */
  readonly port: number;
  readonly ip?: string;
  /** Mesh TLS with this certificate and ALPN; absent: plaintext. */
  readonly tls?: { readonly certificate: Certificate; readonly alpn: string };
}

/** Connects through the PROXY protocol, which stands for redirection; rejects when TLS fails. */
export function dial(options: CallOptions): Promise<Socket | TLSSocket> {
  const ip = options.ip ?? '127.0.0.1';
  return new Promise((resolve, reject) => {
    const socket = connect(options.envoyPort, '127.0.0.1', () => {
      socket.write(`PROXY TCP4 127.0.0.9 ${ip} 40000 ${String(options.port)}\r\n`);
      if (options.tls === undefined) {
        resolve(socket);
        return;
      }
      const { certificate, alpn } = options.tls;
      const secure = connectTls({
        socket,
        cert: certificate.cert,
        key: certificate.key,
        ALPNProtocols: [alpn],
        minVersion: 'TLSv1.3',
        rejectUnauthorized: false,
      });
      secure.once('secureConnect', () => {
        resolve(secure);
      });
      secure.once('error', reject);
      secure.once('close', () => {
        reject(new Error('closed'));
      });
    });
    socket.once('error', reject);
  });
}

/** What a socket received until it was closed, or until `isEnough` holds. */
export function receive(
  socket: Socket | TLSSocket,
  isEnough: (text: string) => boolean = () => false,
): Promise<{ text: string; isClosed: boolean }> {
  return new Promise((resolve) => {
    let text = '';
    const finish = (isClosed: boolean): void => {
      resolve({ text, isClosed });
    };
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (isEnough(text)) finish(false);
    });
    socket.on('error', () => {
      finish(true);
    });
    socket.on('close', () => {
      finish(true);
    });
  });
}

/** One HTTP/1.1 exchange on a socket: status line, headers and body as text. */
export async function request(
  socket: Socket | TLSSocket,
  path = '/',
  headers: Readonly<Record<string, string>> = {},
  method = 'GET',
): Promise<string> {
  const lines = Object.entries({ host: 'app', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  socket.removeAllListeners('data');
  const answer = receive(socket, (text) => isWholeAnswer(text));
  socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  return (await answer).text;
}

function isWholeAnswer(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /content-length: (\d+)/i.exec(text)?.[1];
  return length === undefined
    ? text.endsWith('0\r\n\r\n')
    : text.length >= end + 4 + Number(length);
}

/** An app that records what reached it. */
export interface App {
  readonly port: number;
  readonly connections: () => number;
  readonly received: () => string;
  readonly closed: Promise<void>;
  close(): void;
}

/** Listens on 127.0.0.1; `serve` answers each connection. */
export async function startApp(
  serve: (socket: Socket) => void,
  ip = '127.0.0.1',
  port = 0,
): Promise<App> {
  let connections = 0;
  let received = '';
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(port, ip, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    received: () => received,
    closed: new Promise((resolve) => server.once('close', resolve)),
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Answers every HTTP/1.1 request with its own request text as the body. */
export function echoHttp(socket: Socket): void {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
      const body = text.slice(0, end);
      text = text.slice(end + 4);
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${String(body.length)}\r\n\r\n${body}`);
    }
  });
}
