/** Claim: `outbound.egress` lets pass what it allows, by name and by address, and nothing else. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  podCidr,
  serviceCidr,
  type Agent,
  type Mesh,
  type RunningProcess,
} from '../../../demo/rig/index.js';
import { claim } from '../../kit/claim.js';
import { manifest, trafficPolicy } from '../../kit/manifest.js';
import { runInPod } from '../../kit/programs.js';
import { eventually, sidecarOf, untilLogged } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';
import { askedNames, ips, reached, startOutside } from './outside.js';

const client = 'web/client';
const partner = 'api.partner.example';

let mesh: Mesh;
let outside: RunningProcess;
let agent: Agent;

beforeAll(async () => {
  mesh = await startSuiteMesh({ suite: import.meta.url, base: 'own', accessLog: 'Errors' });
  outside = await startOutside(mesh);
  agent = await mesh.agent(client);
});

afterAll(async () => {
  await outside.stop();
  await stopSuiteMesh(mesh);
});

async function tls(ip: string, serverName?: string, port = 443): Promise<string> {
  const name = serverName === undefined ? {} : { serverName };
  return reached(await agent.tls({ host: ip, port, send: 'hello', ...name }));
}

async function http(ip: string, host: string, port = 80): Promise<string> {
  return reached(await agent.http({ url: `http://${ip}:${String(port)}/`, headers: { host } }));
}

async function tcp(host: string, port: number): Promise<string> {
  // Nothing that could become HTTP or TLS.
  return reached(await agent.tcp({ host, port, send: '\u0001hello' }));
}

async function echoes(): Promise<boolean> {
  const { body } = await agent.tcp({ host: '10.96.2.1', port: 9000, send: 'hello' });
  return body === 'hello';
}

const allow: readonly object[] = [
  { host: partner },
  { host: partner, ports: [8080, 8082] },
  { host: 'nowhere.example' },
  { host: '*.cdn.example' },
  { cidr: '203.0.113.0/24', ports: [5432] },
];

/** Writes the policy; undefined: none. */
async function setEgress(egress: object | undefined): Promise<void> {
  const policy = trafficPolicy('web/outside', {
    targetRefs: [{ kind: 'Namespace' }],
    outbound: { egress },
  });
  await mesh.writeManifest('50-policy.yaml', egress === undefined ? undefined : manifest(policy));
}

async function until(what: string, expected: string, look: () => Promise<string>): Promise<void> {
  await eventually(what, async () => ((await look()) === expected ? true : undefined));
}

/** What the calls of every kind reach. */
async function everything(): Promise<readonly string[]> {
  return [
    await tls(ips.partner, partner),
    await tls(ips.other, 'evil.example'),
    await tls(ips.other, partner),
    await http(ips.partner, partner),
    await http(ips.other, 'evil.example'),
    await tcp(ips.block, 5432),
    await tcp(ips.block, 5433),
  ];
}

const unchecked: readonly string[] = [
  `${ips.partner}:443 as ${partner}`,
  `${ips.other}:443 as evil.example`,
  `${ips.other}:443 as ${partner}`,
  `${ips.partner}:80 as ${partner}`,
  `${ips.other}:80 as evil.example`,
  `${ips.block}:5432`,
  `${ips.block}:5433`,
];

test('without a policy, and under AllowAny, every call reaches the address that it calls', async () => {
  expect(await everything()).toEqual(unchecked);
  await setEgress({ mode: 'AllowAny' });
  expect(await everything()).toEqual(unchecked);
});

test('under KnownOnly alone nothing passes but the mesh, and the log names the policy', async () => {
  await setEgress({ mode: 'KnownOnly' });
  await until('the refusal', 'refused', () => tls(ips.partner, partner));
  expect(await everything()).toEqual(Array(7).fill('refused'));
  await untilLogged(mesh, client, ['web/outside/egress', `${ips.other}:80`]);
  // A route to an ExternalName is the mesh's own affair.
  await until('the host behind a route', `${ips.partner}:80 as ${partner}`, () =>
    http('10.96.2.2', 'partner.shop'),
  );
  expect(await echoes()).toBe(true);
});

describe('with an allow list', () => {
  beforeAll(async () => {
    await setEgress({ mode: 'KnownOnly', allow });
    await until('the host', `${ips.partner}:443 as ${partner}`, () => tls(ips.partner, partner));
  });

  test('TLS passes by its SNI, which the server sees as the app sent it', async () => {
    expect(await tls(ips.partner, partner)).toBe(`${ips.partner}:443 as ${partner}`);
    expect(await tls(ips.cdn, 'a.cdn.example')).toBe(`${ips.cdn}:443 as a.cdn.example`);
  });

  test.each([
    ['of another host', ips.other, 'evil.example', 443],
    ['of a host that ends alike', ips.partner, `x${partner}`, 443],
    ['of the name that a wildcard stands below', ips.cdn, 'cdn.example', 443],
    ['of none', ips.partner, undefined, 443],
    ['of an allowed host on another port', ips.partner, partner, 8443],
  ] as const)('an SNI %s is refused', async (_what, ip, name, port) => {
    const offset = (await sidecarOf(mesh, client).log()).length;
    expect(await tls(ip, name, port)).toBe('refused');
    await untilLogged(mesh, client, ['web/outside/egress', `${ip}:${String(port)}`], offset);
  });

  test('who lies about the name or the address gets to the allowed host, or nowhere', async () => {
    expect(await tls(ips.other, partner)).toBe(`${ips.partner}:443 as ${partner}`);
    expect(await tls(ips.partner, 'evil.example')).toBe('refused');
    expect(await http(ips.other, partner)).toBe(`${ips.partner}:80 as ${partner}`);
    expect(await http(ips.partner, 'evil.example')).toBe('status 403');
    // Nor does the Host open a port that the list does not have.
    expect(await http(ips.partner, `${partner}:8443`)).toBe('status 403');
    claim('egress', 'a lying SNI or Host reaches', 'the allowed host only');
  });

  test('HTTP passes by its Host, port and all', async () => {
    expect(await http(ips.partner, partner)).toBe(`${ips.partner}:80 as ${partner}`);
    expect(await http(ips.partner, `${partner}:8080`, 8080)).toBe(
      `${ips.partner}:8080 as ${partner}:8080`,
    );
    expect(await http(ips.cdn, 'a.cdn.example')).toBe(`${ips.cdn}:80 as a.cdn.example`);
  });

  test('HTTP/2 passes by its authority, and a refused one is answered 403', async () => {
    const ask = async (authority: string): Promise<unknown> =>
      await runInPod(mesh, client, 'http2-client', [`http://${ips.other}:8082`, authority]);
    expect(await ask(`${partner}:8082`)).toEqual({
      status: 200,
      body: JSON.stringify({ ip: ips.partner, port: 8082, headers: { host: `${partner}:8082` } }),
    });
    expect(await ask('evil.example:8082')).toMatchObject({ status: 403 });
  });

  test('an upgraded connection carries bytes both ways', async () => {
    const connection = 'upgraded';
    await agent.tcpOpen({ connection, host: ips.partner, port: 80 });
    const lines = [
      ...['GET / HTTP/1.1', `host: ${partner}`, 'connection: upgrade', 'upgrade: websocket'],
      ...['', ''],
    ];
    const { body } = await agent.tcpSend({ connection, send: lines.join('\r\n') });
    expect(body).toContain('101 Switching Protocols');
    expect(await agent.tcpSend({ connection, send: 'ping', expectBytes: 4 })).toMatchObject({
      body: 'ping',
    });
    await agent.tcpClose(connection);
  });

  test('the path goes out as the app wrote it', async () => {
    const rawPath = '/a%2Fb//c/../d?e=%20';
    const url = `http://${ips.partner}/`;
    const { body } = await agent.http({ url, rawPath, headers: { host: partner } });
    expect(JSON.parse(body)).toMatchObject({ url: rawPath });
  });

  test('a refused Host is answered 403 with the policy’s name, on a connection that lives on', async () => {
    const get = (host: string): ReturnType<Agent['http']> =>
      agent.http({ url: `http://${ips.partner}/`, headers: { host }, group: 'kept' });
    expect(reached(await get(partner))).toContain(ips.partner);
    const refused = await get('evil.example');
    expect(refused.status).toBe(403);
    expect(refused.body).toContain('TrafficPolicy web/outside');
    await untilLogged(mesh, client, ['"route":"web/outside/egress"', 'evil.example', '403']);
    expect(reached(await get(partner))).toContain(ips.partner);
  });

  test('other bytes to a host’s port are refused', async () => {
    for (const port of [80, 443]) expect(await tcp(ips.partner, port)).toBe('refused');
  });

  test('a block passes on its ports, whatever is spoken, and no other', async () => {
    expect(await tcp(ips.block, 5432)).toBe(`${ips.block}:5432`);
    expect(await tcp(ips.block, 5433)).toBe('refused');
    expect(await tcp(ips.other, 5432)).toBe('refused');
  });

  test('a name that nobody has is no way out: 503', async () => {
    expect(await http(ips.partner, 'nowhere.example')).toBe('status 503');
    expect(await tls(ips.partner, 'nowhere.example')).toBe('refused');
  });

  test('the sidecar asks for the names as they are, without search domains', async () => {
    // The partner is the ExternalName's too, whose cluster asks by itself.
    const asked = (await askedNames(outside)).filter((name) => !name.startsWith(partner));
    expect([...new Set(asked)].toSorted()).toEqual(['a.cdn.example', 'nowhere.example']);
  });

  test('explain names the YAML behind each verdict', async () => {
    const explain = async (to: string): Promise<string> => {
      const cidrs = ['--mesh-cidr', `${podCidr},${serviceCidr}`];
      const call = ['explain', client, to, 'GET', '/', '-f', mesh.directory, ...cidrs];
      const { stdout } = await mesh.controlPlane().skerry(call);
      return stdout.replaceAll(/\s+/g, ' ');
    };
    const field = 'TrafficPolicy web/outside spec.outbound.egress';
    for (const to of [`${partner}:443`, 'a.cdn.example:80', `${ips.block}:5432`]) {
      const text = await explain(to);
      expect(text).toContain(`${field}.allow`);
      expect(text).not.toContain('refused');
    }
    for (const to of [`${partner}:8443`, 'www.evil.example:443', `${ips.other}:443`]) {
      const text = await explain(to);
      expect(text).toContain('refused: egress is KnownOnly');
      expect(text).toContain(`${field}.mode`);
    }
  });
});

describe('a change of the list', () => {
  const open = async (connection: string, host: string, port: number): Promise<void> => {
    await agent.tcpOpen({ connection, host, port });
  };
  const speaks = async (connection: string): Promise<boolean> => {
    const { body } = await agent.tcpSend({ connection, send: 'hello' });
    return body !== '';
  };

  test('leaves connections inside the mesh alone, and those that stay allowed', async () => {
    await open('service', '10.96.2.1', 9000);
    await open('block', ips.block, 5432);
    expect([await speaks('service'), await speaks('block')]).toEqual([true, true]);
    await setEgress({ mode: 'KnownOnly', allow: [...allow, { host: 'late.partner.example' }] });
    await until('the new host', `${ips.partner}:443 as late.partner.example`, () =>
      tls(ips.partner, 'late.partner.example'),
    );
    await outlastDrain();
    expect([await speaks('service'), await speaks('block')]).toEqual([true, true]);
  });

  test('closes those that are allowed no longer', async () => {
    await setEgress({ mode: 'KnownOnly', allow: allow.slice(0, -1) });
    await eventually('the end of the connection', async () => {
      const { status } = await agent.tcpState('block');
      return status === 'closed' ? true : undefined;
    });
    expect(await tcp(ips.block, 5432)).toBe('refused');
    expect(await speaks('service')).toBe(true);
  });

  /** Until no listener or chain drains any more in the sidecar. */
  async function outlastDrain(): Promise<void> {
    await eventually('the end of draining', async () => {
      const stats = await sidecarOf(mesh, client).admin('/stats?filter=draining');
      const values = [...stats.matchAll(/: (\d+)/g)].map(([, value]) => value);
      return values.every((value) => value === '0') ? true : undefined;
    });
  }
});

test('without the policy every call passes again', async () => {
  await setEgress(undefined);
  await until('the open way', `${ips.other}:443 as evil.example`, () =>
    tls(ips.other, 'evil.example'),
  );
  expect(await everything()).toEqual(unchecked);
});
