/** Asks a running control plane over its admin socket. */
import { request } from 'node:http';
import { Option } from 'commander';
import { CommandError } from './io.js';

/** The flag of every command that asks a running control plane. */
export function adminSocketOption(): Option {
  return new Option('--admin-socket <path>', 'unix socket of the control plane’s admin API').env(
    'SKERRY_ADMIN_SOCKET',
  );
}

const timeoutMs = 10_000;

/** The JSON at `path`; a {@link CommandError} that says what to do when there is none. */
export function askAdmin(socketPath: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const unreachable = (cause: string): CommandError =>
      new CommandError(
        `no control plane answers on ${socketPath} (${cause}); is it running, and is --admin-socket right?`,
      );
    const asked = request({ socketPath, path, timeout: timeoutMs }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        let body: unknown;
        try {
          body = JSON.parse(text);
        } catch {
          reject(new CommandError(`the control plane answered with something else than JSON`));
          return;
        }
        if (response.statusCode === 200) {
          resolve(body);
          return;
        }
        const message =
          typeof body === 'object' && body !== null && 'message' in body
            ? String(body.message)
            : `status ${String(response.statusCode)}`;
        reject(new CommandError(message));
      });
    });
    asked.on('timeout', () => asked.destroy(new Error(`no answer in ${String(timeoutMs)} ms`)));
    asked.on('error', (error) => {
      reject(unreachable(error.message));
    });
    asked.end();
  });
}
