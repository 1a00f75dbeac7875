/** The launcher under the shells that nodes have: what it says alone, and that no user's text can deceive it. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { spawnSync } from 'node:child_process';
import { redirectionAnnotation } from '../sidecar/index.js';
import { launcherText } from './launcher.js';
import { bridgeResult, callPlugin, configuration, ours, writeLauncher } from './test-kit.js';

/** Nodes have dash (Debian), bash (Red Hat) or busybox (Alpine) as `sh`; those of this machine are tried. */
const shells = [['sh'], ['dash'], ['bash', '--posix'], ['busybox', 'sh']].filter(
  ([file = '', ...args]) => spawnSync(file, [...args, '-c', 'exit 7']).status === 7,
);
// Where Node.js would be started there is none: then the launcher says so, and ends with 1.
const launcher = writeLauncher('/nonexistent/skerry');

function add(shell: readonly string[], config: unknown): ReturnType<typeof callPlugin> {
  return callPlugin(launcher, {
    ...{ shell, env: { CNI_COMMAND: 'ADD' }, stdin: JSON.stringify(config) },
  });
}

describe.each(shells.map((shell) => [shell.join(' '), shell] as const))('by %s', (_name, shell) => {
  test('a pod of others gets the result of the plugins before, byte by byte', () => {
    const { status, stdout, stderr } = add(shell, configuration({ app: 'cart' }));
    expect({ status, stdout, stderr }).toEqual({
      ...{ status: 0, stdout: JSON.stringify(bridgeResult), stderr: '' },
    });
  });

  test.each([
    ['a text that looks like a result', { note: '"prevResult":{"ips":[]}' }],
    ['a text that closes what it does not open', { note: '}}],"prevResult":{}}' }],
    ['a text that opens what it does not close', { note: '{{[[{"prevResult":' }],
    ['quotes and backslashes', { note: '\\"\\\\" \\\\\\" "' }],
    ['a backslash at the end', { note: 'C:\\' }],
    ['what a shell would run', { note: '$(exit 9) `exit 9` ${PATH} "$@" \' ; exit 9' }],
    ['patterns', { note: '*[]?{a,b}!(x)~[:alpha:]' }],
    ['lines and control characters', { note: 'a\nb\tc\u0001\u007f\r' }],
    ['letters of all kinds', { note: 'Überfähre 渡し船 🚢 \u2028' }],
    ['a name like ours', { 'skerry.dev/redirectio': '{}', prevResult: '{}' }],
    ['a long text', { note: '"x\\'.repeat(20_000) }],
  ])('an annotation with %s deceives nobody', (_what, annotations) => {
    const { status, stdout, stderr } = add(shell, configuration(annotations));
    expect({ status, stdout, stderr }).toEqual({
      ...{ status: 0, stdout: JSON.stringify(bridgeResult), stderr: '' },
    });
  });

  test('the result is the outermost one, wherever it stands', () => {
    const inner = { prevResult: { ips: 'inner' }, list: [{ prevResult: {} }, '"prevResult":{}'] };
    const config = { a: inner, cniVersion: '1.0.0', z: inner, prevResult: { ...inner, own: 1 } };
    expect(JSON.parse(add(shell, config).stdout)).toEqual(config.prevResult);
  });

  test.each([
    ['has our annotation', configuration(ours)],
    ['names our annotation in a text', configuration({ note: redirectionAnnotation })],
    ['has no result', { cniVersion: '1.0.0', name: 'pods' }],
    ['has null for a result', configuration({}, null)],
    ['has a list for a result', configuration({}, [])],
    ['is half of one', '{"cniVersion":"1.0.0","prevResult":{"a":1'],
    ['is a text', 'prevResult'],
  ])('what %s is left to the plugin', (_what, config) => {
    const stdin = typeof config === 'string' ? config : JSON.stringify(config);
    const found = callPlugin(launcher, { shell, env: { CNI_COMMAND: 'ADD' }, stdin });
    // An error that a runtime understands, and tells: https://www.cni.dev/docs/spec/#error
    expect(found.status).toBe(1);
    expect(JSON.parse(found.stdout)).toMatchObject({ cniVersion: '1.0.0', code: 100 });
    expect(found.stdout).toContain('is the DaemonSet skerry-cni ready');
    expect(found.stderr).toBe('');
  });

  test('a list in the place of the result is not taken for one', () => {
    const { status } = add(shell, configuration({}, [{ prevResult: {} }]));
    expect(status).toBe(1);
  });

  test.each(['DEL', 'GC', 'STATUS'])('%s succeeds, without a runtime', (command) => {
    const stdin = JSON.stringify(configuration(ours));
    const found = callPlugin(launcher, { shell, env: { CNI_COMMAND: command }, stdin });
    expect(found).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  test.each([
    ['of others', {}],
    ['of ours, when we are gone,', ours],
  ])('CHECK of a pod %s succeeds', (_whose, annotations) => {
    const stdin = JSON.stringify(configuration(annotations));
    const found = callPlugin(launcher, { shell, env: { CNI_COMMAND: 'CHECK' }, stdin });
    expect(found).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  test.each([
    ['spread over lines', JSON.stringify(configuration({ note: 'a\nb' }), null, 2)],
    ['that ends with empty lines', `${JSON.stringify(configuration({}))}\n\n`],
    ['with a line for each member', JSON.stringify(configuration({})).replaceAll(',', ',\n')],
  ])('a configuration %s is read', (_how, stdin) => {
    const found = callPlugin(launcher, { shell, env: { CNI_COMMAND: 'ADD' }, stdin });
    expect(found).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(found.stdout)).toEqual(bridgeResult);
  });

  test('it tells its versions', () => {
    const env = { CNI_COMMAND: 'VERSION' };
    const { status, stdout } = callPlugin(launcher, {
      shell,
      env,
      stdin: '{"cniVersion":"1.0.0"}',
    });
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      supportedVersions: expect.arrayContaining(['1.0.0']),
    });
  });

  test('any configuration of a pod of others is answered by its result, or left to the plugin', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.constant('prevResult'));
    const value = fc
      .jsonValue({ maxDepth: 3 })
      .map((one) => JSON.parse(JSON.stringify(one)) as unknown);
    const members = fc.array(fc.tuple(text, fc.oneof(value, text)), { maxLength: 4 });
    fc.assert(
      fc.property(members, value, members, (before, result, after) => {
        const config = Object.fromEntries([...before, ['prevResult', result], ...after]);
        fc.pre(!JSON.stringify(config).includes(redirectionAnnotation));
        const { status, stdout, stderr } = add(shell, config);
        const last = config['prevResult'];
        const isObject = typeof last === 'object' && last !== null && !Array.isArray(last);
        expect(stderr).toBe('');
        expect(status).toBe(isObject ? 0 : 1);
        if (isObject) expect(stdout).toBe(JSON.stringify(last));
      }),
      { numRuns: 60 },
    );
  });
});

test('a container runtime can execute it', () => {
  const stdin = JSON.stringify(configuration({}));
  expect(callPlugin(launcher, { env: { CNI_COMMAND: 'ADD' }, stdin }).status).toBe(0);
});

test.each(['/opt/a b', "/opt/'x", '/opt/$x', ''])('a folder %j is refused', (folder) => {
  expect(() => launcherText(folder)).toThrow('expected a path');
});
