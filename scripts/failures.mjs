// What failed, one line each: printed together right before a tally, where a log that was cut still has it.

/** What such a line begins with. */
export const failureMark = 'not ok: ';

/** The line of one failure. */
export function failureLine(name, note) {
  const why = note === '' ? '' : `: ${note}`;
  return `${failureMark}${name}${why}`.replaceAll(/\s+/g, ' ').slice(0, 500);
}

// Jest colours what it says even in a file.
const colours = /\u001b\[[0-9;]*m/g;

/** The lines of a report of jest (`--json`): tests that failed, and files that could not be run. */
export function failuresOf(report) {
  return report.testResults.flatMap(({ name, message, assertionResults }) => {
    const failed = assertionResults.filter(({ status }) => status === 'failed');
    const line = (what, text) =>
      failureLine(`${shortOf(name)} › ${what}`, text.replaceAll(colours, ''));
    if (failed.length > 0)
      return failed.map(({ fullName, failureMessages }) =>
        line(fullName, failureMessages.join(' ')),
      );
    return assertionResults.length === 0 && message !== ''
      ? [line('could not be run', message)]
      : [];
  });
}

/** The file within the checkout. */
function shortOf(path) {
  return path.replace(/^.*?\/(?=(?:src|e2e|demo|bench|scripts)\/)/, '');
}
