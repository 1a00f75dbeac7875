/** `skerry explain`: the whole way and the verdict of one call, from the compiled mesh, online or offline. */
import { Option, type Command } from 'commander';
import {
  askAny,
  controlPlaneOptions,
  withReplicas,
  type ControlPlaneFlags,
} from '../admin-client.js';
import type { CommandDefinition } from '../command.js';
import { CommandError, exitCode, formatTable, outputFormats, printData } from '../io.js';
import type { Io, OutputFormat } from '../io.js';
import { compileDirectory, meshOptions, type MeshFlags } from '../offline.js';
import { explainQuery, type Explanation } from '../../translators/index.js';

interface Flags extends MeshFlags, ControlPlaneFlags {
  readonly file?: string;
  readonly header: readonly string[];
  readonly output: OutputFormat;
}

function parseHeader(line: string): readonly [string, string] {
  const cut = line.indexOf(':');
  if (cut < 1) throw new CommandError(`expected 'name: value', found ${line}`, exitCode.usage);
  return [line.slice(0, cut).trim().toLowerCase(), line.slice(cut + 1).trim()];
}

function table(explanation: Explanation): string {
  return formatTable(
    ['AT', 'WHAT', 'FROM'],
    explanation.steps.map((step) => [step.at, step.says, step.from.join(', ') || '-']),
  );
}

interface Query {
  readonly from: string;
  readonly to: string;
  readonly method: string;
  readonly path: string;
}

async function ask(query: Query, flags: Flags, io: Io): Promise<Explanation> {
  const headers = flags.header.map(parseHeader);
  if (flags.file !== undefined) {
    const { pipeline, diagnostics } = await compileDirectory(flags.file, flags);
    const errors = diagnostics.filter((found) => found.severity === 'error').length;
    if (errors > 0) {
      io.stderr.write(
        `skerry: ${String(errors)} errors in ${flags.file} may change the answer: see skerry validate -f ${flags.file}\n`,
      );
    }
    const { view, settings } = pipeline;
    const full = { ...query, headers: Object.fromEntries(headers) };
    const answer = explainQuery(view, full, settings.clusterDomain);
    if (!answer.ok) throw new CommandError(answer.error, exitCode.usage);
    return answer.value;
  }
  const parameters = new URLSearchParams({ ...query });
  for (const [name, value] of headers) parameters.append('header', `${name}: ${value}`);
  const path = `/v1/explain?${parameters.toString()}`;
  return (await withReplicas(flags, io, (replicas) => askAny(replicas, path))) as Explanation;
}

async function run(query: Query, flags: Flags, io: Io): Promise<number> {
  const explanation = await ask(query, flags, io);
  printData(io, flags.output, explanation, () => table(explanation));
  const isServed = explanation.outcomes.every(
    (one) => one.verdict === 'admitted' || one.verdict === 'answered',
  );
  return isServed ? exitCode.ok : exitCode.problem;
}

/** The command. */
export const explainCommand: CommandDefinition = {
  name: 'explain',
  summary: 'explain one call: route, endpoints, TLS, verdict, and the YAML behind each',
  example: "skerry explain a/frontend reviews.b:80 GET /v2 -H 'x-user: beta' -f ./mesh",
  configure(command: Command, io: Io, exit): void {
    command
      .argument('<from>', 'the calling pod, namespace/pod')
      .argument('<to>', 'what it calls: service.namespace:port, ip:port, or a URL')
      .argument('[method]', 'HTTP method', 'GET')
      .argument('[path]', 'path with query', '/')
      .option(
        '-H, --header <line>',
        'a request header; repeatable',
        (line: string, earlier: readonly string[]) => [...earlier, line],
        [],
      )
      .option(
        '-f, --file <dir>',
        'ask the same engine about a directory of YAML instead of a cluster',
      )
      .addOption(new Option('-o, --output <format>').choices(outputFormats).default('table'))
      .action(async (from: string, to: string, method: string, path: string, flags: Flags) => {
        exit(await run({ from, to, method, path }, flags, io));
      });
    for (const option of [...meshOptions(), ...controlPlaneOptions()]) command.addOption(option);
  },
};
