/** Reports of checks as people read them. */
import type { CheckReport } from './check.js';

/** Findings of one code say the same to do: more than this many are counted. */
const shown = 10;
const indent = ' '.repeat(9);

function findingLines({ findings }: CheckReport): readonly string[] {
  const codes = [...new Set(findings.map(({ code }) => code))];
  return codes.flatMap((code) => {
    const same = findings.filter((finding) => finding.code === code);
    const more = same.length > shown ? [`and ${String(same.length - shown)} more`] : [];
    const [first] = same;
    return [
      ...[...same.slice(0, shown).map(({ says }) => says), ...more],
      `  code:   ${code}`,
      `  cause:  ${first?.cause ?? ''}`,
      `  remedy: ${first?.remedy ?? ''}`,
    ];
  });
}

/** One check: a line, and what is wrong beneath it. */
export function spellReport(report: CheckReport, nameWidth: number): string {
  const { name, result, says } = report;
  const head = `${result.padEnd(indent.length)}${name.padEnd(nameWidth + 2)}${says}`;
  const lines = findingLines(report).map((line) => `${indent}${line}`);
  return `${[head, ...lines].join('\n')}\n`;
}

/** What came of all of them. */
export function spellSummary(reports: readonly CheckReport[]): string {
  const count = (result: CheckReport['result']): number =>
    reports.filter((report) => report.result === result).length;
  const kinds = ['ok', 'warning', 'failed', 'skipped'] as const;
  const counts = kinds.flatMap((kind) =>
    count(kind) > 0 ? [`${String(count(kind))} ${kind}`] : [],
  );
  return `${String(reports.length)} checks: ${counts.join(', ')}\n`;
}
