/** Golden cases: what a pod becomes. */
import { describe, expect, test } from '@jest/globals';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { decide } from './decide.js';
import { checkPodShape, injectPod } from './inject.js';
import type { JsonMap } from './json.js';
import { patchOf, spellOperation } from './patch.js';
import { defaultSettings, type InjectionSettings } from './settings.js';
import { applyPatch } from './testing/apply-patch.js';

const folder = join(import.meta.dirname, 'testdata');
const isWriting = process.env['SKERRY_GOLDEN'] === 'write';
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.in.yaml'))
  .map((file) => file.slice(0, -'.in.yaml'.length));

interface Case {
  readonly claim: string;
  readonly namespace: string;
  readonly settings: InjectionSettings;
  readonly pod: JsonMap;
}

function readCase(name: string): Case {
  const text = readFileSync(join(folder, `${name}.in.yaml`), 'utf8');
  const claim = /^# claim: (.+)$/m.exec(text)?.[1];
  if (claim === undefined) throw new Error(`expected "# claim:" in ${name}.in.yaml`);
  const namespace = /^# namespace: (.+)$/m.exec(text)?.[1] ?? 'shop';
  const redirection = /^# redirection: cni$/m.test(text) ? 'cni' : 'init';
  const settings = { ...defaultSettings, redirection } as const;
  return { claim, namespace, settings, pod: parse(text) as JsonMap };
}

/** The verdict, and the pod where it is injected. */
function outcome({ namespace, settings, pod }: Case): unknown {
  const problems = checkPodShape(pod);
  if (problems.length > 0) return { refused: problems };
  const decision = decide({ pod, namespace, settings });
  if (decision.kind !== 'inject') return { [decision.kind]: decision.reason };
  const injected = injectPod(pod, settings);
  if (!injected.ok) return { refused: injected.error };
  const { warnings } = injected.value;
  return { ...(warnings.length > 0 ? { warnings } : {}), pod: injected.value.pod };
}

describe.each(names)('golden %s', (name) => {
  const read = readCase(name);
  const { settings } = read;

  test(read.claim, () => {
    const output = join(folder, `${name}.out.yaml`);
    const found = stringify(outcome(read), { lineWidth: 0, aliasDuplicateObjects: false });
    if (isWriting) writeFileSync(output, found);
    expect(existsSync(output) ? readFileSync(output, 'utf8') : '').toBe(found);
  });

  test('what is injected is a fixpoint, and the patch leads to it', () => {
    if (checkPodShape(read.pod).length > 0) return;
    const once = injectPod(read.pod, settings);
    if (!once.ok) {
      expect(once.error.length).toBeGreaterThan(0);
      return;
    }
    const { pod } = once.value;
    expect(injectPod(pod, settings)).toEqual(once);
    const patch = patchOf(read.pod, pod).map(spellOperation);
    expect(applyPatch(read.pod, patch)).toEqual(pod);
    expect(patchOf(pod, pod)).toEqual([]);
  });
});

test('every golden output has its input', () => {
  const orphans = readdirSync(folder).filter(
    (file) => file.endsWith('.out.yaml') && !names.includes(file.slice(0, -'.out.yaml'.length)),
  );
  if (isWriting) for (const file of orphans) rmSync(join(folder, file));
  expect(isWriting ? [] : orphans).toEqual([]);
});
