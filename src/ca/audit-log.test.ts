/** The audit log: whole over kills, turns of files and full disks; what was touched is named. */
import { expect, test } from '@jest/globals';
import { buildSync } from 'esbuild';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spiffeId } from '../model/index.js';
import type { AuditFields } from './audit-chain.js';
import { listAuditFiles } from './audit-files.js';
import { openAuditLog, type AuditLogOptions } from './audit-log.js';
import { verifyAudit, type AuditFile, type AuditFindings } from './audit-verify.js';
import type { CaAuditEvent } from './authority-options.js';
import { heldClock, temporaryDirectory } from './test-kit.js';

const clock = heldClock();

function event(serial: number): CaAuditEvent {
  return {
    ...{ kind: 'workload', serial: String(serial), podUid: 'uid', notAfter: '2026-01-01' },
    ...{ key: 'ab', issuer: 'cd', root: 'ef' },
    spiffeId: spiffeId('example.org', 'shop', 'cart'),
  };
}

function options(directory: string, more: Partial<AuditLogOptions> = {}): AuditLogOptions {
  const onLost = (error: unknown): void => {
    throw error;
  };
  const base = { replica: 'r1', clock, randomBytes, emit: () => undefined, onLost };
  return { ...base, directory, ...more };
}

function filesIn(directory: string): readonly AuditFile[] {
  return listAuditFiles(directory).map((name) => ({
    name,
    text: readFileSync(join(directory, name), 'utf8'),
  }));
}

/** One start of a control plane, which issues `count` certificates. */
function run(directory: string, count: number, more: Partial<AuditLogOptions> = {}): void {
  const log = openAuditLog(options(directory, more));
  for (let at = 0; at < count; at += 1) log.write(event(at));
  log.close();
}

function verify(directory: string): AuditFindings {
  return verifyAudit(filesIn(directory), 'whole');
}

/** The entries of one start without files. */
function entriesOf(count: number, replica = 'r1'): readonly string[] {
  const entries: AuditFields[] = [];
  const log = openAuditLog({
    ...{ replica, clock, randomBytes, onLost: () => undefined },
    emit: (entry) => entries.push(entry),
  });
  for (let at = 0; at < count; at += 1) log.write(event(at));
  return entries.map((entry) => JSON.stringify(entry));
}

function check(lines: readonly string[]): AuditFindings {
  return verifyAudit([{ name: 'log', text: `${lines.join('\n')}\n` }], 'whole');
}

test('each start is a chain that follows the last one, over turns of files', () => {
  const directory = join(temporaryDirectory(), 'audit');
  for (let start = 0; start < 3; start += 1) run(directory, 20, { maxBytes: 2000 });
  expect(listAuditFiles(directory).length).toBeGreaterThan(6);
  expect(verify(directory)).toMatchObject({
    ...{ faults: [], notes: [] },
    chains: [{ first: 1, last: 21 }, { last: 21 }, { last: 21 }],
  });
  for (const name of listAuditFiles(directory)) {
    expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
  }
  expect(statSync(directory).mode & 0o777).toBe(0o700);
});

test('old files are removed, and the log says so: what is gone otherwise is a fault', () => {
  const directory = join(temporaryDirectory(), 'audit');
  for (let start = 0; start < 3; start += 1) run(directory, 20, { maxBytes: 2000, maxFiles: 4 });
  expect(listAuditFiles(directory).length).toBeLessThanOrEqual(5);
  const { faults, notes } = verify(directory);
  expect(faults).toEqual([]);
  expect(notes).toEqual([expect.stringContaining('were removed for their age')]);
  const [oldest = ''] = listAuditFiles(directory);
  rmSync(join(directory, oldest));
  expect(verify(directory).faults).toHaveLength(1);
});

test('the end that was cut off is found by the chain of the next start', () => {
  const directory = join(temporaryDirectory(), 'audit');
  run(directory, 5);
  run(directory, 5);
  const path = join(directory, listAuditFiles(directory)[0] ?? '');
  const text = readFileSync(path, 'utf8').trimEnd();
  truncateSync(path, text.lastIndexOf('\n') + 1);
  expect(verify(directory).faults).toEqual([expect.stringContaining('which was cut off')]);
  rmSync(path);
  expect(verify(directory).faults).toEqual([expect.stringContaining('of which nothing is here')]);
});

test('cut at any byte, the file of a start that was killed is followed by the next one without a fault', () => {
  const directory = join(temporaryDirectory(), 'audit');
  run(directory, 2);
  const path = join(directory, listAuditFiles(directory)[0] ?? '');
  const whole = readFileSync(path, 'utf8');
  for (let at = 0; at <= whole.length; at += 1) {
    writeFileSync(path, whole.slice(0, at));
    const next = openAuditLog(options(directory));
    next.close();
    expect(verify(directory).faults).toEqual([]);
    rmSync(join(directory, listAuditFiles(directory)[1] ?? ''));
  }
});

test('an entry that was changed, taken out, moved or put in is named, whichever it is', () => {
  const lines = entriesOf(6);
  expect(check(lines).faults).toEqual([]);
  for (let at = 0; at < lines.length - 1; at += 1) {
    const line = lines[at] ?? '';
    const changed = check(lines.with(at, line.replace('"replica":"r1"', '"replica":"r2"')));
    expect(changed.faults).toEqual([expect.stringContaining(`log:${String(at + 1)}: `)]);
    expect(check(lines.toSpliced(at, 1)).faults).toHaveLength(1);
    expect(check(lines.with(at, 'nothing')).faults).toHaveLength(1);
    const other = line.replace('"time":"', '"time":"9');
    expect(check(lines.toSpliced(at, 0, other)).faults).not.toEqual([]);
    // In another order, twice, or with keys in another order, nothing is lost.
    expect(check([...lines.slice(at), ...lines.slice(0, at), line]).faults).toEqual([]);
    const reversed = Object.fromEntries(Object.entries(JSON.parse(line) as AuditFields).reverse());
    expect(check(lines.with(at, JSON.stringify(reversed))).faults).toEqual([]);
  }
});

test('what cannot be written is counted, is in the log of the control plane, and the next entry tells of it', () => {
  const directory = join(temporaryDirectory(), 'audit');
  const emitted: AuditFields[] = [];
  const lost: boolean[] = [];
  writeFileSync(directory, 'in the way');
  const log = openAuditLog(
    options(directory, {
      emit: (entry) => emitted.push(entry),
      onLost: (_, isFirst) => lost.push(isFirst),
    }),
  );
  log.write(event(1));
  log.write(event(2));
  rmSync(directory);
  log.write(event(3));
  expect(lost).toEqual([true, false, false]);
  expect(verify(directory)).toMatchObject({
    ...{ faults: [], chains: [{ first: 4, last: 4 }] },
    notes: [expect.stringContaining('lines 1 to 3') as unknown],
  });
  expect(
    check(emitted.map((entry) => JSON.stringify({ level: 'info', audit: entry }))),
  ).toMatchObject({ faults: [], notes: [], chains: [{ first: 1, last: 4 }] });
});

test('the logs of two replicas, with their other lines, are followed side by side', () => {
  const logs = ['r1', 'r2'].map((replica) => entriesOf(3, replica));
  const said = logs
    .flat()
    .map((audit) => `{"level":"info","audit":${audit},"message":"the authority has acted"}`)
    .toSpliced(2, 0, '{"level":"info","message":"serving"}', 'no JSON at all');
  expect(check(said)).toMatchObject({
    ...{ faults: [], notes: [] },
    chains: [
      { replica: 'r1', last: 4 },
      { replica: 'r2', last: 4 },
    ],
  });
  expect(check(said.toSpliced(1, 1)).faults).toHaveLength(1);
  const excerpt = [{ name: 'log', text: said.slice(1).join('\n') }];
  expect(verifyAudit(excerpt, 'whole').faults).toHaveLength(1);
  expect(verifyAudit(excerpt, 'partial')).toMatchObject({ faults: [], notes: [{}] });
});

const program = `
  import { randomBytes } from 'node:crypto';
  import { openAuditLog } from './src/ca/audit-log.ts';
  process.on('SIGXFSZ', () => undefined);
  const [directory, count] = process.argv.slice(2);
  const clock = { now: () => Date.now() };
  let lost = 0;
  const log = openAuditLog({ replica: 'r1', clock, randomBytes, directory, maxBytes: 100_000,
    emit: () => undefined, onLost: () => { lost += 1; } });
  process.stdout.write('begun');
  for (let at = 0; at < Number(count); at += 1) log.write({ kind: 'workload', serial: String(at) });
  process.stdout.write(String(lost));
`;

function build(): string {
  const outfile = join(temporaryDirectory(), 'write.mjs');
  // Some packages inside the bundle are CommonJS and ask for require.
  const banner = {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  };
  const stdin = { contents: program, resolveDir: process.cwd(), loader: 'ts' } as const;
  const form = { platform: 'node', format: 'esm', target: 'node20' } as const;
  buildSync({ stdin, bundle: true, ...form, outfile, banner });
  return outfile;
}

interface Ended {
  readonly text: string;
  readonly signal: string | null;
}

/** Runs it; kills it so long after its first word, if at all. */
function write(argv: readonly string[], killAfterMs?: number): Promise<Ended> {
  const [file = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk) => {
      if (text === '' && killAfterMs !== undefined) {
        setTimeout(() => child.kill('SIGKILL'), killAfterMs);
      }
      text += String(chunk);
    });
    child.on('error', reject);
    child.on('close', (_, signal) => {
      resolve({ text, signal });
    });
  });
}

test('a control plane that is killed in the middle of writing, again and again, leaves a log without a fault', async () => {
  const directory = join(temporaryDirectory(), 'audit');
  const outfile = build();
  for (const killAfterMs of [0, 3, 7, 20, 40]) {
    const { signal } = await write([process.execPath, outfile, directory, '10000000'], killAfterMs);
    expect(signal).toBe('SIGKILL');
  }
  run(directory, 1);
  const { faults, chains } = verify(directory);
  expect(faults).toEqual([]);
  expect(chains.length).toBeGreaterThan(1);
}, 60_000);

test('a file that can grow no more holds whole lines alone, and nobody is stopped', async () => {
  const directory = join(temporaryDirectory(), 'audit');
  // Counts blocks of 1,024 bytes; a write that does not fit is cut short, as on a full disk.
  const limited = `ulimit -S -f 4; exec "$0" "$@"`;
  const argv = ['bash', '-c', limited, process.execPath, build(), directory, '50'];
  const { text } = await write(argv);
  const lost = Number(text.replace('begun', ''));
  expect(lost).toBeGreaterThan(10);
  const [{ text: written } = { text: '' }] = filesIn(directory);
  expect(written.endsWith('}\n')).toBe(true);
  expect(verify(directory)).toMatchObject({ faults: [], chains: [{ last: 51 - lost }] });
});
