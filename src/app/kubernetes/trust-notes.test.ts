/** What replicas write down for each other, and read again. */
import { expect, test } from '@jest/globals';
import type { ReplicaEvidence } from '../../ca/index.js';
import { parseNote, spellNote } from './trust-notes.js';

const evidence: ReplicaEvidence = {
  replica: 'skerry-1',
  move: 'm',
  sidecars: [
    { pod: 'a/x', hasBundle: true, certificateRoot: 'r1', serverRoot: 'r2' },
    { pod: 'b/y', hasBundle: false },
    { pod: 'c/z', hasBundle: true, serverRoot: 'r1' },
  ],
};

test('a note says what was written into it', () => {
  expect(parseNote(spellNote(evidence))).toEqual(evidence);
  const young: ReplicaEvidence = { replica: 'r', move: undefined, sidecars: [] };
  expect(parseNote(spellNote(young))).toEqual(young);
});

test('ten thousand sidecars fit into a ConfigMap', () => {
  const root = 'f'.repeat(64);
  const sidecars = Array.from({ length: 10_000 }, (_, at) => ({
    pod: `some-namespace-of-a-team/some-deployment-7c9fbd8f5-${String(at).padStart(5, '0')}`,
    ...{ hasBundle: true, certificateRoot: root, serverRoot: root },
  }));
  expect(spellNote({ replica: 'r', move: 'm', sidecars }).length).toBeLessThan(1_000_000);
});

test.each([
  ['undefined', undefined],
  ['nothing', ''],
  ['no JSON', '{"replica"'],
  ['another shape', '{"replica":1,"roots":[],"sidecars":""}'],
])('%s is no note', (_what, text) => {
  expect(parseNote(text)).toBeUndefined();
});

test('a sidecar of which a note says too little counts as late', () => {
  const note = parseNote('{"replica":"r","move":"m","roots":[],"sidecars":"a/x\\nb/y y 7 x"}');
  expect(note?.sidecars).toEqual([
    { pod: 'a/x', hasBundle: false },
    { pod: 'b/y', hasBundle: true },
  ]);
});
