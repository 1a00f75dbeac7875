/** `skerry token`: a join token for a workload outside Kubernetes. */
import { Option, type Command } from 'commander';
import { createJoinTokenIssuer, openDirectoryStore } from '../../ca/index.js';
import { systemClock } from '../../lib/index.js';
import type { CommandDefinition } from '../command.js';
import { CommandError, exitCode, type Io } from '../io.js';
import { caDirectory, stateDirOption } from '../ca/place.js';

interface Flags {
  readonly stateDir: string;
  readonly namespace: string;
  readonly pod: string;
  readonly serviceAccount: string;
  readonly podUid: string;
  readonly ttl: number;
}

const unitMs = { s: 1000, m: 60_000, h: 3_600_000 } as const;

function parseTtl(text: string): number {
  const match = /^(\d+)([smh])$/.exec(text);
  const unit = match?.[2];
  const ms = unit === 's' || unit === 'm' || unit === 'h' ? Number(match?.[1]) * unitMs[unit] : 0;
  if (ms <= 0) throw new CommandError(`expected a life like 30m or 12h, found ${text}`, 2);
  return ms;
}

async function run(flags: Flags, io: Io): Promise<void> {
  const store = await openDirectoryStore(caDirectory(flags.stateDir));
  const issuer = await createJoinTokenIssuer({ store, clock: systemClock });
  const token = await issuer.issue({
    namespace: flags.namespace,
    serviceAccount: flags.serviceAccount,
    podName: flags.pod,
    podUid: flags.podUid,
    expiresAtMs: systemClock.now() + flags.ttl,
  });
  if (io.stdout.isTTY === true) {
    io.stderr.write('skerry: whoever has this token can be this workload until it expires\n');
  }
  io.stdout.write(token);
}

/** The command. */
export const tokenCommand: CommandDefinition = {
  name: 'token',
  summary: 'print a join token by which a workload outside Kubernetes proves who it is',
  example:
    'skerry token --state-dir /var/lib/skerry --namespace shop --pod cart-1 --service-account cart --pod-uid 7f3a --ttl 1h > token',
  configure(command: Command, io: Io): void {
    command
      .addOption(stateDirOption())
      .requiredOption('--namespace <name>', 'its namespace')
      .requiredOption('--pod <name>', 'its pod’s name')
      .requiredOption('--service-account <name>', 'its service account')
      .requiredOption('--pod-uid <uid>', 'its pod’s uid')
      .addOption(
        new Option('--ttl <duration>', 'how long the token vouches for it (s, m, h)')
          .argParser(parseTtl)
          .default(3_600_000, '1h'),
      )
      .action(async (flags: Flags) => {
        if (flags.ttl > 24 * unitMs.h) {
          throw new CommandError('a token lives 24h at most', exitCode.usage);
        }
        await run(flags, io);
      });
  },
};
