/** What a Service's port carries, from `appProtocol` or else from the port's name. */
import type { PortProtocol } from '../../model/index.js';

/**
 * Values of appProtocol: IANA service names and the kubernetes.io ones (KEP-3726). Server-first and
 * other non-HTTP protocols are tcp: nothing is parsed and nothing waited for.
 */
const declared: ReadonlyMap<string, PortProtocol> = new Map<string, PortProtocol>([
  ['http', 'http'],
  ['http1', 'http'],
  ['kubernetes.io/ws', 'http'],
  ['ws', 'http'],
  ['kubernetes.io/h2c', 'http2'],
  ['h2c', 'http2'],
  ['http2', 'http2'],
  ['grpc', 'grpc'],
  ['grpc-web', 'grpc'],
  ['https', 'tls'],
  ['tls', 'tls'],
  ['kubernetes.io/wss', 'tls'],
  ['wss', 'tls'],
  ...[
    'tcp',
    'mysql',
    'mongo',
    'mongodb',
    'redis',
    'postgres',
    'postgresql',
    'kafka',
    'amqp',
    'mqtt',
    'smtp',
    'ftp',
    'ssh',
    'imap',
    'pop3',
    'ldap',
    'cassandra',
    'nats',
  ].map((name) => [name, 'tcp'] as const),
]);

/** Names that count as a declaration, alone or before a dash; the longest is tried first. */
const namePrefixes = [
  'grpc-web',
  'http2',
  'https',
  'http',
  'grpc',
  'tcp',
  'tls',
  'mysql',
  'redis',
  'mongo',
  'postgres',
] as const;

/**
 * `appProtocol` beats the name; an appProtocol that is not known is not overruled by the name, since
 * it says that the port carries something else: it sniffs.
 */
export function portProtocol(name: string, appProtocol: string | undefined): PortProtocol {
  if (appProtocol !== undefined && appProtocol !== '') {
    return declared.get(appProtocol.toLowerCase()) ?? 'sniff';
  }
  const prefix = namePrefixes.find((each) => name === each || name.startsWith(`${each}-`));
  return prefix === undefined ? 'sniff' : (declared.get(prefix) ?? 'sniff');
}
