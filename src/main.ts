#!/usr/bin/env node
// Starts the command line, and hands it the one thing it may not import: the control plane.
import { startController } from './app/index.js';
import { runCli } from './cli/index.js';

process.exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  startController,
});
