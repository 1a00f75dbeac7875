/** `skerry admin get`: what the admin socket says, as JSON; other commands run it in the control plane's pods. */
import type { Command } from 'commander';
import { adminSocketOption, askAdmin } from '../admin-client.js';
import type { CommandDefinition } from '../command.js';
import { CommandError, exitCode, type Io } from '../io.js';

const defaultSocket = '/run/skerry/admin.sock';

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new CommandError(`expected JSON, found ${text.slice(0, 80)}`, exitCode.usage);
  }
}

/** The command. */
export const adminCommand: CommandDefinition = {
  name: 'admin',
  summary: 'ask the admin API of the control plane on this machine',
  example: 'skerry admin get /v1/state',
  isHidden: true,
  configure(command: Command, io: Io): void {
    command
      .command('get')
      .description('print the JSON at a path')
      .copyInheritedSettings(command)
      .argument('<path>', 'such as /v1/proxies')
      .addOption(adminSocketOption().default(defaultSocket))
      .action(async (path: string, flags: { readonly adminSocket: string }) => {
        io.stdout.write(`${JSON.stringify(await askAdmin(flags.adminSocket, path))}\n`);
      });
    command
      .command('post')
      .description('send JSON to a path, and print the answer')
      .copyInheritedSettings(command)
      .argument('<path>', 'such as /v1/ca/abort')
      .argument('<body>', 'JSON')
      .addOption(adminSocketOption().default(defaultSocket))
      .action(async (path: string, body: string, flags: { readonly adminSocket: string }) => {
        const answer = await askAdmin(flags.adminSocket, path, parseBody(body));
        io.stdout.write(`${JSON.stringify(answer)}\n`);
      });
  },
};
