/** Replicas that tell each other what their sidecars have accepted, over a real API server. */
import { expect, test } from '@jest/globals';
import type { ReplicaEvidence } from '../../ca/index.js';
import { joinCluster, objectAt } from './test-kit.js';
import { createTrustNotes, type TrustNotes } from './trust-notes.js';

const cluster = joinCluster();

function notesIn(namespace: string, mayWrite = true): TrustNotes {
  return createTrustNotes({ client: cluster().client, namespace, mayWrite: () => mayWrite });
}

async function addController(namespace: string, name: string): Promise<void> {
  const labels = {
    'app.kubernetes.io/name': 'skerry',
    'app.kubernetes.io/component': 'controller',
  };
  await cluster().client.send({
    ...{ method: 'POST', path: `/api/v1/namespaces/${namespace}/pods` },
    body: {
      metadata: { name, labels },
      spec: { containers: [{ name: 'controller', image: 'none' }] },
    },
  });
}

function knownBy(replica: string, pod: string): ReplicaEvidence {
  return { replica, move: 'm', sidecars: [{ pod, hasBundle: true }] };
}

test('a replica that runs and has not told is silent, until it tells', async () => {
  const namespace = await cluster().namespace();
  for (const name of ['r1', 'r2']) await addController(namespace, name);
  const [one, two] = [notesIn(namespace), notesIn(namespace, false)];
  expect(await one.exchange(knownBy('r1', 'a/x'))).toEqual({ replicas: [], silent: ['r2'] });
  const seen = await two.exchange(knownBy('r2', 'b/y'));
  expect(seen).toEqual({ replicas: [knownBy('r1', 'a/x')], silent: [] });
  expect(await one.exchange(knownBy('r1', 'a/x'))).toEqual({
    replicas: [knownBy('r2', 'b/y')],
    silent: [],
  });
});

test('the note of a replica that is no more does not count, and whoever leads removes it', async () => {
  const namespace = await cluster().namespace();
  await addController(namespace, 'r1');
  const [one, follower] = [notesIn(namespace), notesIn(namespace, false)];
  await notesIn(namespace, false).exchange(knownBy('gone', 'a/x'));
  const path = `/api/v1/namespaces/${namespace}/configmaps/skerry-trust-gone`;
  await follower.exchange(knownBy('r2', 'c/z'));
  expect(await objectAt(cluster().client, path)).toBeDefined();
  expect(await one.exchange(knownBy('r1', 'b/y'))).toEqual({ replicas: [], silent: [] });
  expect(await objectAt(cluster().client, path)).toBeUndefined();
});

test('a note is removed when there is nothing to tell any more', async () => {
  const namespace = await cluster().namespace();
  const notes = notesIn(namespace);
  await notes.exchange(knownBy('r1', 'a/x'));
  await notes.clear();
  const path = `/api/v1/namespaces/${namespace}/configmaps/skerry-trust-r1`;
  expect(await objectAt(cluster().client, path)).toBeUndefined();
  await notes.clear();
});
