// What a change must pass: `npm test`, the suites on a real cluster, the long ones, and the guard
// of what the control plane costs; the last line sums all.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { execPath, exit, stderr, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { failureMark } from './failures.mjs';

const scripts = dirname(fileURLToPath(import.meta.url));
const tally = /^(\d+) passed, (\d+) failed$/m;

/** Runs a script, which counts what it ran on its last line; one that does not counts as failed. */
async function run(script) {
  const child = spawn(execPath, [join(scripts, script)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said += text;
    stderr.write(text);
  });
  const status = await new Promise((resolve) => child.once('close', resolve));
  const failures = said.split('\n').filter((line) => line.startsWith(failureMark));
  const [, passed = 0, failed = 0] = (tally.exec(said) ?? []).map(Number);
  return { passed, failures, failed: status === 0 ? failed : Math.max(failed, 1) };
}

const outcomes = [];
for (const script of ['test.mjs', 'e2e.mjs', 'e2e-long.mjs', 'bench-guard.mjs'])
  outcomes.push(await run(script));
const sum = (name) => outcomes.reduce((total, outcome) => total + outcome[name], 0);
for (const { failures } of outcomes) for (const line of failures) stdout.write(`${line}\n`);
stdout.write(`${sum('passed')} passed, ${sum('failed')} failed\n`);
exit(sum('failed') === 0 ? 0 : 1);
