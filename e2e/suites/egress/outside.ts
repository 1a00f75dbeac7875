/** The outside of this suite: a program behind the router that plays its hosts, and calls to them. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  findCheckout,
  runCommand,
  startProcess,
  waitFor,
  type CallResult,
  type Mesh,
  type RunningProcess,
} from '../../../demo/rig/index.js';
import type { Outside } from '../../apps/outside-contract.js';

/** Addresses outside the mesh. */
export const ips = {
  partner: '198.51.100.10',
  other: '198.51.100.20',
  cdn: '198.51.100.30',
  block: '203.0.113.7',
  dns: '198.51.100.53',
} as const;

/** What the DNS out there knows. */
export const names = {
  'api.partner.example': ips.partner,
  'late.partner.example': ips.partner,
  'evil.example': ips.other,
  'a.cdn.example': ips.cdn,
  'cdn.example': ips.cdn,
} as const;

/** What a server saw of a call. */
export interface Seen {
  readonly ip: string;
  readonly port: number;
  readonly sni?: string;
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Starts the hosts, and lets the pods ask their DNS. */
export async function startOutside(mesh: Mesh): Promise<RunningProcess> {
  const { router } = mesh.network;
  for (const ip of Object.values(ips)) await mesh.network.addExternalAddress(ip);
  const [cert, key] = ['cert', 'key'].map((name) => join(mesh.runDirectory, `outside-${name}.pem`));
  if (cert === undefined || key === undefined) throw new Error('two files');
  await runCommand([
    ...['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
    ...['-nodes', '-subj', '/CN=outside', '-days', '1', '-keyout', key, '-out', cert],
  ]);
  const outside: Outside = {
    ips: [ips.partner, ips.other, ips.cdn, ips.block],
    ...{ httpPorts: [80, 8080], http2Ports: [8082], tlsPorts: [443, 8443], tcpPorts: [5432, 5433] },
    ...{ cert, key, dns: ips.dns, names },
  };
  const server = await startProcess({
    name: 'the outside',
    argv: [
      ...['nsenter', `--net=${router.path}`, '--', 'setpriv', '--pdeathsig', 'KILL', '--'],
      ...[process.execPath, join(findCheckout().apps, 'outside-server.js')],
    ],
    env: { OUTSIDE: JSON.stringify(outside) },
    logFile: join(mesh.runDirectory, 'outside.log'),
  });
  await waitFor({ what: server.name, timeoutMs: 20_000 }, async () =>
    (await readFile(server.logFile, 'utf8')).includes('listening') ? true : undefined,
  );
  // In place, since pods have it mounted. A search domain, as Kubernetes gives one, would mislead.
  const search = 'search web.svc.cluster.local svc.cluster.local\noptions ndots:5\n';
  await writeFile(join(mesh.runDirectory, 'resolv.conf'), `nameserver ${ips.dns}\n${search}`);
  return server;
}

/** The names that the DNS was asked for. */
export async function askedNames(server: RunningProcess): Promise<readonly string[]> {
  const lines = (await readFile(server.logFile, 'utf8')).split('\n');
  return lines
    .filter((line) => line.startsWith('{"event":"query"'))
    .map((line) => (JSON.parse(line) as { readonly name: string }).name);
}

/** Whom a call reached: `<address>:<port> as <name>`, a status that is no 200, or `refused`. */
export function reached({ status, body, error }: CallResult): string {
  if (status !== 200 && typeof status === 'number') return `status ${String(status)}`;
  if (!body.startsWith('{')) return error?.startsWith('no bytes') === true ? 'silence' : 'refused';
  const { ip, port, sni, headers } = JSON.parse(body) as Seen;
  const name = sni ?? headers?.['host'];
  return `${ip}:${String(port)}${name === undefined ? '' : ` as ${name}`}`;
}
