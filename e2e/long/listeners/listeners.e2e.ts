/** Claim: what listens is no worse than the libraries it is built from, in the eyes of h2spec and of testssl. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  findCheckout,
  startProcess,
  waitFor,
  type RunningProcess,
} from '../../../demo/rig/index.js';
import { silentLogger } from '../../../src/lib/index.js';
import { createWebhookServer, defaultSettings } from '../../../src/webhook/index.js';
import { makeCertificate } from '../../../src/xds/testing/mesh.js';
import { claim } from '../../kit/claim.js';
import { bareGrpcServer, bareHttp2Server, type BareServer } from './bare-servers.js';
import { complaints, h2spec, testssl, type CaseOutcome } from './judges.js';

const limitMs = 480_000;
const suite = 'listeners';
/**
 * A case counts as failed where it fails each time. Some are a matter of chance at any server of Node's:
 * http2/8.1.2.1/3 failed 29 of 60 times at the ADS port, 20 at bare grpc-js, 23 at bare node:http2.
 */
const attempts = 10;

let folder: string;
let controlPlane: RunningProcess;
let adsPort: number;
let webhookPort: number;
let bare: { readonly grpc: BareServer; readonly http2: BareServer };
const cleanups: (() => Promise<unknown>)[] = [];

async function startControlPlane(): Promise<number> {
  const directory = join(folder, 'mesh');
  await mkdir(directory);
  const logFile = join(folder, 'control-plane.log');
  controlPlane = await startProcess({
    name: 'control plane',
    logFile,
    argv: [
      ...[process.execPath, findCheckout().skerry, 'controller', '--directory', directory],
      ...['--state-dir', join(folder, 'state'), '--listen', '127.0.0.1:0'],
    ],
  });
  cleanups.push(() => controlPlane.stop());
  return waitFor({ what: 'the address of ADS', timeoutMs: 60_000 }, async () => {
    const said = /serving ADS on 127\.0\.0\.1:(\d+)/.exec(await readFile(logFile, 'utf8'));
    return said?.[1] === undefined ? undefined : Number(said[1]);
  });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skerry-listeners-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  adsPort = await startControlPlane();
  const certificate = makeCertificate();
  const webhook = createWebhookServer({
    ...{ host: '127.0.0.1', port: 0, settings: defaultSettings, logger: silentLogger },
    certificate: { chain: certificate.certificateChain, key: certificate.privateKey },
  });
  webhookPort = await webhook.start();
  cleanups.push(() => webhook.stop());
  bare = {
    grpc: await bareGrpcServer(certificate),
    http2: await bareHttp2Server(certificate),
  };
  cleanups.push(
    () => bare.grpc.stop(),
    () => bare.http2.stop(),
  );
}, limitMs);

afterAll(async () => {
  for (const clean of cleanups.toReversed()) await clean();
});

function failed(outcomes: readonly CaseOutcome[]): ReadonlySet<string> {
  return new Set(outcomes.filter(({ result }) => result === 'failed').map(({ id }) => id));
}

/** Those of `ids` that the server fails each time that it is asked. */
async function failedAlways(port: number, ids: readonly string[]): Promise<readonly string[]> {
  let left = ids;
  for (let attempt = 1; attempt < attempts && left.length > 0; attempt += 1) {
    const again = failed(await h2spec(port, left));
    left = left.filter((id) => again.has(id));
  }
  return left;
}

test(
  'no case of h2spec fails at the ADS port that passes at a bare server of the same library',
  async () => {
    const [ours, grpc, http2] = await Promise.all([
      h2spec(adsPort),
      h2spec(bare.grpc.port),
      h2spec(bare.http2.port),
    ]);
    expect(ours.map(({ id }) => id)).toEqual(grpc.map(({ id }) => id));
    expect(ours.length).toBeGreaterThan(140);
    const theirs = failed(grpc);
    const worse = [...failed(ours)].filter((id) => !theirs.has(id));
    expect(await failedAlways(adsPort, worse)).toEqual([]);
    const count = (outcomes: readonly CaseOutcome[]): string =>
      `${String(outcomes.filter(({ result }) => result === 'passed').length)} of ${String(outcomes.length)}`;
    claim(suite, 'cases of h2spec passed by the ADS port', count(ours));
    claim(suite, 'by a bare server of grpc-js', count(grpc));
    claim(suite, 'by one of node:http2', count(http2));
    expect(controlPlane.isRunning()).toBe(true);
  },
  limitMs,
);

test(
  'testssl has nothing to say of the ADS port and of the webhook, and finds what a bare server lacks',
  async () => {
    const [ads, webhook, grpc] = await Promise.all([
      testssl(adsPort),
      testssl(webhookPort),
      testssl(bare.grpc.port),
    ]);
    for (const [name, findings] of Object.entries({ ads, webhook })) {
      expect([name, ...complaints(findings)]).toEqual([name]);
      const said = new Map(findings.map(({ id, finding }) => [id, finding]));
      expect(said.get('TLS1_3')).toMatch(/^offered/);
      expect(said.get('TLS1_2')).toMatch(/^not offered/);
      expect(findings.length).toBeGreaterThan(40);
    }
    // The same eyes see what the library offers where nobody says otherwise.
    expect(complaints(grpc).join('\n')).toMatch(/CBC/);
    claim(suite, 'complaints of testssl on the ADS port', complaints(ads).length);
    claim(suite, 'on the webhook', complaints(webhook).length);
    claim(suite, 'on a bare server of grpc-js', complaints(grpc).length);
    expect(controlPlane.isRunning()).toBe(true);
  },
  limitMs,
);
