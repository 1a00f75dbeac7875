/**
 * Which test shows with traffic that a field does what it says. A key stands for the field it names
 * and for all below it that have no entry of their own. Add yours when the parser takes a new field.
 */

/** A test with traffic: the file below `e2e/`, and the beginning of its name there. */
export interface Proof {
  readonly file: string;
  readonly test: string;
}

const suite = (name: string, test: string): Proof => ({
  file: `suites/${name}/${name}.e2e.ts`,
  test,
});
const long = (name: string, test: string): Proof => ({
  file: `long/${name}/${name}.e2e.ts`,
  test,
});
const cluster = (name: string, test: string): Proof => ({
  file: `cluster/${name}/${name}.e2e.ts`,
  test,
});

const placement = (name: string, test: string): Proof => ({
  file: `suites/outbound-placement/${name}.e2e.ts`,
  test,
});

const shape = suite('routes', 'matches');
const backends = suite('routes', 'may be %s');
const byCaller = suite('routes', '%s');
const limits = (test: string): Proof => suite('outbound-limits', test);
const balancing = (test: string): Proof => suite('outbound-balancing', test);
const timeouts = (test: string): Proof => suite('outbound-timeouts', test);
const retries = (test: string): Proof => suite('outbound-retries', test);

/** Shown by goldens and unit tests only; with all below them. Take them out when they have a test with traffic. */
export const withoutTraffic: readonly string[] = [];

/** Field to test. */
export const proofs: Readonly<Record<string, Proof>> = {
  'spec.targetRefs': timeouts('of the mesh holds for every call'),
  'spec.targetRefs[].name': timeouts('of the Service is nearer than its namespace’s'),
  'spec.targetRefs[].namespace': suite('routes', 'replaces the producer’s routes'),
  'spec.targetRefs[].selector': timeouts('of the caller’s own pods is nearest'),
  'spec.targetRefs[].sectionName': timeouts('of one port of the Service is nearer'),
  'spec.mode': suite('audit', 'lets HTTP requests pass'),
  'spec.routes': shape,
  'spec.routes[].matches': byCaller,
  'spec.routes[].matches[].headers': suite('routes', 'not when the header %s is %s'),
  ...Object.fromEntries(
    ['spiffe', 'cidr', 'namespaceSelector'].map((condition) => [
      `spec.routes[].matches[].from[].${condition}`,
      suite('routes', 'by %s: this one, and not another'),
    ]),
  ),
  'spec.routes[].backends': backends,
  'spec.routes[].backends[].weight': suite('routes', 'are chosen by weight'),
  'spec.routes[].rewrite': suite('routes', 'rewrite the whole path and the host'),
  'spec.routes[].rewrite.path.prefix': suite('routes', 'rewrite a prefix, by segments'),
  'spec.routes[].redirect': suite('routes', 'redirect to another scheme, host, port and path'),
  'spec.routes[].redirect.path.prefix': suite('routes', 'redirect to another prefix'),
  'spec.routes[].requestHeaders': suite('routes', 'set, add and remove headers of requests'),
  'spec.routes[].responseHeaders': suite('routes', 'set, add and remove headers of responses'),
  'spec.routes[].mirror': suite('routes', 'a mirror receives every request'),
  'spec.routes[].fault': suite('fault', 'and abort together'),
  'spec.routes[].fault.delay': suite('fault', 'holds its share back'),
  'spec.routes[].fault.abort': suite('fault', 'answers its share'),
  'spec.routes[].fault.abort.grpcStatus': suite('fault', 'gives gRPC calls a status of their own'),
  'spec.routes[].timeout': suite('routes', 'a timeout is answered 504 in its time'),
  'spec.routes[].retries': retries('a route’s retries go before the Service’s'),
  'spec.outbound': timeouts('of the mesh holds for every call'),
  'spec.outbound.timeouts.connect': timeouts('is a second, and what a policy says'),
  'spec.outbound.timeouts.request': timeouts('of the Service is nearer'),
  'spec.outbound.timeouts.idle': timeouts('closes a connection without calls'),
  'spec.outbound.retries': retries('attempts: as many and no more'),
  'spec.outbound.retries.perTryTimeout': retries('perTryTimeout: each attempt is cut'),
  'spec.outbound.retries.backoff': retries('backoff: attempts are as far apart'),
  'spec.outbound.retries.statusCodes': retries('statusCodes, and of other statuses nothing'),
  'spec.outbound.retries.budget': retries('budget: retries under load stay within it'),
  'spec.outbound.connections.max': limits('max and maxPending'),
  'spec.outbound.connections.maxPending': limits('max and maxPending'),
  'spec.outbound.connections.maxRequests': limits('maxRequests: calls beyond it'),
  'spec.outbound.connections.maxRequestsPerConnection': limits('maxRequestsPerConnection'),
  'spec.outbound.connections.tcpKeepalive': limits('tcpKeepalive: TCP asks for life'),
  'spec.outbound.outlierDetection': limits('consecutive5xx: it is left out'),
  'spec.outbound.outlierDetection.consecutiveGatewayErrors': limits('consecutiveGatewayErrors'),
  'spec.outbound.outlierDetection.maxEjectedPercent': limits('maxEjectedPercent'),
  'spec.outbound.outlierDetection.successRate': limits('successRate: who fails more often'),
  'spec.outbound.loadBalancing': placement('outbound-locality', 'a zone is drained'),
  'spec.outbound.loadBalancing.failover': placement('outbound-failover', 'a Service is drained'),
  'spec.outbound.loadBalancing.algorithm': balancing('RoundRobin goes on to the next'),
  'spec.outbound.loadBalancing.hashOn': balancing('hashOn a header'),
  'spec.outbound.loadBalancing.hashOn.cookie': balancing('hashOn a cookie'),
  'spec.outbound.loadBalancing.hashOn.sourceIP': balancing('hashOn the caller’s address'),
  'spec.outbound.loadBalancing.hashOn.queryParam': balancing('hashOn a query parameter'),
  'spec.outbound.loadBalancing.slowStart': balancing('slowStart: a new server gets'),
  'spec.outbound.tls': suite('outbound-tls', 'an endpoint outside the mesh gets no call'),
  'spec.outbound.egress': suite(
    'services',
    '%s is reached under AllowAny, and not under KnownOnly',
  ),
  'spec.outbound.egress.allow': suite('egress', 'explain names the YAML behind each verdict'),
  'spec.outbound.egress.allow[].host': suite('egress', 'TLS passes by its SNI'),
  'spec.outbound.egress.allow[].cidr': suite('egress', 'a block passes on its ports'),
  'spec.outbound.egress.allow[].ports': suite('egress', 'HTTP passes by its Host, port and all'),
  'spec.inbound': cluster('authorization', 'A is refused by C'),
  'spec.inbound.mtls': cluster('mtls', 'TLS without a certificate of the mesh is not answered'),
  'spec.inbound.mtls.ports': long('inbound-mtls', 'one port is Strict and the others are not'),
  'spec.inbound.mtls.floor': long('inbound-mtls', 'is not lowered by %s'),
  'spec.inbound.authorization': cluster('authorization', 'A is refused by C'),
  'spec.inbound.authorization.default': suite('authorization-when', 'holds the default as well'),
  'spec.inbound.authorization.deny': suite('authorization-when', 'holds together with the paths'),
  ...Object.fromEntries(
    ['deny', 'allow'].map((list) => [
      `spec.inbound.authorization.${list}[].from`,
      suite('authorization-oracle', 'sidecars and explain admit what the algebra admits'),
    ]),
  ),
  'spec.inbound.authorization.deny[].when': suite('authorization-when', 'answers %j with %d'),
  'spec.inbound.authorization.allow[].when': suite('authorization-when', 'answers %j with %d'),
  'spec.inbound.authorization.allow[].when[].claim': suite('jwt', 'opens what its claims open'),
  'spec.inbound.authorization.allow[].when[].issuer': suite('jwt', 'of another issuer opens'),
  'spec.inbound.connections': suite('inbound-connections', 'what comes beyond the limit is closed'),
  'spec.inbound.rateLimit': suite('rate-limit', 'no more are let in than the rate and the burst'),
  'spec.inbound.rateLimit.perIdentity': suite('rate-limit', 'one who calls too often is refused'),
  'spec.inbound.jwt': suite('jwt', '%s is refused, even where none is asked for'),
  'spec.inbound.jwt.issuers[].jwks.configMap': suite('jwt', 'a ConfigMap that is no key set'),
  'spec.inbound.jwt.issuers[].jwks.url': long('jwt-fetched-keys', 'keys are rotated under load'),
  'spec.inbound.jwt.issuers[].forward': suite('jwt', 'is not shown to the app unless'),
  'spec.inbound.jwt.issuers[].claimToHeaders': suite('jwt', 'say what the token says'),
};

/** What a field rests on: the nearest entry above it, itself included. */
export function proofOf(path: string): Proof | 'without traffic' | undefined {
  if (withoutTraffic.some((key) => isWithin(path, key))) return 'without traffic';
  const [nearest] = Object.keys(proofs)
    .filter((key) => isWithin(path, key))
    .sort((a, b) => b.length - a.length);
  return nearest === undefined ? undefined : proofs[nearest];
}

function isWithin(path: string, key: string): boolean {
  return path === key || path.startsWith(`${key}.`) || path.startsWith(`${key}[]`);
}
