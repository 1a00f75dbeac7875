/** Test support: the readiness listener of a real Envoy, the apps that it probes, and a kubelet that asks. */
import { mkdtempSync, rmSync } from 'node:fs';
import { request, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Probe, ProbeCheck } from '../../../model/index.js';
import {
  spellFixedClusters,
  spellListening,
  spellReadiness,
  spellReadinessClusters,
} from '../spell.js';
import { makeAuthority } from './certificates.js';
import { envoyBinary, startEnvoy, type RealEnvoy } from './real-envoy.js';

/** Where the liveness probe of the container `app` is asked for. */
export const path = '/skerry/probe/app/livenessProbe';
export const timeoutMs = 500;
const periodMs = 1_000;
/** A dead app is seen within its period; the rest is for a machine under load. */
const patienceMs = 8_000;

type Http = Extract<ProbeCheck, { kind: 'http' }>;

const http = { kind: 'http', scheme: 'http', path: '/', headers: [] } as const;

/** A probe of the container `app`; what is left out of an HTTP check asks for `/`. */
export function probeOf(
  port: number,
  check: Exclude<ProbeCheck, Http> | Partial<Omit<Http, 'kind'>>,
  kind: Probe['kind'] = 'livenessProbe',
): Probe {
  const whole: ProbeCheck = 'kind' in check ? check : { ...http, ...check };
  return { container: 'app', kind, port, timeoutMs, periodMs, check: whole };
}

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What is asked; left out: GET of the liveness probe. */
export interface Ask {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** As the kubelet asks: a connection of its own each time. */
export function ask(envoy: RealEnvoy, options: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { body, ...rest } = { path, ...options };
    const port = envoy.port('readiness');
    const asked = request({ host: '127.0.0.1', port, agent: false, ...rest }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        const { statusCode = 0, headers } = response;
        resolve({ status: statusCode, headers, body: text });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** Asks until the answer has this status; how long that took. */
export async function untilStatus(
  envoy: RealEnvoy,
  status: number,
  options: Ask = {},
): Promise<number> {
  const startedAt = Date.now();
  for (;;) {
    const found = (await ask(envoy, options)).status;
    const afterMs = Date.now() - startedAt;
    if (found === status) return afterMs;
    if (afterMs > patienceMs)
      throw new Error(`still ${String(found)} instead of ${String(status)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What listens for a test. */
export interface Listening {
  readonly port: number;
  readonly die: () => Promise<void>;
}

/** What the tests of a file start. */
export interface ReadinessRig {
  /** For files; there until `remove`. */
  readonly folder: string;
  /** An Envoy that answers these probes; `ports`: where to look instead for its own listeners. */
  readonly startSidecar: (
    probes: readonly Probe[],
    ports?: Readonly<Record<string, number>>,
  ) => Promise<RealEnvoy>;
  /** Listens on 127.0.0.1 and ends with the test; gives its port and a way to die. */
  readonly listen: (server: Server, port?: number) => Promise<Listening>;
  /** One more thing to do after the test. */
  readonly atEnd: (step: () => unknown) => void;
  /** Ends what was started, the last first; to be called after each test. */
  readonly endAll: () => Promise<void>;
  /** Removes the folder; to be called after all tests. */
  readonly remove: () => void;
}

/** Nothing is started yet. */
export function createReadinessRig(): ReadinessRig {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-readiness-'));
  const authority = makeAuthority(folder, 'mesh');
  const steps: (() => unknown)[] = [];
  const atEnd = (step: () => unknown): void => void steps.push(step);
  return {
    folder,
    startSidecar: async (probes, ports = {}) => {
      const ir = { namespace: 'shop', name: 'web-1', ip: '127.0.0.1', probes };
      const listening = Object.entries(ports).reduce(
        (text, [from, to]) => text.replaceAll(from, String(to)),
        JSON.stringify(spellListening()),
      );
      const envoy = await startEnvoy(envoyBinary(), mkdtempSync(join(folder, 'envoy-')), {
        listeners: [spellReadiness(ir)],
        clusters: [
          ...spellFixedClusters(),
          JSON.parse(listening) as object,
          ...spellReadinessClusters(ir),
        ],
        routes: [],
        endpoints: [],
        certificate: authority.issue('own', 'spiffe://cluster.local/ns/a/sa/a'),
        rootPem: authority.root.cert,
      });
      atEnd(() => envoy.stop());
      return envoy;
    },
    listen: async (server, port = 0) => {
      const sockets = new Set<Socket>();
      server.on('connection', (socket: Socket) => {
        sockets.add(socket);
        socket.on('error', () => undefined);
      });
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
      const die = async (): Promise<void> => {
        for (const socket of sockets) socket.destroy();
        if (server.listening) await new Promise((resolve) => server.close(resolve));
      };
      atEnd(die);
      return { port: (server.address() as AddressInfo).port, die };
    },
    atEnd,
    endAll: async () => {
      for (const step of steps.splice(0).reverse()) await step();
    },
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
