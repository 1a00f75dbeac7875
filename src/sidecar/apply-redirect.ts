/** Puts the redirection rules into the network namespace this process is in, and checks that they are there. */
import { spawn } from 'node:child_process';
import { inboundSourceV6 } from './ports.js';
import {
  checkRedirectOptions,
  familyRules,
  inboundChain,
  outboundChain,
  restoreText,
  type FamilyRules,
  type IpFamily,
  type RedirectOptions,
} from './redirect.js';

/** What a command did. */
export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program with `input` on its standard input; rejects only when it cannot be started. */
export type RunCommand = (
  file: string,
  args: readonly string[],
  input: string,
) => Promise<CommandResult>;

/** The rules could not be applied; the message says which command and what it printed. */
export class RedirectError extends Error {
  readonly code = 'Redirect';

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'RedirectError';
  }
}

/** Runs programs on this machine. */
export const runOnHost: RunCommand = (file, args, input) =>
  new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => (output.stdout += String(chunk)));
    child.stderr.on('data', (chunk) => (output.stderr += String(chunk)));
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ status: code ?? 1, ...output });
    });
    // A program that ends before it has read everything reports that by its status.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });

/** How rules are applied. */
export interface ApplyRedirectOptions extends RedirectOptions {
  /**
   * The families to redirect. Leaving out one that the pod has an address of lets its calls pass
   * by the sidecar.
   */
  readonly families: readonly IpFamily[];
  readonly run?: RunCommand;
}

const programs = {
  v4: { save: 'iptables-nft-save', restore: 'iptables-nft-restore' },
  v6: { save: 'ip6tables-nft-save', restore: 'ip6tables-nft-restore' },
} as const;

async function runOrFail(
  run: RunCommand,
  command: readonly [string, ...string[]],
  input: string,
): Promise<string> {
  const [file, ...args] = command;
  const result = await run(file, args, input).catch((error: unknown) => {
    throw new RedirectError(`cannot run ${file}: is iptables (nft) installed in this image`, error);
  });
  if (result.status !== 0) {
    const said = `${result.stdout}${result.stderr}`.trim();
    throw new RedirectError(`${command.join(' ')} failed with status ${result.status}: ${said}`);
  }
  return result.stdout;
}

/** What a check of the rules in force finds missing or in excess; empty when all is as planned. */
export function checkApplied(rules: FamilyRules, saved: string): readonly string[] {
  const lines = saved.split('\n').map((line) => line.trim());
  const ours = lines.filter(
    (line) => line.startsWith(`-A ${inboundChain} `) || line.startsWith(`-A ${outboundChain} `),
  );
  const jumpProblems = rules.jumps.flatMap((jump) => {
    const count = lines.filter((line) => line === jump).length;
    return count === 1 ? [] : [`expected "${jump}" once, found it ${count} times`];
  });
  return ours.length === rules.rules.length
    ? jumpProblems
    : [`expected ${rules.rules.length} rules, found ${ours.length}`, ...jumpProblems];
}

async function applyFamily(options: ApplyRedirectOptions, family: IpFamily): Promise<void> {
  const run = options.run ?? runOnHost;
  const { save, restore } = programs[family];
  const rules = familyRules(options, family);
  if (family === 'v6') {
    // `replace` is content when the address is there already.
    await runOrFail(
      run,
      ['ip', '-6', 'addr', 'replace', `${inboundSourceV6}/128`, 'dev', 'lo'],
      '',
    );
  }
  const current = await runOrFail(run, [save, '-t', 'nat'], '');
  await runOrFail(run, [restore, '--noflush'], restoreText(rules, current));
  const problems = checkApplied(rules, await runOrFail(run, [save, '-t', 'nat'], ''));
  if (problems.length > 0) {
    throw new RedirectError(`the ${family} rules are not as applied: ${problems.join('; ')}`);
  }
}

/** What is missing or in excess in the rules in force; empty when all is as planned. */
export async function checkRedirect(options: ApplyRedirectOptions): Promise<readonly string[]> {
  const found: string[] = [];
  for (const family of options.families) {
    const saved = await saveFamily(options, family);
    const problems = checkApplied(familyRules(options, family), saved);
    found.push(...problems.map((problem) => `${family}: ${problem}`));
  }
  return found;
}

function saveFamily({ run }: Pick<ApplyRedirectOptions, 'run'>, family: IpFamily): Promise<string> {
  return runOrFail(run ?? runOnHost, [programs[family].save, '-t', 'nat'], '');
}

/**
 * Applies the rules to the network namespace of this process; needs NET_ADMIN and NET_RAW. Repeating
 * it changes nothing. Rejects with a `RedirectError`; a family that fails leaves its old rules whole.
 */
export async function applyRedirect(options: ApplyRedirectOptions): Promise<void> {
  const problems = checkRedirectOptions(options);
  if (problems.length > 0) throw new RedirectError(problems.join('; '));
  for (const family of options.families) await applyFamily(options, family);
}
