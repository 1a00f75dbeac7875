/** `skerry test`: what is expected of calls, judged without a cluster. */
import { Option, type Command } from 'commander';
import { stat, writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import type { CommandDefinition } from '../command.js';
import { CommandError, exitCode, type Io } from '../io.js';
import { compileDirectory, meshOptions, type MeshFlags } from '../offline.js';
import { formatResults, toJunit } from '../policy-test/report.js';
import { runCases, type CaseResult } from '../policy-test/run.js';
import { readPolicyTests } from '../../sources/index.js';
import { formatDiagnostic } from './validate.js';

const formats = ['table', 'json', 'yaml', 'junit'] as const;

interface Flags extends MeshFlags {
  readonly file?: string;
  readonly junit?: string;
  readonly output: (typeof formats)[number];
  readonly json?: true;
}

function format(results: readonly CaseResult[], output: Flags['output']): string {
  const failed = results.filter(({ isPassed }) => !isPassed).length;
  const data = { cases: results.length, failed, results };
  switch (output) {
    case 'table':
      return `${formatResults(results)}\n`;
    case 'json':
      return `${JSON.stringify(data, null, 2)}\n`;
    case 'yaml':
      return stringify(data);
    case 'junit':
      return toJunit(results);
  }
}

/** Where the manifests are: where it is said, or else where the tests are. */
async function manifestsOf(path: string, flags: Flags): Promise<string> {
  if (flags.file !== undefined) return flags.file;
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true) return path;
  const message = `expected -f <dir>, the manifests that ${path} is about`;
  throw new CommandError(message, exitCode.usage);
}

async function run(path: string, flags: Flags, io: Io): Promise<number> {
  const directory = await manifestsOf(path, flags);
  const compiled = await compileDirectory(directory, flags);
  const { cases, diagnostics } = await readPolicyTests(path);
  for (const found of diagnostics) io.stderr.write(`${formatDiagnostic(found)}\n`);
  if (cases.length === 0 && diagnostics.length === 0) {
    const message = `expected a document with \`expect:\` in ${path}, found none: see skerry test --help`;
    throw new CommandError(message, exitCode.usage);
  }
  const errors = compiled.diagnostics.filter(({ severity }) => severity === 'error').length;
  if (errors > 0) {
    io.stderr.write(
      `skerry: ${String(errors)} errors in ${directory} may change the outcome: see skerry validate -f ${directory}\n`,
    );
  }
  const results = await runCases(cases, compiled.pipeline, directory);
  io.stdout.write(format(results, flags.json === true ? 'json' : flags.output));
  if (flags.junit !== undefined) await writeFile(flags.junit, toJunit(results));
  if (diagnostics.length > 0) return exitCode.usage;
  return results.every(({ isPassed }) => isPassed) ? exitCode.ok : exitCode.problem;
}

const example = `skerry test ./mesh, with ./mesh/reviews.test.yaml:

  expect:
    - name: testers get the new version
      from: web/cart-1              # a pod; or {namespace: web, serviceAccount: cart}
      to: reviews.shop:80
      headers: { x-user: beta }     # also: method, path (with its query), claims: {iss: …, groups: [staff]}
      verdict: allowed              # allowed | denied | answered | unreachable
      rule: shop/reviews/web        # the rule that decided
      route: shop/reviews/beta      # or none
      backend: reviews-v2           # or backends: [{service, namespace, port, subset, weight}]
                                    # also: mirror, status, timeout, retries, tls: mutual | plaintext
    - { from: legacy/batch, to: 'reviews.shop:80', method: DELETE, verdict: denied }`;

/** The command. */
export const testCommand: CommandDefinition = {
  name: 'test',
  summary:
    'test policies: judge calls and compare with what is expected of them, without a cluster',
  example,
  configure(command: Command, io: Io, exit): void {
    command
      .argument('<path>', 'a file or directory with documents that have `expect:`')
      .option(
        '-f, --file <dir>',
        'directory of Kubernetes YAML to test; where the tests are, by default',
      )
      .option('--junit <file>', 'also write a JUnit report there')
      .option('--json', 'the same as -o json')
      .addOption(new Option('-o, --output <format>').choices(formats).default('table'))
      .action(async (path: string, flags: Flags) => {
        exit(await run(path, flags, io));
      });
    for (const option of meshOptions()) command.addOption(option);
  },
};
