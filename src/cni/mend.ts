/** Redirects pods whose network was set up before the plugin was chained on their node. Holds state: what it has seen. */
import { join } from 'node:path';
import type { Logger } from '../lib/index.js';
import { parseRedirection } from '../sidecar/index.js';
import { readAttachment, type Attachment } from './attachments.js';
import { listFolder } from './files.js';
import type { NodeFolders } from './node-files.js';
import type { NodeRedirector } from './redirector.js';

/** What mending works with. */
export interface MenderOptions {
  readonly folders: Pick<NodeFolders, 'results' | 'namespaces'>;
  readonly redirector: NodeRedirector;
  readonly logger: Logger;
}

/** Mends pods, each once. */
export interface Mender {
  /** Looks at what is new since the last call; resolves to how many pods were redirected, and never rejects. */
  mend(): Promise<number>;
}

/**
 * Such a pod waits in its init container `skerry-verify`, before anything of its user runs. One that
 * cannot be redirected is tried again at each call, as long as its runtime knows it.
 */
export function createMender(options: MenderOptions): Mender {
  // By file: what was wrong with it the last time; undefined where it is done with.
  const seen = new Map<string, string | undefined>();
  const tryOne = async (name: string): Promise<number> => {
    try {
      const attachment = await readAttachment(options.folders.results, name);
      // Gone, or half written.
      if (attachment === undefined) return 0;
      const isMended = await mendOne(attachment, options);
      seen.set(name, undefined);
      return isMended ? 1 : 0;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (seen.get(name) !== reason) {
        options.logger.warn('cannot redirect a pod', { attachment: name, reason });
      }
      seen.set(name, reason);
      return 0;
    }
  };
  return {
    mend: async () => {
      const names = await listFolder(options.folders.results).catch((): readonly string[] => []);
      for (const name of [...seen.keys()]) if (!names.includes(name)) seen.delete(name);
      let count = 0;
      for (const name of names) {
        const isDone = seen.has(name) && seen.get(name) === undefined;
        if (!isDone) count += await tryOne(name);
      }
      return count;
    },
  };
}

async function mendOne(attachment: Attachment, options: MenderOptions): Promise<boolean> {
  if (attachment.redirection === undefined || attachment.wasChained) return false;
  const redirection = parseRedirection(attachment.redirection);
  if (!redirection.ok) throw new Error(redirection.error.join('; '));
  const netns = attachment.netns ?? (await findByAddress(attachment, options));
  const path = join(options.folders.namespaces, netns);
  // A pod on a second network, which is not chained, has its rules by the first.
  const problems = await options.redirector.check(path, redirection.value);
  if (problems.length === 0) return false;
  await options.redirector.redirect(path, redirection.value);
  options.logger.info('redirected a pod that was there before the plugin', { pod: attachment.pod });
  return true;
}

/** For the networks and runtimes of which neither says where a pod is: Calico with containerd 1.x. */
async function findByAddress(attachment: Attachment, options: MenderOptions): Promise<string> {
  for (const name of await listFolder(options.folders.namespaces)) {
    // One that goes while we look is not the one.
    const found = await options.redirector
      .addresses(join(options.folders.namespaces, name))
      .catch((): readonly string[] => []);
    if (attachment.addresses.some((address) => found.includes(address))) return name;
  }
  throw new Error(`no network namespace has the addresses ${attachment.addresses.join(', ')}`);
}
