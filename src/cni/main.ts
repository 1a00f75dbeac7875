/** The plugin as a node starts it: `node skerry-cni.cjs`, from the directory of its runtime. */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { runPlugin } from './plugin.js';
import { errorCodes, spellError } from './protocol.js';
import { createRedirector, useModulesOf } from './redirector.js';

async function main(): Promise<void> {
  const call = { env: process.env, stdin: readFileSync(0, 'utf8') };
  const runtime = dirname(process.argv[1] ?? '');
  useModulesOf(runtime);
  const { exitCode, stdout } = await runPlugin(call, createRedirector(runtime));
  process.exitCode = exitCode;
  process.stdout.write(stdout);
}

main().catch((error: unknown) => {
  process.exitCode = 1;
  process.stdout.write(spellError(errorCodes.notRedirected, 'skerry-cni failed', String(error)));
});
