/** Random calls in the words of random policies and beside them, as they reach a server's sidecar. */
import fc from 'fast-check';
import type { Arrival, HttpRequest } from '../../../envoy/testing/judge-arrival.js';
import type { Token } from '../../../envoy/testing/judge-rules.js';
import { calledPorts, servers, type Server } from './small-mesh.js';

/** A call to a server. */
export interface RandomCall {
  readonly server: Server;
  readonly arrival: Arrival;
}

const one = fc.constantFrom;

/** Identities in certificates of one root, which random calls show. */
export const callIds = [
  'spiffe://cluster.local/ns/red/sa/one',
  'spiffe://cluster.local/ns/red/sa/two',
  'spiffe://cluster.local/ns/blue/sa/one',
  // A certificate of the same root with a name of no namespace, and one of another domain.
  'spiffe://cluster.local/ns/redder/sa/one',
  'spiffe://other.domain/ns/red/sa/one',
] as const;

const tls: fc.Arbitrary<Arrival['tls']> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(undefined) },
  {
    weight: 4,
    arbitrary: fc.record({
      alpn: one(['skerry-http'], ['skerry-http'], ['skerry-tcp']),
      uri: one(...callIds),
    }),
  },
  { weight: 1, arbitrary: one({ alpn: ['skerry-http'] }, { alpn: ['skerry-tcp'] }) },
  { weight: 1, arbitrary: one({ alpn: [] }, { alpn: ['h2', 'http/1.1'] }) },
);

const token: fc.Arbitrary<Token> = fc
  .record({
    issuer: one('https://sso.local', 'https://partner.local', 'https://stranger.local'),
    signer: one('https://sso.local', 'https://sso.local', 'https://partner.local'),
    isOwn: fc.nat({ max: 3 }),
    audience: one('shop', 'else'),
    groups: one('staff', ['x', 'staff'], 'other', undefined),
    level: one('low', undefined),
  })
  .map(({ issuer, signer, isOwn, audience, groups, level }) => ({
    ...{ issuer, audience },
    keyId: isOwn === 0 ? signer : issuer,
    claims: {
      iss: issuer,
      ...(groups === undefined ? {} : { groups }),
      ...(level === undefined ? {} : { level }),
    },
  }));

const request: fc.Arbitrary<HttpRequest> = fc
  .record(
    {
      method: one('GET', 'GET', 'POST', 'PUT'),
      path: one('/', '/a', '/a/b', '/api/x', '/b'),
      headers: fc.record(
        { 'x-env': one('prod', 'test', 'dev'), 'x-user': one('prod', 'none') },
        { requiredKeys: [] },
      ),
      credential: fc.oneof(
        { weight: 2, arbitrary: fc.constant(undefined) },
        { weight: 2, arbitrary: token },
        { weight: 1, arbitrary: one('bearer abc', 'Basic YTpi') },
      ),
    },
    { requiredKeys: ['method', 'path', 'headers'] },
  )
  .map(({ credential, ...rest }) => {
    if (credential === undefined) return rest;
    if (typeof credential === 'string') {
      return { ...rest, headers: { ...rest.headers, authorization: credential } };
    }
    const headers = { ...rest.headers, authorization: 'Bearer a.b.c' };
    return { ...rest, headers, token: credential };
  });

const call: fc.Arbitrary<RandomCall> = fc
  .record({
    server: one(...servers),
    port: one(...calledPorts, 8080),
    // Any address of 127/8 can be called from.
    peerIp: one('127.66.1.1', '127.66.1.2', '127.66.9.1', '127.66.1.9'),
    tls,
    http: fc.oneof(
      { weight: 3, arbitrary: request },
      { weight: 1, arbitrary: fc.constant(undefined) },
    ),
  })
  .map(({ server, port, peerIp, tls: transport, http }) => ({
    server,
    arrival: {
      ...{ port, peerIp },
      ...(transport === undefined ? {} : { tls: transport }),
      ...(http === undefined ? {} : { http }),
    },
  }));

/** The calls that a set of policies is tried with. */
export const calls: fc.Arbitrary<readonly RandomCall[]> = fc.array(call, {
  minLength: 150,
  maxLength: 150,
});
