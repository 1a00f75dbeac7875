/** All simulated sidecars of a generator: connects them, counts what arrives, and waits for changes. Mutable state. */
import { generateKeyPairSync } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { encodeUnknown, shortTypeName, typeUrls } from '../../src/envoy/index.js';
import { certificateRequest, ownCertificateName } from '../../src/sidecar/index.js';
import { openConnection, type Connection, type ServerAddress } from './connection.js';
import { createRandom } from './draw.js';
import type { Counts, Plan, PlannedSidecar } from './plan.js';
import { createSimulatedSidecar, type SimulatedSidecar } from './simulated-sidecar.js';
import type { ReadResponse } from './wire.js';

/** What all sidecars of one command took. */
export interface Configured {
  /** Milliseconds of each, sorted. */
  readonly ms: readonly number[];
  /** Until each was sent a certificate of its own, sorted; without those that were sent none. */
  readonly certifiedMs: readonly number[];
  /** How many different ones these are. */
  readonly certificates: number;
  /** Streams that ended and were opened again meanwhile. */
  readonly retries: number;
}

/** A change that is waited for. */
export interface Expectation {
  /** Sidecars that hold what changes. */
  readonly holders: number;
  /** Milliseconds on the machine's monotonic clock at which each had the change, sorted. */
  readonly arrived: Promise<readonly number[]>;
}

/** The sidecars. */
export interface Fleet {
  connect(): Promise<Configured>;
  reconnect(): Promise<Configured>;
  move(host: string, port: number): void;
  /** Another sidecar takes the place of number `index`; resolves when it is configured. */
  replace(index: number, planned: PlannedSidecar): Promise<void>;
  /** Streams that ended by themselves since the last call. */
  endings(): number;
  /** The next form of a resource whose name holds `name`, at all that hold one, or at `most` of them. */
  expect(typeUrl: string, name: string, most?: number): Expectation;
  /** Since the last call. */
  count(): Counts;
  /** The responses to the first sidecar since the last call. */
  record(): readonly Buffer[];
  /** What sidecars wait for, by how many wait for it: for messages. */
  waiting(): string;
}

interface Member {
  readonly sidecar: SimulatedSidecar;
  readonly token: string | undefined;
  /** Called each time that it has everything. */
  onConfigured: () => void;
  connection: Connection | undefined;
  attempts: number;
  retry: NodeJS.Timeout | undefined;
}

/** Bounds of Envoy's own back-off (`JitteredExponentialBackOffStrategy` of its gRPC streams). */
const retryMs = { least: 500, most: 30_000 };
const retrySeed = 7;

/** Milliseconds on a clock that all processes of the machine share. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function sorted(numbers: readonly number[]): readonly number[] {
  return numbers.toSorted((left, right) => left - right);
}

function nodeOf(planned: PlannedSidecar, csrKey: string | undefined): Uint8Array {
  const csr =
    csrKey === undefined
      ? {}
      : {
          [csrKey]: certificateRequest(
            generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
          ),
        };
  return encodeUnknown('type.googleapis.com/envoy.config.core.v3.Node', {
    id: planned.nodeId,
    metadata: { ...planned.metadata, ...csr },
    user_agent_name: 'envoy',
    user_agent_build_version: { version: { major_number: 1, minor_number: 40, patch: 0 } },
  });
}

/** A fleet that has not connected. */
export function createFleet(plan: Plan): Fleet {
  const random = createRandom(retrySeed);
  let server: ServerAddress = {
    ...{ host: plan.host, port: plan.port },
    ...(plan.tls !== undefined && {
      tls: {
        // Once for all: each would parse the roots by itself.
        context: createSecureContext({ ca: plan.tls.roots, minVersion: 'TLSv1.2' }),
        serverName: plan.tls.serverName,
      },
    }),
  };
  let counts: Record<string, { responses: number; resources: number; bytes: number }> = {};
  let recorded: Buffer[] = [];
  let retries = 0;
  let ended = 0;
  let startedAtMs = 0;
  let configured = new Map<Member, number>();
  let certified = new Map<Member, { readonly ms: number; readonly version: string }>();
  let lastEnding: string | undefined;
  let onAllConfigured = (): void => undefined;
  let onArrival: ((member: Member, response: ReadResponse) => void) | undefined;

  const noteCertificate = (member: Member, { typeUrl, resources }: ReadResponse): void => {
    if (typeUrl !== typeUrls.secret) return;
    const own = resources.find(
      ({ name, body }) => name === ownCertificateName && body !== undefined,
    );
    if (own === undefined || certified.has(member)) return;
    certified.set(member, { ms: monotonicMs() - startedAtMs, version: own.version });
  };

  const note = (member: Member, response: ReadResponse, bytes: Buffer): void => {
    noteCertificate(member, response);
    const short = shortTypeName(response.typeUrl);
    const count = (counts[short] ??= { responses: 0, resources: 0, bytes: 0 });
    count.responses += 1;
    count.bytes += bytes.length;
    for (const { body } of response.resources) if (body !== undefined) count.resources += 1;
    if (member === members[0]) recorded.push(Buffer.from(bytes));
    onArrival?.(member, response);
  };

  const createMember = (planned: PlannedSidecar): Member => {
    const member: Member = {
      sidecar: createSimulatedSidecar({
        node: nodeOf(planned, plan.csrKey),
        uses: planned.uses,
        send: (framed) => member.connection?.send(framed),
        onConfigured: () => {
          member.attempts = 0;
          member.onConfigured();
          if (configured.has(member)) return;
          configured.set(member, monotonicMs() - startedAtMs);
          if (configured.size === members.length) onAllConfigured();
        },
        onResponse: (response, bytes) => {
          note(member, response, bytes);
        },
      }),
      token: planned.token,
      onConfigured: () => undefined,
      connection: undefined,
      attempts: 0,
      retry: undefined,
    };
    return member;
  };
  const members: Member[] = plan.sidecars.map(createMember);

  const open = (member: Member, isResuming: boolean): void => {
    const { token } = member;
    member.connection = openConnection({
      server,
      ...(token !== undefined && { token }),
      onMessage: (bytes) => {
        member.sidecar.take(bytes);
      },
      onEnd: (reason) => {
        lastEnding = reason;
        retries += 1;
        ended += 1;
        member.attempts += 1;
        const most = Math.min(retryMs.most, retryMs.least * 2 ** member.attempts);
        member.retry = setTimeout(() => {
          open(member, true);
        }, random() * most);
      },
    });
    if (isResuming) member.sidecar.resume();
    else member.sidecar.start();
  };
  const openAll = (isResuming: boolean): Promise<Configured> => {
    retries = 0;
    configured = new Map();
    certified = new Map();
    startedAtMs = monotonicMs();
    return new Promise((resolve) => {
      onAllConfigured = (): void => {
        const certificates = [...certified.values()];
        resolve({
          ms: sorted([...configured.values()]),
          certifiedMs: sorted(certificates.map(({ ms }) => ms)),
          certificates: new Set(certificates.map(({ version }) => version)).size,
          retries,
        });
      };
      for (const member of members) {
        clearTimeout(member.retry);
        member.connection?.close();
        member.attempts = 0;
        open(member, isResuming);
      }
    });
  };

  return {
    connect: () => openAll(false),
    reconnect: () => openAll(true),
    move: (host, port) => {
      server = { ...server, host, port };
    },
    replace: (index, planned) => {
      const former = members[index];
      if (former === undefined) throw new Error(`there is no sidecar ${String(index)}`);
      clearTimeout(former.retry);
      former.connection?.close();
      configured.delete(former);
      certified.delete(former);
      const member = createMember(planned);
      members[index] = member;
      return new Promise((resolve) => {
        member.onConfigured = resolve;
        open(member, false);
      });
    },
    endings: () => {
      const found = ended;
      ended = 0;
      return found;
    },
    expect: (typeUrl, name, most = Infinity) => {
      const waiting = new Set(
        members.filter(({ sidecar }) =>
          [...sidecar.namesOf(typeUrl)].some((held) => held.includes(name)),
        ),
      );
      const holders = Math.min(waiting.size, most);
      const times: number[] = [];
      const arrived = new Promise<readonly number[]>((resolve) => {
        if (holders === 0) resolve([]);
        onArrival = (member, response): void => {
          if (response.typeUrl !== typeUrl) return;
          if (!response.resources.some((resource) => resource.name.includes(name))) return;
          if (!waiting.delete(member)) return;
          times.push(monotonicMs());
          if (times.length < holders) return;
          onArrival = undefined;
          resolve(times);
        };
      });
      return { holders, arrived };
    },
    count: () => {
      const found = counts;
      counts = {};
      return found;
    },
    record: () => {
      const found = recorded;
      recorded = [];
      return found;
    },
    waiting: () => {
      const counted = new Map<string, number>();
      for (const { sidecar } of members) {
        for (const what of sidecar.waiting()) counted.set(what, (counted.get(what) ?? 0) + 1);
      }
      const most = [...counted].sort(([, left], [, right]) => right - left).slice(0, 5);
      const names = most.map(([what, count]) => `${what} (${String(count)} sidecars)`);
      const ending = lastEnding === undefined ? '' : `; a stream ended: ${lastEnding}`;
      return `${String(configured.size)} of ${String(members.length)} sidecars are configured; waiting for ${names.join(', ') || 'nothing'}${ending}`;
    },
  };
}
