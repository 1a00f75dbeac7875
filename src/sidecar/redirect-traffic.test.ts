/** The rules in force: real connections in network namespaces. Needs root. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { applyRedirect, RedirectError } from './apply-redirect.js';
import { createTestPod, type Arrival, type Caller, type TestPod } from './test-kit.js';

const options = {
  families: ['v4', 'v6'],
  excludeInboundPorts: [9000],
  excludeOutboundPorts: [5432],
  excludeOutboundCidrs: ['10.88.0.0/16', 'fd88::/16'],
} as const;
const inPod = [8080, 9000, 15001, 15006, 15021, 15090];
const app: Caller = { uid: 1000, gid: 1000 };
const proxy: Caller = { uid: 1774, gid: 1774 };
const foreignRule = '-A OUTPUT -d 192.0.2.1/32 -p tcp -j RETURN';

let pod: TestPod;

beforeAll(async () => {
  pod = createTestPod('r');
  for (const program of ['iptables', 'ip6tables']) {
    await pod.run(program, ['-t', 'nat', '-A', 'OUTPUT', ...foreignRuleOf(program)], '');
  }
  await applyRedirect({ ...options, run: pod.run });
  for (const family of ['v4', 'v6'] as const) {
    await pod.listen(pod.pod, family, inPod);
    await pod.listen(pod.outside, family, [53, 5432, 8080]);
  }
});

afterAll(async () => {
  await pod.remove();
});

function foreignRuleOf(program: string): readonly string[] {
  const destination = program === 'iptables' ? '192.0.2.1/32' : '2001:db8::1/128';
  return ['-d', destination, '-p', 'tcp', '-j', 'RETURN'];
}

async function saved(family: 'v4' | 'v6' = 'v4'): Promise<string> {
  const program = family === 'v4' ? 'iptables-nft-save' : 'ip6tables-nft-save';
  const { stdout } = await pod.run(program, ['-t', 'nat'], '');
  return stdout.replace(/^#.*\n/gm, '').replace(/\[\d+:\d+\]/g, '');
}

function redirectedTo(port: number, original: string): Partial<Arrival> {
  return { port, original };
}

test.each<[string, Caller, string, number, Partial<Arrival>]>([
  ['the app calling a virtual IP', app, '10.96.0.1', 80, redirectedTo(15001, '10.96.0.1:80')],
  ['the app calling a pod', app, '10.77.0.1', 8080, redirectedTo(15001, '10.77.0.1:8080')],
  [
    'root calling a pod',
    { uid: 0, gid: 0 },
    '10.77.0.1',
    8080,
    redirectedTo(15001, '10.77.0.1:8080'),
  ],
  ['the app calling an excluded port', app, '10.77.0.1', 5432, { port: 5432, peer: '10.77.0.2' }],
  ['the app calling an excluded CIDR', app, '10.88.0.1', 8080, { port: 8080, peer: '10.77.0.2' }],
  ['the app asking DNS over TCP', app, '10.77.0.1', 53, { port: 53, peer: '10.77.0.2' }],
  ['the app calling loopback', app, '127.0.0.1', 8080, { port: 8080, peer: '127.0.0.1' }],
  [
    "the app calling its own pod's address",
    app,
    '10.77.0.2',
    8080,
    { port: 8080, peer: '10.77.0.2' },
  ],
  ['the sidecar calling a pod', proxy, '10.77.0.1', 8080, { port: 8080, peer: '10.77.0.2' }],
  [
    'the gid of the sidecar calling a pod',
    { uid: 1000, gid: 1774 },
    '10.77.0.1',
    8080,
    { port: 8080 },
  ],
  [
    'the sidecar calling its own pod',
    proxy,
    '10.77.0.2',
    8080,
    redirectedTo(15006, '10.77.0.2:8080'),
  ],
  ['the sidecar calling an excluded port of its own pod', proxy, '10.77.0.2', 9000, { port: 9000 }],
  ['the sidecar calling loopback', proxy, '127.0.0.1', 8080, { port: 8080, peer: '127.0.0.1' }],
  [
    'the sidecar handing a call to its app',
    { ...proxy, source: '127.0.0.6' },
    '10.77.0.2',
    8080,
    { port: 8080, peer: '127.0.0.6' },
  ],
  ['IPv6: the app calling a virtual IP', app, 'fd96::1', 80, redirectedTo(15001, 'fd96::1:80')],
  ['IPv6: the app calling an excluded CIDR', app, 'fd88::1', 8080, { port: 8080, peer: 'fd77::2' }],
  ['IPv6: the app calling loopback', app, '::1', 8080, { port: 8080, peer: '::1' }],
  ['IPv6: the sidecar calling a pod', proxy, 'fd77::1', 8080, { port: 8080, peer: 'fd77::2' }],
  [
    'IPv6: the sidecar calling its own pod',
    proxy,
    'fd77::2',
    8080,
    redirectedTo(15006, 'fd77::2:8080'),
  ],
  [
    'IPv6: the sidecar handing a call to its app',
    { ...proxy, source: '::6' },
    'fd77::2',
    8080,
    { port: 8080, peer: '::6' },
  ],
])('%s arrives where it should', (_what, caller, host, port, arrival) => {
  expect(pod.call(pod.pod, caller, host, port)).toMatchObject(arrival);
});

test.each<[string, string, number, Partial<Arrival>]>([
  ['a port of the app', '10.77.0.2', 8080, redirectedTo(15006, '10.77.0.2:8080')],
  ['a port where nobody listens', '10.77.0.2', 1, redirectedTo(15006, '10.77.0.2:1')],
  ['the outbound port', '10.77.0.2', 15001, redirectedTo(15006, '10.77.0.2:15001')],
  ['an excluded port', '10.77.0.2', 9000, { port: 9000 }],
  ['readiness', '10.77.0.2', 15021, { port: 15021 }],
  ['metrics', '10.77.0.2', 15090, { port: 15090 }],
  ['IPv6: a port of the app', 'fd77::2', 8080, redirectedTo(15006, 'fd77::2:8080')],
  ['IPv6: readiness', 'fd77::2', 15021, { port: 15021 }],
])('a call from outside to %s arrives where it should', (_what, host, port, arrival) => {
  expect(pod.call(pod.outside, app, host, port)).toMatchObject(arrival);
});

test('applying twice is applying once, and rules of others stay', async () => {
  const before = [await saved('v4'), await saved('v6')];
  await applyRedirect({ ...options, run: pod.run });
  expect([await saved('v4'), await saved('v6')]).toEqual(before);
  expect(before[0]).toContain(foreignRule);
});

test('other exclusions replace the former ones, and the former come back', async () => {
  const before = await saved();
  await applyRedirect({ families: ['v4'], excludeOutboundPorts: [6379], run: pod.run });
  const changed = await saved();
  expect(changed).toContain('--dport 6379');
  expect(changed).not.toContain('--dport 5432');
  await applyRedirect({ ...options, run: pod.run });
  expect(await saved()).toBe(before);
});

test('rules that the kernel refuses leave the old ones whole', async () => {
  const before = await saved();
  const refused = {
    families: ['v4'],
    excludeOutboundCidrs: ['999.0.0.0/8'],
    run: pod.run,
  } as const;
  await expect(applyRedirect(refused)).rejects.toThrow(RedirectError);
  expect(await saved()).toBe(before);
});

test('wrong options are refused before anything runs', async () => {
  const run = (): Promise<never> => Promise.reject(new Error('nothing should run'));
  const refused = applyRedirect({ families: ['v4'], excludeOutboundPorts: [0], run });
  await expect(refused).rejects.toThrow('expected a port from 1 to 65535, found 0');
});

test('a machine without iptables is told so', async () => {
  const run = (): Promise<never> => Promise.reject(new Error('ENOENT'));
  await expect(applyRedirect({ families: ['v4'], run })).rejects.toThrow(
    'is iptables (nft) installed',
  );
});
