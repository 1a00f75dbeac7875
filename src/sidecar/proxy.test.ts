/** The command, readiness and drain, on a stock Envoy in a network namespace. Needs root. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { bootstrap } from './bootstrap.js';
import { proxyCommand } from './command.js';
import { drain, isReady, ProxyCallError } from './probe.js';
import { createTestPod, envoyPath, run, temporaryDirectory, type TestPod } from './test-kit.js';

const directory = temporaryDirectory();
const adminSocket = join(directory, 'admin.sock');
let pod: TestPod;
let envoy: ChildProcess | undefined;

function helloListener(name: string, direction: 'INBOUND' | 'OUTBOUND', port: number): object {
  const type = 'type.googleapis.com/envoy.extensions.filters';
  const routes = [
    { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: name } } },
  ];
  const manager = {
    '@type': `${type}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: name,
    route_config: { virtual_hosts: [{ name, domains: ['*'], routes }] },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': `${type}.http.router.v3.Router` },
      },
    ],
  };
  const filters = [
    { name: 'envoy.filters.network.http_connection_manager', typed_config: manager },
  ];
  return {
    name,
    traffic_direction: direction,
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [{ filters }],
  };
}

/** The bootstrap without a control plane, with listeners such as one would send. */
function standalone(): string {
  const made = bootstrap({
    nodeId: 'shop/cart-0',
    serviceAccount: 'cart',
    csr: '',
    podUid: 'uid-1',
    controlPlane: { address: '127.0.0.1', port: 1, serverName: 'skerry.local' },
    paths: { key: '/k', token: '/t', rootBundle: '/r', adminSocket, sdsDirectory: directory },
    adsVariant: 'delta',
    statsProfile: 'minimal',
  }).bootstrap as Record<string, Record<string, object[]>>;
  const [, admin] = made['static_resources']?.['clusters'] ?? [];
  const resources = {
    clusters: [admin],
    listeners: [
      ...(made['static_resources']?.['listeners'] ?? []),
      helloListener('in', 'INBOUND', 15006),
      helloListener('out', 'OUTBOUND', 15001),
      helloListener('readiness', 'OUTBOUND', 15021),
    ],
  };
  const path = join(directory, 'bootstrap.json');
  const config = { ...made, dynamic_resources: undefined, static_resources: resources };
  writeFileSync(path, JSON.stringify(config));
  return path;
}

async function untilPrinted(child: ChildProcess, pattern: RegExp): Promise<void> {
  let text = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (chunk) => {
      text += String(chunk);
      if (pattern.test(text)) resolve();
    });
    child.once('exit', () => {
      reject(new Error(`envoy ended: ${text}`));
    });
  });
}

const httpProgram = `
import http.client, json, sys
c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[2]), timeout=5)
c.request(sys.argv[1], sys.argv[3])
r = c.getresponse()
print(json.dumps({'status': r.status, 'connection': r.getheader('connection'), 'body': r.read().decode()}))
`;

interface Answer {
  readonly status: number;
  readonly connection: string | null;
  readonly body: string;
}

async function ask(method: string, port: number, path: string): Promise<Answer> {
  const answer = await pod.run('python3', ['-c', httpProgram, method, String(port), path], '');
  if (answer.status !== 0) throw new Error(answer.stderr);
  return JSON.parse(answer.stdout) as Answer;
}

beforeAll(async () => {
  pod = createTestPod('p');
  const { file, args } = proxyCommand({
    envoyPath: envoyPath(),
    bootstrapPath: standalone(),
    runAs: 'caller',
    concurrency: 1,
    logLevel: 'info',
  });
  const stdio = ['ignore', 'ignore', 'pipe'] as const;
  envoy = spawn('ip', ['netns', 'exec', pod.pod, file, ...args], { stdio: [...stdio] });
  await untilPrinted(envoy, /starting workers/);
});

afterAll(async () => {
  const child = envoy;
  if (child?.exitCode === null) {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill();
    await gone;
  }
  await pod.remove();
});

test('the command becomes the proxy, without capabilities and without a way back', () => {
  const script = join(directory, 'status.sh');
  writeFileSync(script, '#!/bin/sh\nexec cat /proc/self/status\n');
  chmodSync(script, 0o755);
  chmodSync(directory, 0o755);
  const { file, args } = proxyCommand({ envoyPath: script, bootstrapPath: 'x', runAs: 'proxy' });
  const { stdout } = run(file, args);
  expect(stdout).toMatch(/^Uid:\t1774\t1774\t1774\t1774$/m);
  expect(stdout).toMatch(/^Gid:\t1774\t1774\t1774\t1774$/m);
  expect(stdout).toMatch(/^Groups:\t *$/m);
  expect(stdout).toMatch(/^CapEff:\t0+$/m);
  expect(stdout).toMatch(/^CapBnd:\t0+$/m);
  expect(stdout).toMatch(/^NoNewPrivs:\t1$/m);
});

test('the admin socket is for its owner alone', () => {
  expect(statSync(adminSocket).mode & 0o777).toBe(0o600);
});

test('metrics are served on their port', async () => {
  const { status, body } = await ask('GET', 15090, '/stats/prometheus');
  expect(status).toBe(200);
  expect(body).toMatch(/^envoy_server_live\{[^}]*\} 1$/m);
});

test.each([
  ['POST', '/stats/prometheus'],
  ['GET', '/'],
  ['GET', '/config_dump'],
  ['GET', '/stats/prometheus/../../config_dump'],
  ['POST', '/quitquitquit'],
])('%s %s on the metrics port is not found', async (method, path) => {
  expect(await ask(method, 15090, path)).toMatchObject({ status: 404 });
});

test('draining closes inbound connections after their answer and leaves outbound alone', async () => {
  expect(await ask('GET', 15006, '/')).toMatchObject({ status: 200, connection: null });
  await drain({ adminSocket });
  expect(await ask('GET', 15006, '/')).toMatchObject({ status: 200, connection: 'close' });
  expect(await ask('GET', 15001, '/')).toMatchObject({ status: 200, connection: null });
});

test('draining a sidecar that is not there is reported', async () => {
  await expect(drain({ adminSocket: join(directory, 'none') })).rejects.toThrow(ProxyCallError);
});

test.each([
  [200, true],
  [503, false],
])('a sidecar that answers %d is ready: %s', async (status, expected) => {
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/ready' ? status : 404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  expect(await isReady({ port })).toBe(expected);
  await new Promise((resolve) => server.close(resolve));
  expect(await isReady({ port })).toBe(false);
});
