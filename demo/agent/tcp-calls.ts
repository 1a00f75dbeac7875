/** TCP and TLS calls of the caller program: one-shot, and connections that stay open. */
import { connect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { describeError } from './http-calls.js';
import type { AgentRequestOf, CallResult } from '../rig/agent-protocol.js';

/** One connection and what came over it. */
class Connection {
  readonly #socket: Socket;
  readonly #startedAt = performance.now();
  #received = '';
  #error: string | null = null;
  #closedAt: number | undefined;
  #wake: () => void = () => undefined;

  constructor(socket: Socket, readyEvent: 'connect' | 'secureConnect') {
    this.#socket = socket;
    let isReady = false;
    this.ready = new Promise((resolve) => {
      socket.once(readyEvent, () => {
        isReady = true;
        resolve();
      });
      socket.once('close', () => {
        resolve();
      });
    });
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
      this.#wake();
    });
    socket.on('error', (error) => {
      this.#error = `${isReady ? '' : 'while connecting: '}${describeError(error)}`;
    });
    // The peer's FIN counts as closed: whether our half is still open tells nothing about it.
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.#closedAt ??= performance.now();
        this.#wake();
      });
    }
  }

  /** Resolves when connected, or when that failed. */
  readonly ready: Promise<void>;

  get isClosed(): boolean {
    return this.#closedAt !== undefined;
  }

  send(text: string): void {
    if (text !== '') this.#socket.write(text, 'latin1');
  }

  /** Resolves when `bytes` more have come than `from`, the peer closed, or the time is up. */
  async waitFor(from: number, bytes: number, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!this.isClosed && this.#received.length - from < bytes) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) {
        this.#error ??= `no bytes within ${timeoutMs} ms`;
        return;
      }
      await this.#change(leftMs);
    }
  }

  get receivedBytes(): number {
    return this.#received.length;
  }

  result(from: number, startedAt: number): CallResult {
    return {
      status: this.isClosed ? 'closed' : 'open',
      version: null,
      body: this.#received.slice(from),
      headers: {},
      peerSpiffeId: null,
      ms: (this.#closedAt ?? performance.now()) - startedAt,
      error: this.#error,
    };
  }

  get startedAt(): number {
    return this.#startedAt;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Opens a connection, sends, waits for bytes, and closes. Never rejects. */
export async function callTcp(call: AgentRequestOf<'tcp'>): Promise<CallResult> {
  const connection = new Connection(connect(call.port, call.host), 'connect');
  return await exchange(connection, call.send, call.expectBytes, call.timeoutMs);
}

/**
 * As `callTcp` inside TLS. The server's certificate is looked at by nobody: the question is what
 * the server makes of ours. Never rejects.
 */
export async function callTls(call: AgentRequestOf<'tls'>): Promise<CallResult> {
  const socket = tlsConnect({
    host: call.host,
    port: call.port,
    rejectUnauthorized: false,
    ALPNProtocols: call.alpn,
    ...(call.serverName === undefined ? {} : { servername: call.serverName }),
    ...(call.cert === undefined ? {} : { cert: call.cert }),
    ...(call.key === undefined ? {} : { key: call.key }),
  });
  const connection = new Connection(socket, 'secureConnect');
  return await exchange(connection, call.send, 1, call.timeoutMs);
}

async function exchange(
  connection: Connection,
  send: string,
  expectBytes: number,
  timeoutMs: number,
): Promise<CallResult> {
  await inTime(connection.ready, timeoutMs);
  connection.send(send);
  await connection.waitFor(0, expectBytes, timeoutMs);
  const result = connection.result(0, connection.startedAt);
  connection.destroy();
  return result;
}

async function inTime(promise: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([promise, timeout]);
  clearTimeout(timer);
}

/** Connections that stay open between requests, by name. */
export class HeldConnections {
  readonly #connections = new Map<string, Connection>();

  /** Opens one; the former one of that name is dropped. Never rejects. */
  async open(request: AgentRequestOf<'tcp-open'>): Promise<CallResult> {
    this.#connections.get(request.connection)?.destroy();
    const connection = new Connection(connect(request.port, request.host), 'connect');
    this.#connections.set(request.connection, connection);
    await inTime(connection.ready, request.timeoutMs);
    return connection.result(0, connection.startedAt);
  }

  /** Sends over an open one and waits for bytes; `ms` counts from here. Throws on an unknown name. */
  async send(request: AgentRequestOf<'tcp-send'>): Promise<CallResult> {
    const connection = this.#named(request.connection);
    const startedAt = performance.now();
    const from = connection.receivedBytes;
    if (!connection.isClosed) connection.send(request.send);
    await connection.waitFor(from, request.expectBytes, request.timeoutMs);
    return connection.result(from, startedAt);
  }

  /** Whether it is still open; `ms` is its age, or its age when it closed. Throws on an unknown name. */
  state(name: string): CallResult {
    const connection = this.#named(name);
    return connection.result(0, connection.startedAt);
  }

  /** Closes and forgets it; returns its last state. Throws on an unknown name. */
  close(name: string): CallResult {
    const result = this.state(name);
    this.#named(name).destroy();
    this.#connections.delete(name);
    return result;
  }

  #named(name: string): Connection {
    const connection = this.#connections.get(name);
    if (connection === undefined) throw new Error(`no connection named ${name}`);
    return connection;
  }
}
