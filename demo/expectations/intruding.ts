/** Callers that have no place in the mesh: plaintext into Strict, and certificates of other authorities. */
import { join } from 'node:path';
import { identityOf } from '../identities.js';
import { allOf, say, type DemoContext, type Expectation } from '../expectation.js';
import { foreignIdentity, type CallResult } from '../rig/index.js';

const intruder = 'outside/legacy';

async function plainCall(
  { mesh, record }: DemoContext,
  to: string,
  url: string,
): Promise<CallResult> {
  const agent = await mesh.agent(intruder);
  return await record({ from: intruder, to, protocol: 'http' }, agent.http({ url }));
}

const plaintext: Expectation = {
  name: 'plaintext from outside into a Strict workload fails, into a Permissive one it does not',
  check: async (context) => {
    const strict = await plainCall(context, 'b/reviews', 'http://reviews.b/');
    const strictToo = await plainCall(context, 'c/ratings', 'http://ratings.c:8080/');
    const permissive = await plainCall(context, 'a/frontend', 'http://frontend.a/');
    return allOf([
      [`b (Strict): ${say(strict)}`, strict.status === null],
      [`c (Strict): ${say(strictToo)}`, strictToo.status === null],
      [`a (Permissive): ${say(permissive)}`, permissive.status === 200],
      ['a saw no identity', permissive.peerSpiffeId === null],
    ]);
  },
};

const outward: Expectation = {
  name: 'a meshed workload reaches one outside, in plaintext',
  check: async ({ mesh, record }) => {
    const agent = await mesh.agent('a/frontend');
    const result = await record(
      { from: 'a/frontend', to: intruder, protocol: 'http' },
      agent.http({ url: 'http://legacy.outside/' }),
    );
    return allOf([[say(result), result.status === 200 && result.peerSpiffeId === null]]);
  },
};

/** The refusal must be the certificate's: an alert that names it (RFC 8446, section 6.2). */
const certificateAlert = /alert.*(unknown_?\s?ca|certificate)/i;

async function tlsCall(
  { mesh, record }: DemoContext,
  credentials: { readonly cert?: string; readonly key?: string },
): Promise<CallResult> {
  const agent = await mesh.agent(intruder);
  const { ip } = mesh.pod('c/ratings').manifest;
  return await record(
    { from: intruder, to: 'c/ratings', protocol: 'tls' },
    agent.tls({
      host: ip,
      port: 9080,
      alpn: ['skerry-http'],
      send: 'GET / HTTP/1.1\r\nhost: ratings.c\r\n\r\n',
      ...credentials,
    }),
  );
}

const foreignCertificates: Expectation = {
  name: 'a certificate of another authority is refused, whatever name it bears, and so is none',
  check: async (context) => {
    const folder = join(context.mesh.runDirectory, 'foreign-ca');
    const foreign = await foreignIdentity(folder, 'spiffe://elsewhere.example/ns/b/sa/reviews');
    const forged = await foreignIdentity(`${folder}-forged`, identityOf('b', 'reviews'));
    const attempts = [
      ['another trust domain', await tlsCall(context, foreign)],
      ['our trust domain’s name', await tlsCall(context, forged)],
      ['no certificate', await tlsCall(context, {})],
    ] as const;
    return allOf(
      attempts.map(([what, result]) => [
        `${what}: ${say(result)}`,
        result.body === '' && result.error !== null && certificateAlert.test(result.error),
      ]),
    );
  },
};

/** In the order shown. */
export const intrudingExpectations: readonly Expectation[] = [
  plaintext,
  outward,
  foreignCertificates,
];
