/** Calls to one Envoy, made as an arrival says, and whether the app has got any of it. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Arrival, HttpRequest } from '../../../src/envoy/testing/judge-arrival.js';
import type { Certificate } from '../../../src/translators/to-envoy/testing/certificates.js';
import type { App } from '../../../src/translators/to-envoy/testing/clients.js';

/** Where calls go, and with what. */
export interface CallerOptions {
  readonly envoyPort: number;
  readonly app: App;
  /** By SPIFFE id. */
  readonly certificates: ReadonlyMap<string, Certificate>;
  /** The text of the token that a request carries. */
  readonly tokenOf: (token: NonNullable<HttpRequest['token']>) => string;
}

const patienceMs = 15_000;
let calls = 0;

/** Answers HTTP/1.1 requests, and repeats whatever else comes. */
export function serveAnything(socket: Socket): void {
  socket.on('data', (chunk: Buffer) => {
    const isHttp = /^[A-Z]+ \/\S* HTTP\/1\.1\r\n/.test(chunk.toString('latin1'));
    socket.write(isHttp ? 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n' : chunk);
  });
}

/** Makes the call; whether the app has received anything of it: each bears a name, also as TLS's server name. */
export async function reachesApp(arrival: Arrival, options: CallerOptions): Promise<boolean> {
  const { envoyPort, app } = options;
  calls += 1;
  const name = `call-${String(calls)}.example`;
  const socket = connect({ port: envoyPort, host: '127.0.0.1', localAddress: arrival.peerIp });
  const over = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(
        new Error(
          `no end of ${name}: ${JSON.stringify(arrival)}; the app ${app.received().includes(name) ? 'has' : 'has not'} got it`,
        ),
      );
    }, patienceMs);
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    socket.once('close', end);
    socket.once('end', end);
    socket.on('error', end);
    socket.once('connect', () => {
      socket.write(`PROXY TCP4 127.0.0.9 127.0.0.1 40000 ${String(arrival.port)}\r\n`);
      speak(socket, arrival, { ...options, name, end });
    });
  });
  await over;
  socket.destroy();
  return app.received().includes(name);
}

interface Speech extends CallerOptions {
  readonly name: string;
  /** Called at the first answer of any kind. */
  readonly end: () => void;
}

function speak(socket: Socket, { tls, http }: Arrival, speech: Speech): void {
  const { name, end, certificates } = speech;
  const text = http === undefined ? `${name}\r\n\r\n` : requestText(http, speech);
  if (tls === undefined) {
    socket.once('data', end);
    socket.write(text);
    return;
  }
  const certificate = tls.uri === undefined ? undefined : certificates.get(tls.uri);
  const secure = connectTls({
    ...{ socket, servername: name, rejectUnauthorized: false },
    ...(certificate === undefined ? {} : { cert: certificate.cert, key: certificate.key }),
    ALPNProtocols: [...tls.alpn],
  });
  secure.once('error', end);
  secure.once('close', end);
  secure.once('end', end);
  secure.once('data', end);
  secure.once('secureConnect', () => {
    secure.write(text);
  });
}

function requestText(request: HttpRequest, { tokenOf, name }: Speech): string {
  const { method, path, headers, token } = request;
  const sent =
    token === undefined ? headers : { ...headers, authorization: `Bearer ${tokenOf(token)}` };
  const lines = Object.entries({ host: name, 'content-length': '0', ...sent });
  return `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}
