#!/usr/bin/env node
// Starts the command line, and hands it the one thing it may not import: the control plane.
import { createSecretCaStore, startController } from './app/index.js';
import { runCli } from './cli/index.js';

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
