/** Whose the state directory is. */
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { takeStateDirectory } from './state-directory.js';

let base: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'skerry-state-'));
});
afterEach(async () => {
  await rm(base, { recursive: true });
});

test('it is made for the owner alone', async () => {
  const directory = join(base, 'new');
  await takeStateDirectory(directory, join(directory, 'admin.sock'));
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
});

test('one that everybody may write to is refused, with the remedy', async () => {
  await chmod(base, 0o777);
  await expect(takeStateDirectory(base, join(base, 'admin.sock'))).rejects.toThrow(
    `run chmod 700 ${base}`,
  );
});

test('it is refused while another process answers on the admin socket, and free again after', async () => {
  const socket = join(base, 'admin.sock');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  await expect(takeStateDirectory(base, socket)).rejects.toThrow('another control plane');
  await new Promise((resolve) => server.close(resolve));
  await takeStateDirectory(base, socket);
});

test('what a dead process has left at the socket’s path is no obstacle', async () => {
  const socket = join(base, 'admin.sock');
  await writeFile(socket, '');
  await takeStateDirectory(base, socket);
  expect((await stat(socket)).size).toBe(0);
});
