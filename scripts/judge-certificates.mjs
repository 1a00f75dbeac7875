// Finds the program by which tests have others judge our certificates, or builds it from its pinned Go modules into a cache.
import { ensureGoTool } from './go-tool.mjs';

/** The path of the program, built first where it is missing. `say` gets progress lines. */
export async function ensureJudge({ say }) {
  return await ensureGoTool({
    module: 'certificates',
    name: 'judge-certificates',
    what: 'the judge of certificates',
    say,
  });
}
