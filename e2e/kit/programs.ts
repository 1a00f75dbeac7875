/** Runs the suites' own programs inside pods, or beside the control plane. */
import { join } from 'node:path';
import { findCheckout, runCommand, type Mesh } from '../../demo/rig/index.js';

/** Runs `e2e/apps/<program>.ts` in a pod as the app's user; what it prints is one JSON value. */
export async function runInPod(
  mesh: Mesh,
  key: string,
  program: string,
  args: readonly string[],
): Promise<unknown> {
  const image = join(mesh.runDirectory, 'image');
  const { stdout } = await runCommand(
    mesh
      .pod(key)
      .argv([
        join(image, 'node'),
        join(image, 'checkout', 'dist', 'apps', `${program}.js`),
        ...args,
      ]),
  );
  return JSON.parse(stdout);
}

/** Runs it from the router, with `input` on standard input; what it prints is one JSON value. */
export async function runAtRouter(mesh: Mesh, program: string, input: string): Promise<unknown> {
  const { stdout } = await runCommand(
    [
      ...['nsenter', `--net=${mesh.network.router.path}`, '--'],
      ...[process.execPath, join(findCheckout().apps, `${program}.js`)],
    ],
    input,
  );
  return JSON.parse(stdout);
}
