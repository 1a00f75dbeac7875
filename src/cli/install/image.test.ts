/** How the image is built by Docker, the workflow and kind's configuration: as far as this can be tried without them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { at, listAt, textAt } from '../cluster/objects.js';
import { parseKubernetesVersion } from '../check/facts.js';
import { allocatorVariables } from './controller.js';
import { releaseVersion } from './options.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** The instructions of a Dockerfile, continued lines joined. */
function instructionsOf(text: string): readonly Instruction[] {
  const lines = text
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const [name = '', ...rest] = line.split(' ');
      return { name, text: rest.join(' ') };
    });
}

const dockerfile = instructionsOf(read('deploy/Dockerfile'));
const texts = (name: string): readonly string[] =>
  dockerfile.filter((one) => one.name === name).map(({ text }) => text);

describe('deploy/Dockerfile', () => {
  let context: string;
  let tree: string;
  let config: unknown;

  beforeAll(() => {
    // What its first stage does, with this checkout's packages in the place of `npm ci`.
    context = mkdtempSync(join(tmpdir(), 'skerry-dockerfile-'));
    for (const copy of texts('COPY').filter((text) => !text.startsWith('--from'))) {
      const parts = copy.split(' ');
      for (const source of parts.slice(0, -1)) {
        cpSync(join(root, source), join(context, basename(source)), { recursive: true });
      }
    }
    symlinkSync(join(root, 'node_modules'), join(context, 'node_modules'));
    tree = join(context, 'image');
    const [build = ''] = texts('RUN').filter((text) => text.startsWith('node '));
    const argv = ['-ec', build.replace('--output /image', `--output ${tree}`)];
    const said = execFileSync('/bin/sh', argv, { cwd: context, encoding: 'utf8' });
    config = at(JSON.parse(said.slice(said.indexOf('{'))), 'config');
  }, 120_000);
  afterAll(() => {
    rmSync(context, { recursive: true, force: true });
  });

  test('installs what the program needs to be packed', () => {
    expect(texts('RUN')[0]).toMatch(
      /apt-get install .*ca-certificates iproute2 iptables libjemalloc2 util-linux/,
    );
    expect(texts('RUN')[1]).toMatch(/^npm ci /);
  });

  test('takes nothing but that tree, and starts as scripts/image.mjs says', () => {
    const last = dockerfile.slice(dockerfile.findLastIndex(({ name }) => name === 'FROM'));
    expect(last.map(({ name, text }) => `${name} ${text}`)).toEqual([
      'FROM scratch',
      'COPY --from=build /image/ /',
      `ENV ${String(listAt(config, 'Env')[0])}`,
      `USER ${textAt(config, 'User') ?? ''}`,
      `ENTRYPOINT ${JSON.stringify(listAt(config, 'Entrypoint'))}`,
    ]);
    expect(textAt(config, 'User')).toMatch(/^[1-9]/);
  });

  test('names its base by version', () => {
    expect(texts('ARG')).toEqual([expect.stringMatching(/=node:\d+\.\d+\.\d+-bookworm-slim$/)]);
  });

  test.each([
    ['/usr/local/bin/skerry', '--version', releaseVersion],
    ['/usr/local/bin/skerry', 'sidecar', 'skerry sidecar'],
    ['/usr/sbin/iptables-nft', '--version', 'nf_tables'],
    ['/usr/sbin/ip6tables-nft-restore', '--version', 'nf_tables'],
    ['/usr/sbin/ip', '-V', 'iproute2'],
    ['/usr/bin/nsenter', '--version', 'util-linux'],
  ])('the tree is whole: %s runs in it as its user', (program, argument, says) => {
    const argv = ['--userspec=65532:65532', tree, program, argument];
    const { stdout, stderr } = spawnSync('chroot', argv, { encoding: 'utf8' });
    expect(`${stdout}${stderr}`).toContain(says);
  });

  test.each(['skerry.mjs', 'skerry-sidecar.mjs'])('%s is kept with one byte a letter', (name) => {
    // V8 keeps the text of a program as long as it runs, and takes two for all where one letter needs them.
    const text = readFileSync(join(tree, 'opt', 'skerry', name), 'utf8');
    expect(/.{0,40}[^\u0000-\u00ff].{0,40}/.exec(text)?.[0]).toBeUndefined();
  });

  test('the allocator that the Deployment names is in the tree, and Node runs with it', () => {
    const { LD_PRELOAD: library, MALLOC_CONF: settings } = allocatorVariables;
    // It tells what it did as the process ends.
    const env = { LD_PRELOAD: library, MALLOC_CONF: `${settings ?? ''},stats_print:true` };
    const argv = ['--userspec=65532:65532', tree, '/usr/local/bin/skerry', '--version'];
    const { stderr } = spawnSync('/usr/sbin/chroot', argv, { encoding: 'utf8', env });
    expect(stderr).toContain('jemalloc statistics');
    expect(stderr).toMatch(/opt\.dirty_decay_ms: 0\b/);
    expect(stderr).not.toMatch(/cannot be preloaded|Invalid conf/);
  });
});

describe('the workflow', () => {
  const workflow: unknown = parse(read('.github/workflows/ci.yml'));
  const jobs = Object.values(at(workflow, 'jobs') as object) as readonly unknown[];
  const steps = jobs.flatMap((job) => listAt(job, 'steps'));

  test('takes actions by version', () => {
    const used = steps.flatMap((step) => textAt(step, 'uses') ?? []);
    expect(used.length).toBeGreaterThan(0);
    expect(used.filter((name) => !/@v\d+\.\d+\.\d+$/.test(name))).toEqual([]);
  });

  test('runs scripts that there are', () => {
    const scripts = Object.keys(at(JSON.parse(read('package.json')), 'scripts') as object);
    const run = steps.flatMap((step) => textAt(step, 'run') ?? []).join('\n');
    const named = [...run.matchAll(/npm run (\S+)|npm (test)/g)].map(
      ([, one, other]) => one ?? other,
    );
    expect(named).toEqual(['test', 'e2e:long', 'e2e']);
    expect(scripts).toEqual(expect.arrayContaining(named));
  });

  test('may do little, and ends', () => {
    expect(at(workflow, 'permissions')).toEqual({ contents: 'read' });
    expect(jobs.every((job) => typeof at(job, 'timeout-minutes') === 'number')).toBe(true);
  });

  test('has the kind that kind-config.yaml is written for', () => {
    const version = textAt(workflow, 'env', 'KIND_VERSION') ?? 'none';
    expect(read('kind-config.yaml')).toContain(`kind ${version}`);
  });
});

test('kind makes two nodes of one Kubernetes that has native sidecars', () => {
  const config: unknown = parse(read('kind-config.yaml'));
  const nodes = listAt(config, 'nodes');
  expect(nodes.map((node) => textAt(node, 'role'))).toEqual(['control-plane', 'worker']);
  const images = new Set(nodes.map((node) => textAt(node, 'image') ?? ''));
  expect(images.size).toBe(1);
  const [, version = ''] =
    /^kindest\/node:(v[\d.]+)@sha256:[0-9a-f]{64}$/.exec([...images][0] ?? '') ?? [];
  expect(parseKubernetesVersion(version)?.minor).toBeGreaterThanOrEqual(29);
});
