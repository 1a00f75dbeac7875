/** The load generator's program: reads a plan from a file, then does what its standard input says. */
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { createFleet, type Fleet } from './fleet.js';
import { parseCommand, parsePlan, type Answer, type Command } from './plan.js';

function say(answer: Answer): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

/** How often it says on standard error what is waited for. */
const complainMs = 10_000;

async function waitFor<T>(fleet: Fleet, task: Promise<T>): Promise<T> {
  const timer = setInterval(() => {
    process.stderr.write(`${fleet.waiting()}\n`);
  }, complainMs);
  try {
    return await task;
  } finally {
    clearInterval(timer);
  }
}

async function obey(fleet: Fleet, command: Command): Promise<void> {
  switch (command.do) {
    case 'connect':
    case 'reconnect': {
      const { ms, certifiedMs, ...counts } = await waitFor(fleet, fleet[command.do]());
      say({ is: 'configured', ms: [...ms], certifiedMs: [...certifiedMs], ...counts });
      return;
    }
    case 'move':
      fleet.move(command.host, command.port);
      say({ is: 'moved' });
      return;
    case 'replace':
      await waitFor(fleet, fleet.replace(command.index, command.sidecar));
      say({ is: 'replaced' });
      return;
    case 'endings':
      say({ is: 'ended', streams: fleet.endings() });
      return;
    case 'expect': {
      const { holders, arrived } = fleet.expect(command.typeUrl, command.name, command.most);
      say({ is: 'armed', holders });
      say({ is: 'arrived', atMs: [...(await arrived)] });
      return;
    }
    case 'count':
      say({ is: 'counts', counts: fleet.count() });
      return;
    case 'record':
      say({ is: 'recorded', responses: fleet.record().map((bytes) => bytes.toString('base64')) });
      return;
  }
}

const fleet = createFleet(parsePlan(await readFile(process.argv[2] ?? '', 'utf8')));
createInterface({ input: process.stdin })
  .on('line', (line) => {
    obey(fleet, parseCommand(line)).catch((error: unknown) => {
      say({ is: 'failed', message: error instanceof Error ? error.message : String(error) });
    });
  })
  .on('close', () => {
    process.exit(0);
  });
say({ is: 'ready' });
