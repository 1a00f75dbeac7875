#!/usr/bin/env -S node --max-semi-space-size=4
// Starts the command line, and hands it the one thing it may not import: the control plane.
import { setFlagsFromString } from 'node:v8';
import { createSecretCaStore, startController } from './app/index.js';
import { runCli } from './cli/index.js';

// Like the flag above, which can be given at a start only: the heap stays near what lives in it, and a
// connect storm leaves no hundreds of megabytes behind (docs/decisions/0036-memory-of-a-stream.md).
setFlagsFromString('--heap-growing-percent=40');

// A reader that has seen enough, as in `skerry proxies | head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

process.exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  startController,
  clusterCaStore: (client, namespace) => createSecretCaStore({ client, namespace }),
});
