/** What a command may touch of the outside, and how it prints data. */
import Table from 'cli-table3';
import { stringify } from 'yaml';
import type { CaStore } from '../ca/index.js';
import type { CredentialsOptions, KubernetesClient } from '../sources/index.js';
import type { ControllerOptions, RunningController } from './controller-options.js';

/** Something that takes text. */
export interface TextSink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** The world of a command. */
export interface Io {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Starts a control plane; given by main, since the command line may not import it. */
  readonly startController: (options: ControllerOptions) => Promise<RunningController>;
  /** The authority's store in a namespace of a cluster; given by main. */
  readonly clusterCaStore?: (client: KubernetesClient, namespace: string) => CaStore;
  /** Opens a client of a cluster; absent: the one that connects by kubeconfig. */
  readonly openCluster?: (options: CredentialsOptions) => KubernetesClient;
}

/** Exit codes of every command: fine, found a problem, used wrongly. */
export const exitCode = { ok: 0, problem: 1, usage: 2 } as const;

/** A failure that is the caller's to mend: printed as one line, never as a stack. */
export class CommandError extends Error {
  readonly code: number;
  constructor(message: string, code: number = exitCode.problem) {
    super(message);
    this.code = code;
  }
}

/** The forms data can be printed in. */
export const outputFormats = ['table', 'json', 'yaml'] as const;
export type OutputFormat = (typeof outputFormats)[number];

/** Rows as text: header first, columns padded, no lines drawn. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const none = '';
  const table = new Table({
    head: [...header],
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: {
      top: none,
      'top-mid': none,
      'top-left': none,
      'top-right': none,
      bottom: none,
      'bottom-mid': none,
      'bottom-left': none,
      'bottom-right': none,
      left: none,
      'left-mid': none,
      mid: none,
      'mid-mid': none,
      right: none,
      'right-mid': none,
      middle: none,
    },
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Prints `data` as asked; `asTable` makes the table's text. */
export function printData(
  io: Io,
  format: OutputFormat,
  data: unknown,
  asTable: () => string,
): void {
  switch (format) {
    case 'json':
      io.stdout.write(`${JSON.stringify(data, null, 2)}\n`);
      return;
    case 'yaml':
      io.stdout.write(stringify(data));
      return;
    case 'table':
      io.stdout.write(`${asTable()}\n`);
      return;
  }
}
