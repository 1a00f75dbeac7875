/** `skerry validate`: everything the control plane would say about a directory, offline. */
import { Option, type Command } from 'commander';
import { formatRef, type Diagnostic } from '../../model/index.js';
import type { CommandDefinition } from '../command.js';
import { checkWithEnvoy } from '../envoy-check/check.js';
import { findEnvoy } from '../envoy-check/find-envoy.js';
import { exitCode, outputFormats, printData } from '../io.js';
import type { Io, OutputFormat } from '../io.js';
import { compileDirectory, meshOptions, type MeshFlags } from '../offline.js';

interface Flags extends MeshFlags {
  readonly file: string;
  readonly output: OutputFormat;
  /** True where no path is given. */
  readonly envoy?: string | true;
}

/** One finding in two lines: where and what, then what to do. */
export function formatDiagnostic(found: Diagnostic): string {
  const { position, object } = found;
  const place = [
    position === undefined
      ? undefined
      : `${position.file}:${String(position.line)}:${String(position.column)}`,
    object === undefined ? undefined : formatRef(object),
    found.field,
  ].filter((part) => part !== undefined);
  const value = found.value === undefined ? '' : ` (found ${found.value})`;
  return `${found.severity} ${found.code}: ${place.join(' ')}: ${found.message}${value}\n  ${found.remedy}`;
}

async function run(flags: Flags, io: Io): Promise<number> {
  const { envoy } = flags;
  // Before anything is compiled: a missing binary is a matter of usage.
  const binary =
    envoy === undefined ? undefined : findEnvoy(envoy === true ? undefined : envoy, io);
  const compiled = await compileDirectory(flags.file, flags);
  const loaded =
    binary === undefined
      ? undefined
      : await checkWithEnvoy(compiled.changes, flags.file, flags, binary);
  const objects = compiled.changes.length;
  const diagnostics = [...compiled.diagnostics, ...(loaded?.diagnostics ?? [])];
  const errors = diagnostics.filter((found) => found.severity === 'error').length;
  const report =
    loaded === undefined
      ? { objects, diagnostics }
      : {
          objects,
          diagnostics,
          envoy: { sidecars: loaded.sidecars, configurations: loaded.kinds },
        };
  printData(io, flags.output, report, () =>
    [
      ...diagnostics.map(formatDiagnostic),
      `${String(objects)} objects, ${String(errors)} errors, ${String(diagnostics.length - errors)} warnings`,
      ...(loaded === undefined
        ? []
        : [
            `given to Envoy: ${String(loaded.kinds)} configurations, of ${String(loaded.sidecars)} sidecars`,
          ]),
    ].join('\n'),
  );
  return errors > 0 ? exitCode.problem : exitCode.ok;
}

/** The command. */
export const validateCommand: CommandDefinition = {
  name: 'validate',
  summary: 'say everything the control plane would say about a directory of YAML, offline',
  example: 'skerry validate -f ./mesh',
  configure(command: Command, io: Io, exit): void {
    command
      .requiredOption('-f, --file <dir>', 'directory of Kubernetes YAML')
      .option(
        '--envoy [path]',
        'also load what each kind of sidecar would be sent in this Envoy (default: SKERRY_ENVOY, or the one of npm run setup)',
      )
      .addOption(new Option('-o, --output <format>').choices(outputFormats).default('table'))
      .action(async (flags: Flags) => {
        exit(await run(flags, io));
      });
    for (const option of meshOptions()) command.addOption(option);
  },
};
