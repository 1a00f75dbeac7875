// Whether the control plane has become dearer: a small `bench load` against ratios kept in bench/guard.json,
// and `bench budget` against the budgets that stand in bench/budget/limits.ts. `--write` keeps the ratios of
// this run instead. The last line is `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { argv, execPath, exit, stderr, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { failureLine } from './failures.mjs';

const scripts = dirname(fileURLToPath(import.meta.url));
const kept = join(dirname(scripts), 'bench', 'guard.json');
const isWriting = argv.includes('--write');
const sizes = ['--services', '100', '--sidecars', '100', '--rounds', '20'];
const budgetSizes = ['--services', '150', '--sidecars', '90'];

/**
 * How many times its baseline a figure may be. Bytes and resources do not depend on the machine; CPU is
 * told in times of the bare server's of the same run, and both are noisy; memory is Node's as well.
 */
const limits = { bytes: 1.2, resources: 1.1, cpuTimesFloor: 2, mebibytes: 1.3 };

/** Each figure by its name. CPU is counted in hundredths of a second, so that of the changes is told together. */
function figuresOf({ layouts }) {
  const figures = {};
  for (const { layout, restBytes, rows } of layouts) {
    figures[`${layout}, at rest: mebibytes`] = Math.round(restBytes / 2 ** 20);
    for (const { what, rounds, counts, bytesAfter } of rows) {
      const sum = (field) => Object.values(counts).reduce((total, each) => total + each[field], 0);
      const put = (name, value) => (figures[`${layout}, ${what}: ${name}`] = value);
      put('bytes', Math.round(sum('bytes') / rounds));
      put('resources', Math.round(sum('resources') / rounds));
      put('mebibytes', Math.round(bytesAfter / 2 ** 20));
    }
    for (const isChange of [false, true]) {
      const own = rows.filter(({ rounds }) => rounds > 1 === isChange);
      const sum = (cpuOf) => own.reduce((total, row) => total + cpuOf(row) * row.rounds, 0);
      const ratio = sum((row) => row.cpuMs) / sum((row) => row.floor.cpuMs);
      const what = isChange ? 'all changes' : 'all connections';
      figures[`${layout}, ${what}: cpuTimesFloor`] = Number(ratio.toFixed(2));
    }
  }
  return figures;
}

/** The report of a bench; the end where it does not run. */
function run(...args) {
  const bench = [join(scripts, 'bench.mjs'), ...args, '--json'];
  const { status, stdout: report } = spawnSync(execPath, bench, {
    ...{ encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 2 ** 28 },
  });
  if (status === 0) return JSON.parse(report);
  stdout.write(`${failureLine(`bench ${args[0]}`, 'it did not run')}\n0 passed, 1 failed\n`);
  return exit(1);
}

const figures = figuresOf(run('load', ...sizes));
if (isWriting) {
  writeFileSync(kept, `${JSON.stringify(figures, undefined, 2)}\n`);
  exit(0);
}
const failures = [];
let held = 0;
const hold = (name, isOk, note) => {
  stderr.write(`${isOk ? 'ok    ' : 'FAILED'} ${name} (${note})\n`);
  if (isOk) held += 1;
  else failures.push(failureLine(name, note));
};
const baseline = Object.entries(JSON.parse(readFileSync(kept, 'utf8')));
for (const [name, before] of baseline) {
  const now = figures[name];
  const limit = limits[name.slice(name.lastIndexOf(' ') + 1)] * before;
  const isOk = now !== undefined && now <= limit;
  hold(name, isOk, `${now} now, ${before} in bench/guard.json, at most ${limit.toFixed(2)}`);
}
for (const { what, bytes, budget } of run('budget', ...budgetSizes).rows) {
  const name = `live heap for each ${what}`;
  hold(name, bytes <= budget, `${bytes.toFixed(0)} bytes now, at most ${budget}`);
}
for (const line of failures) stdout.write(`${line}\n`);
stdout.write(`${held} passed, ${failures.length} failed\n`);
exit(failures.length === 0 ? 0 : 1);
