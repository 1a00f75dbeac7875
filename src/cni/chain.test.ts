/** Chaining in real folders: every form of configuration, other tools that write, and a death at any moment. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { chainInto, unchainFrom } from './chain.js';
import { temporaryFolder } from './test-kit.js';

const bridge = { type: 'bridge', bridge: 'cni0', ipam: { type: 'host-local' }, mtu: 1450 };
const portmap = { type: 'portmap', capabilities: { portMappings: true } };
const list = { cniVersion: '1.0.0', name: 'pods', plugins: [bridge, portmap], disableCheck: true };
const entry = {
  type: 'skerry-cni',
  capabilities: { 'io.kubernetes.cri.pod-annotations': true },
};
const conf = { cniVersion: '0.4.0', name: 'pods', ...bridge };

let folder: string;

beforeEach(() => {
  folder = temporaryFolder();
});

function write(name: string, value: unknown): void {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  writeFileSync(join(folder, name), text, { mode: 0o600 });
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(join(folder, name), 'utf8'));
}

/** The plugins of the file that containerd and CRI-O take. */
function inForce(): readonly unknown[] {
  const name = readdirSync(folder)
    .filter((each) => /\.(conf|conflist|json)$/.test(each))
    .sort()[0];
  if (name === undefined) return [];
  const value = read(name) as { readonly plugins?: readonly unknown[] };
  return name.endsWith('.conflist') ? (value.plugins ?? []) : [value];
}

describe('a list', () => {
  test('gets our entry at its end, and keeps all else', async () => {
    write('10-pods.conflist', list);
    const done = await chainInto(folder);
    expect(done).toEqual({ ok: true, value: { file: '10-pods.conflist', hasChanged: true } });
    expect(read('10-pods.conflist')).toEqual({ ...list, plugins: [bridge, portmap, entry] });
    expect(statSync(join(folder, '10-pods.conflist')).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['10-pods.conflist']);
  });

  test('that has it is not written again', async () => {
    write('10-pods.conflist', { ...list, plugins: [bridge, entry, portmap] });
    const before = statSync(join(folder, '10-pods.conflist')).ino;
    const done = await chainInto(folder);
    expect(done).toEqual({ ok: true, value: { file: '10-pods.conflist', hasChanged: false } });
    expect(statSync(join(folder, '10-pods.conflist')).ino).toBe(before);
  });

  test.each([
    ['an entry of another form', [bridge, { type: 'skerry-cni' }, portmap]],
    ['two entries', [entry, bridge, entry, portmap]],
  ])('with %s gets one, as it should be', async (_what, plugins) => {
    write('10-pods.conflist', { ...list, plugins });
    await chainInto(folder);
    expect(inForce()).toEqual([bridge, portmap, entry]);
  });

  test('is the first by name; others stay as they are', async () => {
    write('20-other.conflist', list);
    write('10-pods.conflist', list);
    write('05-notes.txt', 'none');
    write('00-old.conflist.bak', list);
    await chainInto(folder);
    expect(read('20-other.conflist')).toEqual(list);
    expect(inForce()).toContainEqual(entry);
  });

  test('that comes before the one in force is chained too, and both are freed', async () => {
    write('10-pods.conflist', list);
    await chainInto(folder);
    write('05-new.conflist', list);
    await chainInto(folder);
    expect(inForce()).toContainEqual(entry);
    expect(await unchainFrom(folder)).toEqual([]);
    expect([read('05-new.conflist'), read('10-pods.conflist')]).toEqual([list, list]);
  });

  test('without our entry is not written when we leave', async () => {
    const text = '{ "cniVersion":"1.0.0",\n "name" : "pods", "plugins":[ {"type":"bridge"} ] }';
    write('10-pods.conflist', text);
    expect(await unchainFrom(folder)).toEqual([]);
    expect(readFileSync(join(folder, '10-pods.conflist'), 'utf8')).toBe(text);
  });
});

describe('what cannot be chained stays as it is, and is said', () => {
  test.each([
    ['10-pods.conflist', '{"cniVersion":"1.0.0","plugins":[', 'expected JSON'],
    ['10-pods.conflist', '', 'expected JSON'],
    ['10-pods.conflist', '[]', 'expected a JSON object'],
    ['10-pods.conflist', { ...list, plugins: {} }, 'expected plugins to be a list'],
    ['10-pods.conflist', { ...list, plugins: [bridge, 7] }, 'an object with a type'],
    ['10-pods.conflist', { ...list, plugins: [] }, 'expected a plugin that sets up'],
    ['10-pods.conflist', { ...list, plugins: [entry] }, 'expected a plugin that sets up'],
    ['10-pods.conflist', { ...list, cniVersion: '0.2.0' }, 'found 0.2.0'],
    ['10-pods.conflist', { ...list, cniVersion: undefined }, 'found none'],
    ['10-pods.conf', '{"type":', 'expected JSON'],
    ['10-pods.conf', list, 'an object with a type'],
    ['10-pods.conf', { ...conf, name: undefined }, 'expected a name'],
    ['10-pods.json', { ...conf, cniVersion: '0.1.0' }, 'found 0.1.0'],
  ])('%s %j', async (name, value, problem) => {
    write(name, value);
    const before = readFileSync(join(folder, name));
    const done = await chainInto(folder);
    expect(done).toMatchObject({ ok: false, error: expect.stringContaining(problem) });
    expect(done).toMatchObject({ error: expect.stringContaining(name) });
    expect(readFileSync(join(folder, name))).toEqual(before);
    expect(await unchainFrom(folder)).toEqual([]);
    expect(readdirSync(folder)).toEqual([name]);
  });

  test('nothing', async () => {
    const done = await chainInto(folder);
    expect(done).toMatchObject({ error: expect.stringContaining('is a network plugin installed') });
    const gone = await chainInto(join(folder, 'gone'));
    expect(gone).toMatchObject({ error: expect.stringContaining('no network configuration') });
  });

  test('a link, since what it leads to is not ours', async () => {
    const elsewhere = join(temporaryFolder(), 'pods');
    writeFileSync(elsewhere, JSON.stringify(list));
    symlinkSync(elsewhere, join(folder, '10-pods.conflist'));
    expect(await chainInto(folder)).toMatchObject({ error: expect.stringContaining('a link') });
    expect(JSON.parse(readFileSync(elsewhere, 'utf8'))).toEqual(list);
  });

  test('a folder by such a name', async () => {
    mkdirSync(join(folder, '10-pods.conflist'));
    expect(await chainInto(folder)).toMatchObject({ ok: false });
    expect(await unchainFrom(folder)).toEqual([]);
  });
});

describe.each(['10-pods.conf', '10-pods.json'])('the single plugin of %s', (name) => {
  test('is wrapped in a list, and comes back', async () => {
    write(name, conf);
    const done = await chainInto(folder);
    expect(done).toMatchObject({ value: { file: `${name}.conflist`, hasChanged: true } });
    expect(inForce()).toEqual([conf, entry]);
    expect(read(`${name}.conflist`)).toMatchObject({ cniVersion: '0.4.0', name: 'pods' });
    expect(await chainInto(folder)).toMatchObject({ value: { hasChanged: false } });

    expect(await unchainFrom(folder)).toEqual([]);
    expect(readdirSync(folder)).toEqual([name]);
    expect(read(name)).toEqual(conf);
  });

  test('is in force as soon as its tool writes it again, and is wrapped again', async () => {
    write(name, conf);
    await chainInto(folder);
    const newer = { ...conf, mtu: 9000 };
    write(name, newer);
    expect(inForce()).toEqual([newer]);
    await chainInto(folder);
    expect(inForce()).toEqual([newer, entry]);
    await unchainFrom(folder);
    expect(readdirSync(folder)).toEqual([name]);
    expect(read(name)).toEqual(newer);
  });

  test('that its tool wrote again just before we leave stays as it is', async () => {
    write(name, conf);
    await chainInto(folder);
    const newer = { ...conf, mtu: 9000 };
    write(name, newer);
    await unchainFrom(folder);
    expect(readdirSync(folder)).toEqual([name]);
    expect(read(name)).toEqual(newer);
  });

  test('that changed while it was set aside is what counts', async () => {
    write(name, conf);
    await chainInto(folder);
    write(`${name}.skerry-cni`, { ...conf, mtu: 9000 });
    expect(await chainInto(folder)).toMatchObject({ value: { hasChanged: true } });
    expect(inForce()).toEqual([{ ...conf, mtu: 9000 }, entry]);
  });

  test('comes back from the list, if what was set aside has been lost', async () => {
    write(name, conf);
    await chainInto(folder);
    rmSync(join(folder, `${name}.skerry-cni`));
    expect(await chainInto(folder)).toMatchObject({ value: { hasChanged: false } });
    await unchainFrom(folder);
    expect(readdirSync(folder)).toEqual([name]);
    expect(read(name)).toEqual(conf);
  });

  test('is not wrapped where a file of others would come in between', async () => {
    write(name, conf);
    write(`${name}.conflist`, list);
    expect(await chainInto(folder)).toMatchObject({ error: expect.stringContaining('of others') });
    expect(inForce()).toEqual([conf]);
    write(`${name}-2.conflist`, list);
    expect(await chainInto(folder)).toMatchObject({ error: expect.stringContaining('would take') });
  });

  test('has a network at every moment of a death between the steps', async () => {
    // The list is written and the file not yet set aside.
    write(name, conf);
    await chainInto(folder);
    const made = readFileSync(join(folder, `${name}.conflist`), 'utf8');
    await unchainFrom(folder);
    write(`${name}.conflist`, made);
    expect(inForce()).toEqual([conf]);
    await chainInto(folder);
    expect(inForce()).toEqual([conf, entry]);
    // The file is back and the list not yet gone.
    write(name, conf);
    expect(inForce()).toEqual([conf]);
    await unchainFrom(folder);
    expect(readdirSync(folder)).toEqual([name]);
  });
});

test('a tool that writes without end does not lose its last word', async () => {
  const path = join(folder, '10-pods.conflist');
  write('10-pods.conflist', list);
  let round = 0;
  const until = Date.now() + 700;
  const writer = (async (): Promise<void> => {
    while (Date.now() < until) {
      round += 1;
      // As most tools do it: not at once, but in the file's own place.
      writeFileSync(path, JSON.stringify({ ...list, round }));
      await new Promise((resolve) => setTimeout(resolve, round % 4));
    }
  })();
  while (Date.now() < until + 50) {
    await chainInto(folder);
    const said = (read('10-pods.conflist') as { readonly round?: number }).round ?? 0;
    expect(said).toBe(round);
  }
  await writer;
  await chainInto(folder);
  expect(read('10-pods.conflist')).toMatchObject({ round });
  expect(inForce()).toContainEqual(entry);
  expect(readdirSync(folder)).toEqual(['10-pods.conflist']);
});

test('files of a process that was killed while it wrote are nobody’s', async () => {
  write('.skerry-cni.0123456789ab.new', '{"cniVer');
  write('10-pods.conflist', list);
  await chainInto(folder);
  expect(inForce()).toContainEqual(entry);
  expect(existsSync(join(folder, '.skerry-cni.0123456789ab.new'))).toBe(true);
});
