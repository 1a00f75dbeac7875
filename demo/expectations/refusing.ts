/** Calls that policy refuses, and where the refusal can be read. */
import { allOf, say, type DemoContext, type Expectation, type Finding } from '../expectation.js';
import { findLogLine } from '../access-log.js';
import { get } from './reaching.js';

const deniedHttp: Expectation = {
  name: 'A → C is refused with 403, and C’s access log names the policy',
  check: async (context) => {
    const result = await get(
      context,
      { from: 'a/frontend', to: 'c/ratings' },
      { url: 'http://ratings.c:8080/' },
    );
    const logged = await findLogLine(context.mesh, 'c/ratings', 'c/callers/');
    return allOf([
      [say(result), result.status === 403],
      [logged ?? 'no line of the access log names c/callers/…', logged !== undefined],
    ]);
  },
};

/** Ways to write /admin/keys that a server may take for it; refused as such or as malformed. */
const disguises = [
  '//admin/keys',
  '/x/../admin/keys',
  '/./admin/keys',
  '/%61dmin/keys',
  '/x/%2e%2e/admin/keys',
  '/admin%2Fkeys',
  '/admin\\keys',
];

const deniedPath: Expectation = {
  name: 'B → C at a forbidden path is refused with 403, and the access log names the rule',
  check: async (context) => {
    const way = { from: 'b/reviews-v1', to: 'c/ratings' };
    const url = 'http://ratings.c:8080/admin/keys';
    const result = await get(context, way, { url });
    const logged = await findLogLine(context.mesh, 'c/ratings', 'c/ratings-paths/no-admin');
    return allOf([
      [say(result), result.status === 403],
      [logged ?? 'no line of the access log names c/ratings-paths/no-admin', logged !== undefined],
    ]);
  },
};

const disguisedPath: Expectation = {
  name: 'the forbidden path is refused however it is written',
  check: async ({ mesh }) => {
    const agent = await mesh.agent('b/reviews-v1');
    const tries = await Promise.all(
      disguises.map(async (rawPath) => ({
        rawPath,
        result: await agent.http({ url: 'http://ratings.c:8080/', rawPath }),
      })),
    );
    return allOf(
      tries.map(({ rawPath, result }) => [
        `${rawPath}: ${String(result.status)}`,
        (result.status === 403 || result.status === 400) && result.version === null,
      ]),
    );
  },
};

function deniedTcp(options: {
  readonly name: string;
  readonly from: string;
  /** How the name of the rule begins that refuses it. */
  readonly rule: string;
}): Expectation {
  const { name, from, rule } = options;
  return {
    name,
    check: async ({ mesh, marker, record }): Promise<Finding> => {
      const agent = await mesh.agent(from);
      const before = await mesh.pod('c/ledger').appLog();
      const result = await record(
        { from, to: 'c/ledger', protocol: 'tcp' },
        agent.tcp({ host: 'ledger.c', port: 7000, send: marker, expectBytes: marker.length }),
      );
      const logged = await findLogLine(mesh, 'c/ledger', rule);
      const after = (await mesh.pod('c/ledger').appLog()).slice(before.length);
      return allOf([
        [say(result), result.status === 'closed' && result.body === ''],
        ['the app got no byte', !after.includes('first-bytes')],
        [logged ?? `no line of the access log names ${rule}`, logged !== undefined],
      ]);
    },
  };
}

const undeclaredPort: Expectation = {
  name: 'a port that no Service declares obeys Strict and authorization',
  check: async ({ mesh, marker, record }) => {
    const { ip } = mesh.pod('c/ratings').manifest;
    const call = async (from: string): ReturnType<DemoContext['record']> => {
      const agent = await mesh.agent(from);
      const url = `http://${ip}:9999/`;
      return await record(
        { from, to: `${ip}:9999`, protocol: 'http' },
        agent.http({ url, headers: { 'x-demo-text': marker } }),
      );
    };
    const [fromA, fromB] = [await call('a/frontend'), await call('b/reviews-v1')];
    const fromOutside = await call('outside/legacy');
    return allOf([
      [`b/reviews-v1: ${say(fromB)}`, fromB.status === 200],
      [`a/frontend: ${say(fromA)}`, fromA.status !== 200],
      [`outside/legacy: ${say(fromOutside)}`, fromOutside.status === null],
    ]);
  },
};

/** In the order shown. */
export const refusingExpectations: readonly Expectation[] = [
  deniedHttp,
  deniedPath,
  disguisedPath,
  deniedTcp({
    name: 'A → C by TCP is closed before a byte reaches the app',
    from: 'a/frontend',
    rule: 'c/callers/',
  }),
  deniedTcp({
    name: 'B → C by TCP is closed for the one workload that a TCP rule names',
    from: 'b/greeter',
    rule: 'c/ledger-callers/no-greeter',
  }),
  undeclaredPort,
];
