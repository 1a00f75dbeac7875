/** Calls that policy admits: over mTLS, with the caller's identity seen by the server. */
import { identityOf } from '../identities.js';
import { allOf, say, type DemoContext, type Expectation } from '../expectation.js';
import { withLoggedPeer } from '../access-log.js';
import type { CallResult } from '../rig/index.js';

/** One GET with the demo's marker in a header. */
export async function get(
  { mesh, marker, record }: DemoContext,
  way: { readonly from: string; readonly to: string },
  call: {
    readonly url: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly rawPath?: string;
  },
): Promise<CallResult> {
  const agent = await mesh.agent(way.from);
  return await record(
    { ...way, protocol: 'http' },
    agent.http({
      url: call.url,
      ...(call.rawPath === undefined ? {} : { rawPath: call.rawPath }),
      method: 'POST',
      headers: { 'x-demo-text': marker, ...call.headers },
      body: marker,
    }),
  );
}

function httpCall(options: {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly url: string;
  readonly identity: string;
}): Expectation {
  return {
    name: options.name,
    check: async (context) => {
      const result = await get(context, options, options);
      return allOf([
        [say(result), result.status === 200 && result.peerSpiffeId === options.identity],
      ]);
    },
  };
}

const grpcCall: Expectation = {
  name: 'A → B by gRPC is answered, and the server sees who called',
  check: async ({ mesh, marker, record }) => {
    const agent = await mesh.agent('a/frontend');
    const result = await record(
      { from: 'a/frontend', to: 'b/greeter', protocol: 'grpc' },
      agent.grpc({ target: 'greeter.b:50051', name: marker }),
    );
    const isRight =
      result.status === 'OK' &&
      result.body === `hello ${marker}` &&
      result.peerSpiffeId === identityOf('a', 'frontend');
    return allOf([[say(result), isRight]]);
  },
};

const tcpEcho: Expectation = {
  name: 'B → C by TCP is echoed, and the server’s sidecar saw who called',
  check: async ({ mesh, marker, record }) => {
    const agent = await mesh.agent('b/reviews-v1');
    const result = await record(
      { from: 'b/reviews-v1', to: 'c/ledger', protocol: 'tcp' },
      withLoggedPeer(mesh, 'c/ledger', () =>
        agent.tcp({ host: 'ledger.c', port: 7000, send: marker, expectBytes: marker.length }),
      ),
    );
    const isRight = result.body === marker && result.peerSpiffeId === identityOf('b', 'reviews');
    return allOf([[say(result), isRight]]);
  },
};

const serverFirst: Expectation = {
  name: 'B → C by TCP where the server speaks first does not hang',
  check: async ({ mesh, record }) => {
    const agent = await mesh.agent('b/reviews-v1');
    const result = await record(
      { from: 'b/reviews-v1', to: 'c/mysql', protocol: 'tcp' },
      withLoggedPeer(mesh, 'c/mysql', () => agent.tcp({ host: 'mysql.c', port: 3306 })),
    );
    return allOf([[say(result), result.body.startsWith('welcome to mysql') && result.ms < 1_000]]);
  },
};

/** In the order shown. */
export const reachingExpectations: readonly Expectation[] = [
  httpCall({
    name: 'A → B is answered over mTLS, and the server sees who called',
    from: 'a/frontend',
    to: 'b/reviews',
    url: 'http://reviews.b/',
    identity: identityOf('a', 'frontend'),
  }),
  httpCall({
    name: 'B → C is answered over mTLS, and the server sees who called',
    from: 'b/reviews-v1',
    to: 'c/ratings',
    url: 'http://ratings.c:8080/',
    identity: identityOf('b', 'reviews'),
  }),
  httpCall({
    name: 'A → B by a headless Service reaches a pod by its own address, over mTLS',
    from: 'a/frontend',
    to: 'b/reviews-pods',
    url: 'http://reviews-pods.b:8080/',
    identity: identityOf('a', 'frontend'),
  }),
  grpcCall,
  tcpEcho,
  serverFirst,
];
