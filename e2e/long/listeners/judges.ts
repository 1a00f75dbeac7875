/** Programs of others that judge a server over TLS: h2spec by the rules of HTTP/2, testssl by what TLS it speaks. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError, runCommand } from '../../../demo/rig/index.js';

/** What came of one case of h2spec. */
export interface CaseOutcome {
  /** Section of the RFC, and the case in it: `http2/5.1.2/1`. */
  readonly id: string;
  readonly case: string;
  readonly result: 'passed' | 'failed' | 'skipped';
  /** What was expected and what came; empty unless it failed. */
  readonly detail: string;
}

/** One thing that testssl has to say. */
export interface TlsFinding {
  readonly id: string;
  /** `OK`, `INFO`, `WARN` (could not look), `LOW`, `MEDIUM`, `HIGH`, `CRITICAL`. */
  readonly severity: string;
  readonly finding: string;
}

/** Runs h2spec against a port of this machine; `cases` are ids, default all. Throws CommandError. */
export async function h2spec(
  port: number,
  cases: readonly string[] = [],
): Promise<readonly CaseOutcome[]> {
  const program = process.env['SKERRY_H2SPEC'] ?? '';
  if (program === '') throw new Error('h2spec was not built: run it by npm run e2e:long');
  const { stdout } = await runCommand([program, '-port', String(port), ...cases]);
  return JSON.parse(stdout) as readonly CaseOutcome[];
}

/** What it asks of a server: protocols, kinds of ciphers, forward secrecy, preferences, known holes. */
const questions = ['--protocols', '--std', '--pfs', '--server-preference', '--vulnerable'];

/** How often a machine that is busy may keep testssl from looking at something. */
const looks = 3;

/** Runs testssl against a port of this machine, again where it could not look at something. */
export async function testssl(port: number): Promise<readonly TlsFinding[]> {
  let findings = await look(port);
  for (let more = looks - 1; more > 0; more -= 1) {
    if (!findings.some(({ severity }) => severity === 'WARN')) break;
    findings = await look(port);
  }
  return findings;
}

/** What says nothing of the server is left out. */
async function look(port: number): Promise<readonly TlsFinding[]> {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-testssl-'));
  const file = join(folder, 'findings.json');
  try {
    await runCommand([
      ...['testssl', '--quiet', '--color', '0', '--warnings', 'off', '--nodns', 'none'],
      ...[...questions, '--jsonfile', file, `127.0.0.1:${String(port)}`],
    ]).catch((error: unknown) => {
      // Its exit code counts what it found, and is above 240 where it could not look.
      if (!(error instanceof CommandError) || (error.exitCode ?? 255) > 240) throw error;
    });
    const findings = JSON.parse(await readFile(file, 'utf8')) as readonly TlsFinding[];
    // That this machine's openssl has no ciphers of GOST.
    return findings.filter(({ id }) => id !== 'engine_problem');
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What is not in order, as `id severity: finding`. */
export function complaints(findings: readonly TlsFinding[]): readonly string[] {
  return findings
    .filter(({ severity }) => severity !== 'OK' && severity !== 'INFO')
    .map(({ id, severity, finding }) => `${id} ${severity}: ${finding}`);
}
