// What every command that runs a built program does first: get what is missing, build where a source is newer.
import { env, exit, stderr } from 'node:process';
import { setup } from './setup.mjs';

/**
 * Prepares the checkout and returns the environment for the program: SKERRY_ENVOY is set where
 * `needs` names it. Ends the process with 2, saying why, when it cannot.
 */
export async function prepare(name, needs = []) {
  try {
    const { envoy } = await setup({ needs });
    // Imports packages, which a fresh clone has only now.
    const { build, isBuildStale } = await import('./build.mjs');
    if (isBuildStale()) await build();
    return {
      ...env,
      ...(envoy === undefined ? {} : { SKERRY_ENVOY: envoy }),
      // The network tools lie in root's folders, which PATH leaves out on some machines.
      PATH: `${env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`,
    };
  } catch (error) {
    stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    return exit(2);
  }
}
