/** Results of policy tests as text, and as JUnit XML for CI. */
import type { CaseResult } from './run.js';

/** A line or two on each failed case, and the count. */
export function formatResults(results: readonly CaseResult[]): string {
  const failed = results.filter(({ isPassed }) => !isPassed);
  const count = `${String(results.length)} case${results.length === 1 ? '' : 's'}`;
  return [...failed.map(formatFailure), `${count}, ${String(failed.length)} failed`].join('\n');
}

/** One failed case: what was expected, what is, and the YAML behind it. */
export function formatFailure(result: CaseResult): string {
  const { name, file, line, call, problem } = result;
  return [
    `FAIL ${file}:${String(line)} ${name}`,
    `     call      ${call}`,
    ...(problem === undefined ? [] : [`     problem   ${problem}`]),
    ...explainFailure(result).map((text) => `     ${text}`),
  ].join('\n');
}

function explainFailure({ differences, because, file }: CaseResult): readonly string[] {
  return [
    ...differences.flatMap((each) => [
      `expected  ${each.field} ${each.expected}  (${file}:${String(each.line)})`,
      `found     ${each.field} ${each.found}`,
    ]),
    ...because.map(({ says, from }, index) => {
      const yaml = from.length === 0 ? '' : `  [${from.join('; ')}]`;
      return `${index === 0 ? 'because ' : '        '}  ${says}${yaml}`;
    }),
  ];
}

/** The report that CI systems read: one suite per file. */
export function toJunit(results: readonly CaseResult[]): string {
  const files = [...new Set(results.map(({ file }) => file))];
  const suites = files.map((file) => {
    const own = results.filter((result) => result.file === file);
    const failed = own.filter(({ isPassed }) => !isPassed).length;
    const counts = `tests="${String(own.length)}" failures="${String(failed)}"`;
    return [
      `  <testsuite name="${escape(file)}" ${counts}>`,
      ...own.map(toJunitCase),
      '  </testsuite>',
    ].join('\n');
  });
  const failed = results.filter(({ isPassed }) => !isPassed).length;
  const counts = `tests="${String(results.length)}" failures="${String(failed)}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="skerry test" ${counts}>`,
    ...suites,
    '</testsuites>',
    '',
  ].join('\n');
}

function toJunitCase(result: CaseResult): string {
  const { name, file, line, isPassed } = result;
  const head = `    <testcase name="${escape(name)}" classname="${escape(file)}" file="${escape(file)}" line="${String(line)}"`;
  if (isPassed) return `${head}/>`;
  const [first] = result.differences;
  const message =
    first === undefined
      ? (result.problem ?? '')
      : `expected ${first.field} ${first.expected}, found ${first.found}`;
  return [
    `${head}>`,
    `      <failure message="${escape(message)}">${escape(formatFailure(result))}</failure>`,
    '    </testcase>',
  ].join('\n');
}

/** XML 1.0, sections 2.2 and 2.4: five characters are written otherwise, and most controls not at all. */
function escape(text: string): string {
  const names = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' } as const;
  return text
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
    .replace(/[&<>"']/g, (found) => `&${names[found as keyof typeof names]};`);
}
