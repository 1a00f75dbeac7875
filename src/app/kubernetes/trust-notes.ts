/**
 * What replicas tell each other while a root is turned over: each writes down, in a ConfigMap of its
 * own, which sidecars it serves and what they have accepted. A note that is old is as good as a new one
 * as long as it is about the latest move of the slots, since from there nobody goes back.
 */
import { z } from 'zod';
import type { Evidence, ReplicaEvidence } from '../../ca/index.js';
import { KubernetesApiError, type KubernetesClient } from '../../sources/index.js';

/** Where the notes are. */
export interface TrustNotesOptions {
  readonly client: Pick<KubernetesClient, 'send'>;
  readonly namespace: string;
  /** Whether this replica leads: then it removes the notes of those that are no more. */
  readonly mayWrite: () => boolean;
}

/** The notes. */
export interface TrustNotes {
  /** Writes down what this replica knows, and says what the others have written. */
  exchange(own: ReplicaEvidence): Promise<Pick<Evidence, 'replicas' | 'silent'>>;
  /** Removes this replica's note, if it has written one. */
  clear(): Promise<void>;
}

type Sidecar = ReplicaEvidence['sidecars'][number];

const label = 'skerry.dev/trust-note';
const file = 'note.json';
const controllers = 'app.kubernetes.io/name=skerry,app.kubernetes.io/component=controller';
const prefix = 'skerry-trust-';

const listSchema = z.object({ items: z.array(z.unknown()) });
const noteSchema = z.object({
  metadata: z.object({ name: z.string() }),
  data: z.record(z.string(), z.string()).nullish(),
});
const textSchema = z.object({
  replica: z.string(),
  move: z.string().optional(),
  /** Fingerprints, to which the sidecars refer by number. */
  roots: z.array(z.string()),
  /** One a line: pod, whether it has the bundle, root of its certificate, root of ours. */
  sidecars: z.string(),
});
const podSchema = z.object({
  metadata: z.object({ name: z.string(), deletionTimestamp: z.string().nullish() }),
  status: z.object({ phase: z.string().nullish() }).nullish(),
});

/** The note's text; short, since thousands of sidecars must fit into a ConfigMap. */
export function spellNote({ replica, move, sidecars }: ReplicaEvidence): string {
  const roots: string[] = [];
  const numberOf = (root: string | undefined): string => {
    if (root === undefined) return '-';
    if (!roots.includes(root)) roots.push(root);
    return String(roots.indexOf(root));
  };
  const lines = [...sidecars]
    .sort((a, b) => (a.pod < b.pod ? -1 : 1))
    .map(({ pod, hasBundle, certificateRoot, serverRoot }) =>
      [pod, hasBundle ? 'y' : 'n', numberOf(certificateRoot), numberOf(serverRoot)].join(' '),
    );
  const note = { replica, ...(move !== undefined && { move }), roots, sidecars: lines.join('\n') };
  return JSON.stringify(note);
}

/** What a note says; undefined for a text that is none. */
export function parseNote(text: string | undefined): ReplicaEvidence | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
  const note = textSchema.safeParse(value).data;
  if (note === undefined) return undefined;
  const sidecars = note.sidecars.split('\n').flatMap((line): readonly Sidecar[] => {
    const [pod = '', bundle, certificate = '-', server = '-'] = line.split(' ');
    const certificateRoot = note.roots[Number(certificate)];
    const serverRoot = note.roots[Number(server)];
    if (pod === '') return [];
    return [
      {
        ...{ pod, hasBundle: bundle === 'y' },
        ...(certificateRoot !== undefined && { certificateRoot }),
        ...(serverRoot !== undefined && { serverRoot }),
      },
    ];
  });
  return { replica: note.replica, move: note.move, sidecars };
}

/** Notes in ConfigMaps of the root namespace. */
export function createTrustNotes(options: TrustNotesOptions): TrustNotes {
  const { client, namespace } = options;
  const notes = `/api/v1/namespaces/${namespace}/configmaps`;
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  let written: { readonly replica: string; readonly text: string } | undefined;

  const list = async (path: string, labelSelector: string): Promise<readonly unknown[]> =>
    listSchema.parse(await client.send({ method: 'GET', path, query: { labelSelector } })).items;

  const write = async (own: ReplicaEvidence): Promise<void> => {
    const text = spellNote(own);
    if (text === written?.text) return;
    const name = `${prefix}${own.replica}`;
    const labels = { 'app.kubernetes.io/managed-by': 'skerry', [label]: 'true' };
    await client.send({
      ...{ method: 'PATCH', path: `${notes}/${name}` },
      query: { fieldManager: 'skerry-controller', force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body: {
        ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels } },
        data: { [file]: text },
      },
    });
    written = { replica: own.replica, text };
  };
  /** Replicas that run, or may: one on its way out still serves. */
  const running = async (): Promise<readonly string[]> =>
    (await list(pods, controllers)).flatMap((pod) => {
      const { metadata, status } = podSchema.parse(pod);
      return ['Succeeded', 'Failed'].includes(status?.phase ?? '') ? [] : [metadata.name];
    });
  const read = async (): Promise<ReadonlyMap<string, ReplicaEvidence>> => {
    const found = (await list(notes, `${label}=true`)).flatMap((object) => {
      const parsed = noteSchema.safeParse(object).data;
      const note = parseNote(parsed?.data?.[file]);
      const isOwn = note !== undefined && parsed?.metadata.name === `${prefix}${note.replica}`;
      return isOwn ? [[note.replica, note] as const] : [];
    });
    return new Map(found);
  };
  const remove = async (replica: string): Promise<void> => {
    try {
      await client.send({ method: 'DELETE', path: `${notes}/${prefix}${replica}` });
    } catch (error) {
      if (!(error instanceof KubernetesApiError && error.status === 404)) throw error;
    }
  };

  return {
    async exchange(own): Promise<Pick<Evidence, 'replicas' | 'silent'>> {
      await write(own);
      // First who runs, then what they say: whoever starts in between has read the slots as they are.
      const others = (await running()).filter((name) => name !== own.replica);
      const told = await read();
      for (const replica of told.keys()) {
        const isGone = replica !== own.replica && !others.includes(replica);
        if (isGone && options.mayWrite()) await remove(replica);
      }
      return {
        replicas: others.flatMap((name) => told.get(name) ?? []),
        silent: others.filter((name) => !told.has(name)),
      };
    },
    async clear(): Promise<void> {
      if (written === undefined) return;
      await remove(written.replica);
      written = undefined;
    },
  };
}
