// Finds the load tool of the bench of requests, or builds it from its pinned Go modules into a cache.
import { ensureGoTool } from './go-tool.mjs';

/** The path of Fortio, built first where it is missing. `say` gets progress lines. */
export async function ensureFortio({ say }) {
  return await ensureGoTool({ module: 'fortio', name: 'fortio', what: 'Fortio', say });
}
