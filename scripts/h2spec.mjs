// Finds the program that holds a server against the cases of h2spec, or builds it from its pinned Go modules into a cache.
import { ensureGoTool } from './go-tool.mjs';

/** The path of the program, built first where it is missing. `say` gets progress lines. */
export async function ensureH2spec({ say }) {
  return await ensureGoTool({ module: 'h2spec', name: 'h2spec', what: 'h2spec', say });
}
