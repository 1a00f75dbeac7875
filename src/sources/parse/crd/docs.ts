/** What each field means, by the end of its path: the descriptions in the CRD and on the reference page. */
import { fieldAt, fieldKey } from './field-table.js';

/** What is said of one field. */
export interface FieldDoc {
  /** A sentence without its full stop. */
  readonly text: string;
  /** What holds when it is absent. */
  readonly preset?: string;
}

type Entry = string | readonly [text: string, preset: string];

const targets: Readonly<Record<string, Entry>> = {
  spec: 'What is asked for; only targetRefs is required',
  'spec.targetRefs': 'Whom the policy is about: targets of one kind, each once',
  'targetRefs[].kind':
    'Service (calls to it), Pod (workloads, as servers and as clients), Namespace (all of this one) or Mesh (everything; in the root namespace only)',
  'targetRefs[].name': 'The name of the Service',
  'targetRefs[].namespace': [
    'The namespace of the Service; another one than the policy’s makes a consumer’s policy, for calls of this namespace only',
    'the policy’s own',
  ],
  'targetRefs[].sectionName': ['The name of one port of the Service', 'all ports'],
  'targetRefs[].selector':
    'Which pods, or (in the root namespace only) which namespaces, by their labels',
  'spec.mode': ['Enforce, Audit (report what would change, change nothing) or Disabled', 'Enforce'],
  matchLabels: 'Labels that must all be there with these values',
};

const routes: Readonly<Record<string, Entry>> = {
  'spec.routes': [
    'How calls to the target are routed: the first route that matches wins; where none does, 404',
    'every call goes to the target',
  ],
  'routes[].name': ['Names the rule in logs and in findings', 'rule-<index>'],
  'routes[].matches': ['Alternatives; all fields of one entry must hold together', 'everything'],
  'matches[].path': 'The path of the request, without its query',
  'path.type': ['How the value is compared; a prefix ends at a slash', 'PathPrefix'],
  'path.value':
    'What it is compared with; a regular expression is RE2’s and matches the whole path',
  'matches[].method': 'The method, in capitals',
  'matches[].headers': 'Headers that must all match',
  'headers[].name': 'The header’s name, in any case',
  'headers[].type': ['How the value is compared', 'Exact'],
  'headers[].value': 'What it is compared with; absent for Present',
  'matches[].queryParams': 'Parameters of the query that must all match',
  'queryParams[].name': 'The parameter’s name',
  'queryParams[].type': ['How the value is compared', 'Exact'],
  'queryParams[].value': 'What it is compared with; absent for Present',
  'matches[].from': ['Only calls of these callers', 'all callers'],
  'routes[].backends': ['Where calls go, split by weight', 'the target itself'],
  'backends[].service': 'The name of a Service',
  'backends[].subset': 'Labels of those endpoints of the target that are meant',
  'backends[].weight': [
    'The share among the weights, which need not add up to 100. The share of a backend that is missing or has no ready endpoint goes to the others, and to those of weight 0 when nobody else is left',
    '1',
  ],
  'routes[].rewrite': 'What the callee sees instead',
  'rewrite.path': 'The new path: of prefix and replace exactly one',
  'rewrite.hostname': 'The new Host header',
  'path.prefix': 'What the matched prefix becomes',
  'path.replace': 'What the whole path becomes',
  'routes[].redirect': 'Answers with a redirection instead of forwarding',
  'redirect.scheme': ['The scheme of the new URL', 'the request’s'],
  'redirect.hostname': ['The host of the new URL', 'the request’s'],
  'redirect.path': ['The path of the new URL', 'the request’s'],
  'redirect.port': ['The port of the new URL', 'the request’s'],
  'redirect.statusCode': ['The status of the answer', '302'],
  'routes[].requestHeaders': 'Changes to the headers that the callee sees',
  'routes[].responseHeaders': 'Changes to the headers that the caller sees',
  'Headers.set': 'Headers replaced, or added where they are absent',
  'Headers.add': 'Headers added beside those that are there',
  'Headers.remove': 'Names of headers taken away',
  'routes[].mirror': 'A Service that gets a copy of the calls; its answers are dropped',
  'mirror.percent': ['The share of calls that is copied', '100'],
  'routes[].fault':
    'Faults to try callers with, made by the caller’s sidecar before it forwards: neither timeout nor retries see them',
  'fault.delay': 'Holds calls back before they are forwarded',
  'fault.abort': 'Answers instead of the callee: with at least one of the statuses',
  'fault.delay.percent': ['The share of calls; 0.01 is one of 10,000', '100'],
  'fault.abort.percent': ['The share of calls; 0.01 is one of 10,000', '100'],
  'delay.duration': 'How long',
  'abort.httpStatus': [
    'The HTTP status of the answer; a gRPC call without grpcStatus gets the status that stands for it',
    'calls that are not gRPC’s are let through',
  ],
  'abort.grpcStatus': [
    'The status of the answer to gRPC calls (content-type application/grpc)',
    'the one that stands for httpStatus',
  ],
  'routes[].timeout': [
    'How long a call may take in all; 0s: without end',
    'as outbound.timeouts.request',
  ],
  'routes[].retries': ['When a call is tried again', 'as outbound.retries'],
};

const outbound: Readonly<Record<string, Entry>> = {
  'spec.outbound': 'How callers treat the target, or (Pod) how these pods call out',
  'outbound.timeouts': 'How long is waited',
  'timeouts.connect': ['For a connection', '1s'],
  'timeouts.request': ['For a whole call; 0s: without end', '0s'],
  'timeouts.idle': ['Before an HTTP connection without calls is closed; at most 1h', '10m'],
  'outbound.retries': 'When a call is tried again',
  'retries.attempts': ['How many times more; 0: never', '2'],
  'retries.retryOn': [
    'After which failures',
    'connect-failure, refused-stream, reset-before-request: what the callee cannot have processed',
  ],
  'retries.perTryTimeout': ['How long one attempt may take', 'the whole timeout'],
  'retries.backoff': 'How long is waited between attempts',
  'backoff.base': ['At first', '25ms'],
  'backoff.max': ['At most', '250ms'],
  'retries.statusCodes': 'Statuses that count as failures, with retriable-status-codes',
  'retries.budget': 'Bounds all retries to the callee together',
  'budget.percent': ['Of the calls under way', '20'],
  'budget.minConcurrent': ['So many are always allowed', '10'],
  'outbound.loadBalancing': 'Which endpoint gets a call',
  'loadBalancing.algorithm': ['How it is chosen', 'LeastRequest'],
  'loadBalancing.hashOn': 'What RingHash and Maglev hash: one of the fields',
  'hashOn.header': 'The value of this header',
  'hashOn.cookie': 'The value of a cookie, which is set where it is absent',
  'cookie.name': 'The cookie’s name',
  'cookie.ttl': ['How long a cookie that is set lives', 'the session'],
  'hashOn.sourceIP': 'The address of the caller: each pod keeps to one endpoint',
  'hashOn.queryParam': 'The value of this parameter of the query',
  'loadBalancing.slowStart': [
    'How long a new endpoint is brought up to its share, with LeastRequest and RoundRobin',
    '0s',
  ],
  'loadBalancing.locality': [
    'Whether endpoints in the caller’s zone come first, and others as healthy ones there run out (PreferZone), or are the only ones (Strict); zones are those of the label topology.kubernetes.io/zone of Nodes',
    'None, or PreferZone where the Service has spec.trafficDistribution',
  ],
  'loadBalancing.failover':
    'Services used in this order as healthy endpoints of the Service run out, in every zone; with outlierDetection all endpoints may be left out then, unless maxEjectedPercent is set',
  'failover[].service': 'The name of a Service',
  'outbound.connections': 'Limits per sidecar',
  'connections.max': ['Connections', 'never met by accident'],
  'connections.maxPending': ['Calls that wait for a connection', 'never met by accident'],
  'connections.maxRequests': ['Calls under way', 'never met by accident'],
  'connections.maxRequestsPerConnection': [
    'Calls before a connection is replaced; 0: no limit',
    '0',
  ],
  'connections.tcpKeepalive': [
    'How long a connection is idle before TCP asks for life; 0s: never',
    '0s',
  ],
  'outbound.outlierDetection': ['Leaves out endpoints that fail', 'none is left out'],
  'outlierDetection.consecutive5xx': [
    'So many answers of 5xx, or failed connections, in a row; 0: never for this',
    '0',
  ],
  'outlierDetection.consecutiveGatewayErrors': [
    'So many answers of 502, 503 or 504, or failed connections, in a row; 0: never for this',
    '0',
  ],
  'outlierDetection.successRate': 'A rate of success far below that of the other endpoints',
  'successRate.minimumHosts': ['With fewer endpoints that have enough calls, none is judged', '5'],
  'successRate.requestVolume': ['Calls in an interval for an endpoint to be judged', '100'],
  'successRate.stdevFactor': ['So many standard deviations below the mean', '1.9'],
  'outlierDetection.interval': ['How often rates are compared, and endpoints come back', '10s'],
  'outlierDetection.baseEjection': ['How long the first time; longer each time', '30s'],
  'outlierDetection.maxEjectedPercent': ['Never more than these of the endpoints', '50'],
  'outbound.tls': 'TLS to the callee',
  'tls.mode': [
    'Auto (mTLS to every endpoint in the mesh, else plaintext), Mesh (mTLS or refuse), Simple and Mutual (TLS to endpoints outside the mesh, the second with a certificate of the caller’s) or None (plaintext)',
    'Auto',
  ],
  'tls.sni': [
    'With Simple and Mutual: the DNS name that is asked for, and that the callee’s certificate carries',
    'the host of an ExternalName, else <service>.<namespace>.svc',
  ],
  'tls.caBundle':
    'With Simple and Mutual: who signs the callee’s certificate; without it no connection is made outside the mesh',
  'caBundle.configMap':
    'A ConfigMap of the policy’s namespace with the label skerry.dev/ca-bundle: "true" and certificates in ca.crt',
  'tls.credential':
    'With Mutual: the certificate shown to callees outside the mesh; for Pod targets and consumers’ policies only',
  'credential.secret':
    'A Secret of type kubernetes.io/tls of the policy’s namespace with the label skerry.dev/credential: "true"',
  'outbound.egress': 'Calls of these pods to addresses that nobody in the mesh has',
  'egress.mode': ['AllowAny (they pass) or KnownOnly (only allow passes)', 'AllowAny'],
  'egress.allow':
    'With KnownOnly: what passes. A host by the SNI of TLS, or the Host of plaintext HTTP, to the address that the sidecar itself looks up; a cidr by the address called, whatever it speaks. The nearest list counts whole',
  'allow[].host': 'A host name, or *. and one for all names below it',
  'allow[].cidr': 'A block of addresses',
  'allow[].ports': ['Ports', 'of a host 80 and 443, of a cidr all'],
};

const inbound: Readonly<Record<string, Entry>> = {
  'spec.inbound': 'What the target accepts; on a Service: what its workloads accept',
  'inbound.mtls': 'Which connections are accepted; the nearest policy that says so wins whole',
  'mtls.mode': ['Strict (mTLS only), Permissive (both) or Disabled', 'Permissive'],
  'mtls.ports': 'Another mode for these container ports',
  'mtls.floor': ['Strict here cannot be lowered by anything nearer', 'false'],
  'inbound.authorization':
    'Who may call: any deny that matches refuses, else any allow that matches admits, else the nearest default decides',
  'authorization.default': ['What holds where no rule matches', 'Inherit'],
  'authorization.deny': 'Calls that are refused, whoever allows them',
  'authorization.allow': 'Calls that are admitted; an empty list admits nobody',
  'deny[].name': ['Names the rule in logs', 'deny-<index>'],
  'allow[].name': ['Names the rule in logs', 'allow-<index>'],
  from: ['Callers; the entries are alternatives, the fields of one hold together', 'everybody'],
  'from[].namespace': 'Workloads of this namespace',
  'from[].serviceAccount': 'Workloads of this service account: namespace/name',
  'from[].spiffe': 'This SPIFFE ID, or those that begin so, ending in *',
  'from[].cidr': 'The connection’s peer, never a forwarded header',
  'from[].namespaceSelector': 'Workloads of the namespaces with these labels',
  'from[].not': 'But none of these',
  'not[].namespace': 'Workloads of this namespace',
  'not[].serviceAccount': 'Workloads of this service account: namespace/name',
  'not[].spiffe': 'This SPIFFE ID, or those that begin so, ending in *',
  'not[].cidr': 'The connection’s peer',
  'not[].namespaceSelector': 'Workloads of the namespaces with these labels',
  'not[].not': 'But none of these',
  to: ['Operations; the entries are alternatives, the fields of one hold together', 'everything'],
  'to[].ports': 'Container ports',
  'to[].methods': 'HTTP methods, in capitals',
  'to[].paths': 'Paths; * may stand at the end',
  when: 'Further conditions, which must all hold',
  'when[].claim':
    'A claim of the token (inbound.jwt). A list has each entry as a value, and so has scope; a dot also leads into a map: realm_access.roles',
  'when[].issuer': ['Whose claim', 'the one that inbound.jwt has, if only one'],
  'when[].header':
    'A header of the request. Repeated lines count as one value with commas: an allow takes it as a whole, a deny also what stands between commas',
  'when[].values': 'One of these values; * may stand at the end, and alone means: there is one',
  'inbound.jwt':
    'JSON Web Tokens (HTTP). A token that is there must be good, required or not: signed by a key of its issuer, within its times, with an expiry',
  'jwt.issuers': 'Who may issue them; an empty list: nobody is asked for',
  'issuers[].issuer': 'The issuer, as in the claim iss',
  'issuers[].audiences': ['Audiences of which the token must name one', 'any'],
  'issuers[].jwks': 'The public keys: one of the fields',
  'jwks.inline': 'The key set as JSON (RFC 7517)',
  'jwks.configMap':
    'A ConfigMap of the policy’s namespace with the label skerry.dev/jwks: "true"; its entry jwks.json, or its only one, is the key set',
  'jwks.url':
    'Where sidecars fetch it, through the mesh and again every 30 seconds: http://<service>.<namespace>[:<port>]/<path>, the port being the Service’s',
  'issuers[].forward': ['Whether the app sees the token', 'false'],
  'issuers[].fromHeaders': [
    'Where the token is looked for; in authorization it is a bearer token',
    'authorization',
  ],
  'issuers[].claimToHeaders':
    'Claim to header that the app sees; lists and maps as JSON in base64. What a caller writes there is removed first, also with _ for -',
  'jwt.required': ['Whether a call without a token is refused', 'false'],
  'inbound.rateLimit': [
    'How many calls each sidecar lets in on each HTTP port; the others are answered 429. What is no HTTP is not counted',
    'as many as come',
  ],
  'rateLimit.requests': ['So many of all callers together', 'as many as come'],
  'rateLimit.per': 'In this time, evenly; at least 50ms',
  'rateLimit.burst': ['So many more at once, when fewer came before', '0'],
  'rateLimit.perIdentity':
    'So many of each caller besides, by its SPIFFE ID; callers without mTLS count as one',
  'perIdentity.requests': 'So many',
  'perIdentity.per': 'In this time, evenly; at least 50ms',
  'inbound.connections': 'Limits of each sidecar',
  'inbound.connections.max': [
    'Connections at once to each port, and there of each kind (mTLS or plaintext, HTTP or other bytes); the others are closed. A change ends the open ones',
    'as many as come',
  ],
};

const rest: Readonly<Record<string, Entry>> = {
  namespace: ['The namespace of the Service', 'the policy’s own'],
  service: 'The name of a Service',
  port: ['The port of the Service', 'the port that was called'],
  'spec.telemetry': 'What is recorded of calls',
  'telemetry.accessLog': 'The access log of the sidecar',
  'accessLog.mode': ['None, Errors or All', 'Errors'],
  'accessLog.format': ['JSON or Text', 'JSON'],
  'telemetry.tracing': 'Spans',
  'tracing.samplePercent': 'The share of calls',
  'tracing.collector': 'The Service that takes them',
  status: 'What became of it; written by the control plane',
  observedGeneration: 'The generation this speaks of',
  'status.target': 'The targets in short, for the column TARGET',
  'status.mode': 'The mode, for the column MODE',
  'status.conditions':
    'Accepted (Accepted, Invalid, TargetNotFound, Conflicted, Overridden) and Programmed (Programmed, Pending, Rejected)',
  'conditions[].type': 'Accepted or Programmed',
  'conditions[].status': 'True, False or Unknown',
  'conditions[].reason': 'One word',
  'conditions[].message': 'For people',
  'conditions[].lastTransitionTime': 'When the status last changed',
  'status.proxies': 'Sidecars',
  'proxies.selected': 'To which the policy applies',
  'proxies.live':
    'On which this generation is in force: accepted, and no open connection left under the old rules',
  'proxies.rejected': 'Which refused it; they keep the last good configuration',
  'proxies.offline': 'Which are not connected',
  'proxies.summary': 'live/selected, for the column LIVE',
  'status.slowest': 'A sidecar that is waited for',
  'status.firstRejection': 'The first refusal',
  'firstRejection.proxy': 'Who refused',
  'firstRejection.message': 'Envoy’s own words',
  'status.wouldDeny': 'In mode Audit: calls that would have been refused',
  'wouldDeny.count': 'How many',
  'wouldDeny.callers': 'The five callers with the most',
  'callers[].caller': 'Who',
  'callers[].count': 'How many',
};

/** By the end of the path; the longest that fits wins. */
export const fieldDocs: Readonly<Record<string, Entry>> = {
  ...targets,
  ...routes,
  ...outbound,
  ...inbound,
  ...rest,
};

/** What is said of the field at `path`; undefined where nothing is. */
export function fieldDocAt(path: string): FieldDoc | undefined {
  const entry = fieldAt(fieldDocs, path);
  if (entry === undefined) return undefined;
  return typeof entry === 'string' ? { text: entry } : { text: entry[0], preset: entry[1] };
}

/** The key by which the field at `path` is described, so that a test finds keys that nothing uses. */
export function fieldDocKey(path: string): string | undefined {
  return fieldKey(fieldDocs, path);
}
