/** Test support: commands as users run them. */
import { runCli } from './program.js';

/** How a command ended, and what it said. */
export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `skerry` with these arguments, where nobody has a kubeconfig and no control plane can be started. */
export async function runSkerry(...args: readonly string[]): Promise<CliRun> {
  const output = { stdout: '', stderr: '' };
  const code = await runCli(args, {
    stdout: { write: (text) => (output.stdout += text) },
    stderr: { write: (text) => (output.stderr += text) },
    env: { HOME: '/nonexistent' },
    startController: () => Promise.reject(new Error('nothing is to be started')),
  });
  return { code, ...output };
}
