/** Takes the state directory into use: safe from other users, and from a second control plane. */
import { mkdir, stat } from 'node:fs/promises';
import { connect } from 'node:net';

/**
 * Makes `directory` (0700) when absent. Rejects when everybody may write there, who could then put
 * policies and keys in our mouth, and when another process answers on the admin socket: two would
 * overwrite each other's last good forms and verdicts.
 */
export async function takeStateDirectory(directory: string, adminSocket: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const { mode } = await stat(directory);
  if ((mode & 0o002) !== 0) {
    throw new Error(
      `expected ${directory} to be closed to others, found mode ${(mode & 0o777).toString(8)}: run chmod 700 ${directory}`,
    );
  }
  if (await isAnswered(adminSocket)) {
    throw new Error(
      `another control plane answers on ${adminSocket}: stop it first, or give this one a --state-dir of its own`,
    );
  }
}

/** A socket that a dead process has left refuses. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => {
      end(true);
    });
    socket.once('error', () => {
      end(false);
    });
  });
}
