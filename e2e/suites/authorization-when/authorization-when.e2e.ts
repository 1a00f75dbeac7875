/** Claim: conditions on headers and paths hold against those who try to get around them, and guardrails against owners. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Agent, Mesh } from '../../../demo/rig/index.js';
import { claim } from '../../kit/claim.js';
import { manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually, untilLogged } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const policyFile = '60-when.yaml';
const guardFile = '61-guardrail.yaml';
const ownerFile = '62-owner.yaml';
const target = 'ratings.c';

/** What stands beside the demo's rules, which admit namespace b. */
const conditions = manifest(
  trafficPolicy('c/conditions', {
    targetRefs: [{ kind: 'Service', name: 'ratings' }],
    inbound: {
      authorization: {
        deny: [
          { name: 'no-test', when: [{ header: 'x-env', values: ['test', 'stage-*'] }] },
          { name: 'no-admin', to: [{ paths: ['/secret', '/secret/*'] }] },
          {
            name: 'only-blue',
            to: [{ paths: ['/blue/*'] }],
            from: [{ not: [{ namespace: 'a' }] }],
            when: [{ header: 'x-env', values: ['blue*'] }],
          },
        ],
        allow: [
          {
            name: 'blue-team',
            from: [{ namespace: 'a' }],
            when: [{ header: 'x-team', values: ['blue', 'light.*'] }],
          },
        ],
      },
    },
  }),
);

let mesh: Mesh;
let outsider: Agent;
let insider: Agent;

beforeAll(async () => {
  mesh = await startSuiteMesh({
    suite: import.meta.url,
    pods: ['a/frontend', 'b/reviews-v1', 'c/ratings'],
  });
  // Namespace a is in no list but by its header; b may call.
  outsider = await mesh.agent('a/frontend');
  insider = await mesh.agent('b/reviews-v1');
  await mesh.writeManifest(policyFile, conditions);
  await eventually('the conditions', async () =>
    (await statusOf(outsider, '/', ['x-team: blue'])) === 200 ? true : undefined,
  );
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

/** The status of a request written byte by byte; undefined for an answer that is none. */
async function statusOf(
  from: Agent,
  path: string,
  lines: readonly string[] = [],
): Promise<number | undefined> {
  const head = [`GET ${path} HTTP/1.1`, 'host: ratings.c', ...lines, 'connection: close'];
  const send = `${head.join('\r\n')}\r\n\r\n`;
  const { body } = await from.tcp({ host: target, port: 8080, send, expectBytes: 16 });
  const status = /^HTTP\/1\.1 (\d{3})/.exec(body)?.[1];
  return status === undefined ? undefined : Number(status);
}

describe('an allow with a header', () => {
  test.each<readonly [readonly string[], number]>([
    [['x-team: blue'], 200],
    [['X-Team:    blue'], 200],
    [['x-team: light.7'], 200],
    [[], 403],
    [['x-team: '], 403],
    [['x-team: red'], 403],
    [['x-team: Blue'], 403],
    [['x-team: blues'], 403],
    [['x_team: blue'], 403],
    [['x-team: red', 'x-team: blue'], 403],
    [['x-team: blue', 'x-team: red'], 403],
    [['x-team: blue, red'], 403],
    [['x-team: light.7, red'], 403],
    [['x-team: light.7', 'x-team: red'], 403],
    [['x-team: blue\u00ff'], 403],
  ])('answers %j with %d', async (lines, status) => {
    expect(await statusOf(outsider, '/', lines)).toBe(status);
  });
});

describe('a deny with a header', () => {
  test.each<readonly [readonly string[], number]>([
    [[], 200],
    [['x-env: prod'], 200],
    [['x-env: testing'], 200],
    [['x-env: test'], 403],
    [['x-env: prod', 'x-env: test'], 403],
    [['x-env: test', 'x-env: prod'], 403],
    [['x-env: prod,test'], 403],
    [['x-env: prod,\ttest ,x'], 403],
    [['x-env: stage-9'], 403],
    [['x-env: prod', 'x-env: stage-9'], 403],
  ])('answers %j with %d', async (lines, status) => {
    expect(await statusOf(insider, '/', lines)).toBe(status);
  });

  test('is named in the log', async () => {
    await statusOf(insider, '/named', ['x-env: test']);
    await untilLogged(mesh, 'c/ratings', ['"status":403', '"/named"', 'c/conditions/no-test']);
  });

  test('holds together with the paths and callers of its rule', async () => {
    expect(await statusOf(insider, '/blue/1', ['x-env: blue'])).toBe(403);
    expect(await statusOf(insider, '/blue/1', ['x-env: red'])).toBe(200);
    expect(await statusOf(insider, '/red/1', ['x-env: blue'])).toBe(200);
    expect(await statusOf(outsider, '/blue/1', ['x-env: blue', 'x-team: blue'])).toBe(200);
  });
});

test('no spelling of a path gets past a rule for it', async () => {
  const spellings = [
    ...['/secret', '/secret/', '/secret/x', '/secret?a=b', '//secret', '/./secret'],
    ...['/a/../secret', '/a/..//secret/x', '/%73ecret', '/secret%2fx', '/secret\\x', '\\secret'],
    ...['/a/%2e%2e/secret', '/..;/secret', '/secret/..%2fsecret/x', '/secret%00', '/secret#x'],
    ...[`http://${target}/secret`, `http://${target}//secret/x`, '/SECRET/../secret'],
  ];
  const answers = await Promise.all(spellings.map((path) => statusOf(insider, path)));
  const reached = spellings.filter((_, index) => answers[index] === 200);
  expect(reached).toEqual([]);
  expect(await statusOf(insider, '/secrets')).toBe(200);
  claim('authorization-when', 'spellings of a denied path, all refused:', spellings.length);
});

test('bytes that are not HTTP meet a deny with conditions', async () => {
  const { body } = await insider.tcp({
    host: target,
    port: 8080,
    send: 'PING\r\nnot http at all\r\n\r\n',
    expectBytes: 1,
  });
  expect(body).not.toContain('200');
  const heard = await mesh.pod('c/ratings').appLog();
  expect(heard).not.toContain('not http');
});

describe('a guardrail of the root namespace', () => {
  const selected = {
    kind: 'Namespace',
    selector: { matchLabels: { 'skerry.dev/inject': 'enabled' } },
  };
  const guard = manifest(
    trafficPolicy('skerry-system/guardrail', {
      targetRefs: [selected],
      inbound: {
        authorization: {
          default: 'Deny',
          deny: [{ name: 'no-intruder', when: [{ header: 'x-intruder', values: ['*'] }] }],
        },
      },
    }),
  );

  test('cannot be undone by the owner of a namespace', async () => {
    await mesh.writeManifest(guardFile, guard);
    await eventually('the guardrail', async () =>
      (await statusOf(insider, '/', ['x-intruder: me'])) === 403 ? true : undefined,
    );
    const owner = (targetRef: object, name: string) =>
      trafficPolicy(`c/${name}`, {
        targetRefs: [targetRef],
        inbound: {
          mtls: { mode: 'Permissive' },
          authorization: { default: 'Allow', allow: [{ name: 'all' }] },
        },
      });
    await mesh.writeManifest(
      ownerFile,
      manifest(
        owner({ kind: 'Namespace' }, 'open-namespace'),
        owner({ kind: 'Service', name: 'ratings' }, 'open-service'),
        owner({ kind: 'Service', name: 'ratings', sectionName: 'http' }, 'open-port'),
        owner({ kind: 'Pod', selector: { matchLabels: { app: 'ratings' } } }, 'open-pods'),
      ),
    );
    // The owner's word counts where the guardrail says nothing.
    await eventually('the owner’s allow', async () =>
      (await statusOf(outsider, '/')) === 200 ? true : undefined,
    );
    expect(await statusOf(insider, '/', ['x-intruder: me'])).toBe(403);
    expect(await statusOf(outsider, '/', ['x-intruder: '])).toBe(403);
    await untilLogged(mesh, 'c/ratings', ['skerry-system/guardrail/no-intruder']);
  });

  test('holds the default as well: what no allow rule admits stays out', async () => {
    await mesh.writeManifest(
      ownerFile,
      manifest(
        trafficPolicy('c/open-pods', {
          targetRefs: [{ kind: 'Pod', selector: { matchLabels: { app: 'ratings' } } }],
          inbound: { authorization: { default: 'Allow' } },
        }),
      ),
    );
    await eventually('the end of the owner’s allow', async () =>
      (await statusOf(outsider, '/')) === 403 ? true : undefined,
    );
    await statusOf(outsider, '/by-default');
    await untilLogged(mesh, 'c/ratings', ['"/by-default"', 'skerry-system/guardrail/default']);
  });
});
