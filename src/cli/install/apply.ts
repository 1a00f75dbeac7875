/** Puts an installation into a cluster by server-side apply. */
import { KubernetesApiError, type KubernetesClient } from '../../sources/index.js';
import { conditionOf, textAt } from '../cluster/objects.js';
import { readObject } from '../cluster/read.js';
import { CommandError } from '../io.js';
import { pause } from '../pause.js';
import type { Manifest } from './manifest.js';
import { pathOf, titleOf } from './paths.js';

/** Owner of the fields that an installation sets. */
export const fieldManager = 'skerry-install';

/** What the steps share. */
export interface Session {
  readonly client: Pick<KubernetesClient, 'send'>;
  /** Ends every wait. */
  readonly signal: AbortSignal;
  /** Takes one line of progress. */
  readonly say: (line: string) => void;
}

const pollMs = 500;

/** The object at a path; undefined where there is none. */
export function read(session: Session, path: string): Promise<unknown> {
  return readObject(session.client, path, session.signal);
}

/**
 * Looks again and again until `look` says nothing any more; what it said last is the error's text when
 * the time is over. An API server that is away for a moment does not end the wait.
 */
export async function until(
  session: Session,
  look: () => Promise<string | undefined>,
): Promise<void> {
  let said: string | undefined;
  for (;;) {
    let missing: string | undefined;
    try {
      missing = await look();
    } catch (error) {
      const isPassing =
        error instanceof KubernetesApiError &&
        (error.status === 0 || error.status === 429 || error.status >= 500);
      if (!isPassing && !session.signal.aborted) throw error;
      missing = said ?? 'the API server does not answer';
    }
    if (missing === undefined) return;
    if (session.signal.aborted) throw new CommandError(`the time is over: ${missing}`);
    if (missing !== said) session.say(`waiting: ${missing}`);
    said = missing;
    await pause(pollMs, session.signal);
  }
}

/** Applies one object; false where the cluster is too old to know its kind, and can do without. */
async function applyOne(session: Session, manifest: Manifest): Promise<boolean> {
  try {
    await session.client.send({
      ...{ method: 'PATCH', path: pathOf(manifest), body: manifest, signal: session.signal },
      query: { fieldManager, force: 'true' },
      contentType: 'application/apply-patch+yaml',
    });
    return true;
  } catch (error) {
    const isUnknown = error instanceof KubernetesApiError && error.status === 404;
    // GA in Kubernetes 1.30; without them unknown fields are reported, not refused.
    if (isUnknown && manifest.kind.startsWith('ValidatingAdmissionPolicy')) return false;
    throw error;
  }
}

/** Applies objects in their order. Rejects with the first refusal. */
export async function applyAll(session: Session, manifests: readonly Manifest[]): Promise<void> {
  for (const manifest of manifests) {
    const isKnown = await applyOne(session, manifest);
    session.say(
      isKnown
        ? `applied ${titleOf(manifest)}`
        : `left out ${titleOf(manifest)}: this cluster has no such kind`,
    );
    if (manifest.kind === 'CustomResourceDefinition') await untilEstablished(session, manifest);
  }
}

async function untilEstablished(session: Session, manifest: Manifest): Promise<void> {
  await until(session, async () => {
    const found = await read(session, pathOf(manifest));
    const isReady = textAt(conditionOf(found, 'Established'), 'status') === 'True';
    return isReady ? undefined : `${titleOf(manifest)} is not established`;
  });
}
