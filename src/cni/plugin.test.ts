/** The verbs of the plugin: what is redirected, what passes, and that nothing marked passes by mistake. */
import { expect, test } from '@jest/globals';
import { redirectionAnnotation } from '../sidecar/index.js';
import { runPlugin, type PluginAnswer, type Redirector } from './plugin.js';
import { bridgeResult, configuration, ours } from './test-kit.js';

/** Notes what it was asked, and does `outcome`. */
function createNotes(outcome: () => readonly string[] = () => []): {
  readonly asked: string[];
  readonly redirector: Redirector;
} {
  const asked: string[] = [];
  return {
    asked,
    redirector: {
      redirect: async (netns, redirection) => {
        asked.push(`redirect ${netns} ${redirection.excludeInboundPorts.join()}`);
        outcome();
        return Promise.resolve();
      },
      check: async (netns) => {
        asked.push(`check ${netns}`);
        return Promise.resolve(outcome());
      },
    },
  };
}

async function run(
  command: string,
  config: unknown,
  { redirector }: { readonly redirector: Redirector } = createNotes(),
  netns = '/run/netns/x',
): Promise<PluginAnswer> {
  const stdin = typeof config === 'string' ? config : JSON.stringify(config);
  return runPlugin({ env: { CNI_COMMAND: command, CNI_NETNS: netns }, stdin }, redirector);
}

const failing = (): never => {
  throw new Error('iptables-restore failed with status 4');
};

test('ADD redirects a pod of ours and passes the result on', async () => {
  const notes = createNotes();
  const { exitCode, stdout } = await run('ADD', configuration(ours), notes);
  expect(notes.asked).toEqual(['redirect /run/netns/x 9000']);
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toEqual(bridgeResult);
});

test('ADD and CHECK touch no pod of others', async () => {
  const notes = createNotes();
  const config = configuration({ note: `"${redirectionAnnotation}":"{}"` });
  const added = await run('ADD', config, notes);
  expect(JSON.parse(added.stdout)).toEqual(bridgeResult);
  expect(await run('CHECK', config, notes)).toEqual({ exitCode: 0, stdout: '' });
  expect(notes.asked).toEqual([]);
});

test('a runtime that hands no annotations over gets the result', async () => {
  const { runtimeConfig, ...config } = configuration(ours);
  expect(runtimeConfig).toBeDefined();
  expect(JSON.parse((await run('ADD', config)).stdout)).toEqual(bridgeResult);
});

test('CHECK says what is missing', async () => {
  const whole = await run('CHECK', configuration(ours));
  expect(whole).toEqual({ exitCode: 0, stdout: '' });
  const broken = createNotes(() => ['v4: expected 9 rules, found 0']);
  const { exitCode, stdout } = await run('CHECK', configuration(ours), broken);
  expect(exitCode).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ code: 100, details: 'v4: expected 9 rules, found 0' });
});

test.each(['DEL', 'GC', 'STATUS'])('%s succeeds, whatever it gets', async (command) => {
  const notes = createNotes(failing);
  expect(await run(command, 'nonsense', notes, '')).toEqual({ exitCode: 0, stdout: '' });
  expect(notes.asked).toEqual([]);
});

test('VERSION lists the versions that chain', async () => {
  const { stdout } = await run('VERSION', '');
  expect(JSON.parse(stdout)).toMatchObject({
    supportedVersions: expect.arrayContaining(['0.4.0']),
  });
});

const marked = (text: string): unknown => configuration({ [redirectionAnnotation]: text });

test.each([
  ['an annotation that is no JSON', marked('{'), 7, 'expected annotation'],
  ['an annotation without a family', marked('{}'), 7, 'expected a family'],
  ['an unknown family', marked('{"families":["v5"]}'), 7, 'families is not as injected'],
  [
    'a rule in the place of a CIDR',
    marked('{"families":["v4"],"excludeOutboundCidrs":["0.0.0.0/0 -j ACCEPT\\n-A OUTPUT"]}'),
    ...([7, 'expected a CIDR'] as const),
  ],
  [
    'a port that is none',
    marked('{"families":["v4"],"excludeInboundPorts":[70000]}'),
    ...([7, 'expected a port'] as const),
  ],
  ['a configuration that is no JSON', '{"cniVersion":', 6, 'expected JSON'],
  ['a configuration that is a list', '[]', 6, 'expected a JSON object'],
  ['a version without chaining', { ...configuration(ours), cniVersion: '0.2.0' }, 1, '0.2.0'],
  ['a version to come', { ...configuration(ours), cniVersion: '2.0.0' }, 1, '2.0.0'],
  ['no result', { cniVersion: '1.0.0' }, 7, 'expected prevResult'],
])('ADD refuses %s', async (_what, config, code, text) => {
  const notes = createNotes();
  const { exitCode, stdout } = await run('ADD', config, notes);
  expect(exitCode).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ cniVersion: '1.0.0', code });
  expect(stdout).toContain(text);
  expect(notes.asked).toEqual([]);
});

test('ADD refuses a pod that cannot be redirected, and says why', async () => {
  const { exitCode, stdout } = await run('ADD', configuration(ours), createNotes(failing));
  expect(exitCode).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    code: 100,
    msg: 'skerry-cni: the pod cannot be redirected',
    details: 'iptables-restore failed with status 4',
  });
});

test('a namespace without a path and an unknown verb are refused', async () => {
  const { stdout } = await run('ADD', configuration(ours), createNotes(), '');
  expect(JSON.parse(stdout)).toMatchObject({ code: 4 });
  expect(JSON.parse((await run('RENEW', configuration(ours))).stdout)).toMatchObject({ code: 4 });
});
