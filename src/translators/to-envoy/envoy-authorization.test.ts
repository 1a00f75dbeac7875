/** Rules under real requests, and the judge of `skerry explain` beside them: both must say the same. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AuthorizationIr, InboundPortIr } from '../../ir/index.js';
import { spiffeId } from '../../model/index.js';
import { judge } from '../simulate/judge.js';
import type { Certificate } from './testing/certificates.js';
import { exchange, headersOf, startBeforeOneApp, type OneAppEnvoy } from './testing/one-app.js';
import type { RealEnvoy } from './testing/real-envoy.js';
import { idOf, inboundPortOf, onlyAllow, open, rule } from './testing/samples.js';

const when = (name: string, ...values: readonly string[]) => ({
  when: [{ kind: 'header' as const, name, values }],
});
const allows = (name: string, ...values: readonly string[]): AuthorizationIr =>
  onlyAllow(rule('shop/p/a', when(name, ...values)));
const denies = (name: string, ...values: readonly string[]): AuthorizationIr => ({
  ...open,
  deny: [rule('shop/p/d', when(name, ...values))],
});

/** Header lines as they are sent, and what comes of them. */
type Call = readonly [lines: readonly string[], verdict: 'admitted' | 'refused'];

const cases: readonly { fact: string; rules: AuthorizationIr; calls: readonly Call[] }[] = [
  {
    fact: 'an allow takes exactly the value',
    rules: allows('x-env', 'prod', 'stage'),
    calls: [
      [['x-env: prod'], 'admitted'],
      [['X-Env:   stage  '], 'admitted'],
      [[], 'refused'],
      [['x-env: production'], 'refused'],
      [['x-env: Prod'], 'refused'],
      [['x-env: '], 'refused'],
      [['x-env: prod', 'x-env: prod'], 'refused'],
      [['x-env: test', 'x-env: prod'], 'refused'],
      [['x-env: prod, test'], 'refused'],
      [['x_env: prod'], 'refused'],
    ],
  },
  {
    fact: 'an allow takes a prefix, behind which no second value hides',
    rules: allows('x-env', 'prod.*'),
    calls: [
      [['x-env: prod.eu'], 'admitted'],
      [['x-env: prod.'], 'admitted'],
      [['x-env: prodxeu'], 'refused'],
      [['x-env: prod.eu', 'x-env: test'], 'refused'],
      [['x-env: prod.eu,test'], 'refused'],
    ],
  },
  {
    fact: 'an asterisk alone asks for the header',
    rules: allows('x-env', '*'),
    calls: [
      [['x-env: a,b'], 'admitted'],
      [['x-env: '], 'admitted'],
      [['x-en: a'], 'refused'],
    ],
  },
  {
    fact: 'a deny finds its value among others',
    rules: denies('x-env', 'test', 'a b'),
    calls: [
      [['x-env: test'], 'refused'],
      [['x-env: prod', 'x-env: test'], 'refused'],
      [['x-env: test', 'x-env: prod'], 'refused'],
      [['x-env: prod , test ,x'], 'refused'],
      [['x-env: \u00ff', 'x-env: test', 'x-env: \u00ff'], 'refused'],
      [['x-env: x, a b, c'], 'refused'],
      [['x-env: prod'], 'admitted'],
      [['x-env: testing'], 'admitted'],
      [['x-env: x test'], 'admitted'],
      [['x-env: a', 'x-env: b'], 'admitted'],
      [[], 'admitted'],
    ],
  },
  {
    fact: 'a deny finds its prefix among others',
    rules: denies('x-env', 'te*'),
    calls: [
      [['x-env: \u00ff, test\u00ff'], 'refused'],
      [['x-env: prod', 'x-env: te'], 'refused'],
      [['x-env: a te'], 'admitted'],
      [['x-env: t'], 'admitted'],
    ],
  },
  {
    fact: 'the name of the host is compared as well',
    rules: allows('host', 'shop.example'),
    calls: [
      [['host: shop.example'], 'admitted'],
      [['host: other.example'], 'refused'],
    ],
  },
  {
    fact: 'all conditions of a rule hold together',
    rules: onlyAllow(
      rule('shop/p/a', {
        to: [{ methods: ['GET'], paths: ['/x'] }],
        when: [...when('x-env', 'prod').when, ...when('x-team', 'blue*').when],
      }),
    ),
    calls: [
      [['x-env: prod', 'x-team: blue-1'], 'admitted'],
      [['x-env: prod'], 'refused'],
      [['x-team: blue'], 'refused'],
    ],
  },
];

let running: OneAppEnvoy;
let envoy: RealEnvoy;
let certificate: Certificate;

const portOf = (index: number): number => 20_000 + index;
const ports: readonly InboundPortIr[] = cases.map(({ rules }, index) =>
  inboundPortOf({ port: portOf(index), http: rules }),
);

beforeAll(async () => {
  running = await startBeforeOneApp(ports);
  ({ envoy } = running);
  certificate = running.authority.issue('a', idOf('a'));
});

afterAll(() => running.close());

const verdicts: Readonly<Record<number, string>> = { 200: 'admitted', 403: 'refused' };

async function ask(port: number, lines: readonly string[]): Promise<string> {
  const envoyPort = envoy.port('inbound');
  const { status, text } = await exchange({ envoyPort, port, certificate, lines });
  return verdicts[status] ?? text;
}

describe.each(cases.map((one, index) => ({ ...one, index })))('$fact', ({ calls, index }) => {
  test.each(calls)('%j is %s', async (lines, verdict) => {
    const port = ports[index];
    if (port === undefined) throw new Error('no port');
    const caller = {
      spiffeId: spiffeId('cluster.local', 'a', 'a'),
      ip: '127.0.0.9',
      usesMtls: true,
    };
    const request = { method: 'GET', path: '/x', headers: headersOf(lines), isHttp: true };
    expect(judge(port, caller, request).verdict).toBe(verdict);
    expect(await ask(portOf(index), lines)).toBe(verdict);
  });
});
