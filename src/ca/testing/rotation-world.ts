/**
 * Replicas and sidecars around one store, for tests of rotations: the authorities and rotations are
 * the real ones, and so are the certificates; sidecars are a few sets. Mutable.
 */
import { X509Certificate } from 'node:crypto';
import { openAuthority, type Authority } from '../authority.js';
import { defaultLifetimes } from '../authority-options.js';
import type { Evidence, ReplicaEvidence } from '../rotation-gate.js';
import { createRotation, type Rotation } from '../rotation.js';
import { fingerprintOf } from '../slot.js';
import { freshRequest, heldClock, type HeldClock } from '../test-kit.js';
import { spiffeId } from '../../model/index.js';
import { emptyMemory, memoryStore, type SharedMemory } from './memory-store.js';

const minuteMs = 60_000;
/** How long files take to reach pods, at most: half of what the authority reckons with. */
const spreadMs = 5 * minuteMs;
export const leafMs: number = 12 * 60 * minuteMs;

/** One process of the control plane. */
export interface Replica {
  readonly name: string;
  /** Undefined: it does not run. */
  running: { readonly authority: Authority; readonly rotation: Rotation } | undefined;
  isCutOff: boolean;
  isLeader: boolean;
  /** What it has told the others last; they never know how old that is. */
  note: ReplicaEvidence | undefined;
}

/** One sidecar. */
export interface Sidecar {
  readonly pod: string;
  readonly csr: string;
  /** `stuck`: it stays connected, and takes nothing; `away`: it does not connect. */
  mood: 'well' | 'stuck' | 'away';
  /** Whether its file with the bundle is brought up to date; `behind`: it will be with the next. */
  fileCare: 'kept' | 'behind' | 'neglected';
  /** What it is connected to; undefined: to nobody. */
  replica: Replica | undefined;
  /** The bundle that it has accepted. */
  bundle: string;
  certificate: { readonly root: string; readonly notAfterMs: number } | undefined;
  serverRoot: string;
  /** The bundle in its file. */
  file: string;
}

/** What tests do to it, and what they look at. */
export interface World {
  readonly clock: HeldClock;
  readonly memory: SharedMemory;
  readonly replicas: readonly Replica[];
  readonly sidecars: readonly Sidecar[];
  readonly steps: string[];
  start(replica: Replica): Promise<void>;
  crash(replica: Replica): void;
  reload(replica: Replica): Promise<void>;
  tell(replica: Replica): void;
  publish(replica: Replica): void;
  connect(sidecar: Sidecar, replica: Replica): Promise<void>;
  disconnect(sidecar: Sidecar): void;
  acceptBundle(sidecar: Sidecar): void;
  acceptCertificate(sidecar: Sidecar): Promise<void>;
  /** The control plane's clock is set forward; real time stands still. */
  jump(ms: number): void;
  /** Time passes, in which files spread; whoever leads does not sleep for minutes. */
  advance(ms: number): Promise<void>;
  evidence(replica: Replica): Evidence;
  /** What is wrong at this moment, in words. */
  faults(): readonly string[];
}

/** Name of a root in messages: short. */
export function short(root: string | undefined): string {
  return (root ?? 'none').slice(0, 6);
}

class RotationWorld implements World {
  readonly clock = heldClock();
  readonly memory = emptyMemory();
  readonly replicas: readonly Replica[];
  readonly sidecars: readonly Sidecar[];
  readonly steps: string[] = [];
  private published = '';
  private publishedAtMs = 0;
  /** How far the control plane's clock is ahead of the sidecars'. */
  private jumpedMs = 0;
  private readonly refused: string[] = [];
  private readonly fingerprints = new Map<string, string>();

  constructor(counts: { readonly replicas: number; readonly sidecars: number }) {
    this.replicas = Array.from({ length: counts.replicas }, (_, at) => ({
      ...{ name: `r${String(at)}`, running: undefined, note: undefined },
      ...{ isCutOff: false, isLeader: at === 0 },
    }));
    this.sidecars = Array.from({ length: counts.sidecars }, (_, at) => ({
      ...{ pod: `shop/p${String(at)}`, csr: freshRequest(), replica: undefined, mood: 'well' },
      fileCare: 'kept',
      ...{ bundle: '', certificate: undefined, serverRoot: '', file: '' },
    }));
  }

  async start(replica: Replica): Promise<void> {
    if (replica.running !== undefined || replica.isCutOff) return;
    const store = memoryStore(this.memory, () => replica.isCutOff);
    const { clock } = this;
    const common = { store, clock, trustDomain: 'example.org', lifetimes: { leafMs } };
    const authority = await openAuthority({ ...common, random: () => 0.5 });
    const rotation = createRotation({
      ...{ authority, store, clock, lifetimes: { ...defaultLifetimes, leafMs } },
      randomBytes: (count) => globalThis.crypto.getRandomValues(new Uint8Array(count)),
      evidence: () => Promise.resolve(this.evidence(replica)),
      mayAdvance: () => replica.isLeader,
      onStep: ({ kind }) => void this.steps.push(kind),
      onFailure: () => undefined,
      monotonicMs: () => this.realMs(),
    });
    replica.running = { authority, rotation };
  }

  crash(replica: Replica): void {
    replica.running = undefined;
    for (const sidecar of this.sidecars) {
      if (sidecar.replica === replica) sidecar.replica = undefined;
    }
  }

  async reload(replica: Replica): Promise<void> {
    await replica.running?.authority.reload().catch(() => undefined);
  }

  /** What a replica writes down for the others. */
  tell(replica: Replica): void {
    if (replica.running === undefined || replica.isCutOff) return;
    replica.note = this.knownBy(replica);
  }

  publish(replica: Replica): void {
    if (!replica.isLeader || replica.isCutOff || replica.running === undefined) return;
    const bundle = replica.running.authority.bundle();
    if (bundle === this.published) return;
    this.published = bundle;
    this.publishedAtMs = this.clock.now();
  }

  async connect(sidecar: Sidecar, replica: Replica): Promise<void> {
    if (sidecar.replica !== undefined || replica.running === undefined) return;
    if (sidecar.mood === 'away') return;
    if (sidecar.file === '') sidecar.file = this.published;
    const { authority } = replica.running;
    const { root } = await authority.serverCertificate(['skerry.local']);
    if (!this.rootsIn(sidecar.file).has(root)) {
      // Where files are behind, or clocks jump, it must try again: that does no harm for a while.
      if (sidecar.fileCare !== 'kept' || this.jumpedMs > 0) return;
      this.refused.push(`${sidecar.pod} does not know root ${short(root)} of ${replica.name}`);
      return;
    }
    sidecar.replica = replica;
    sidecar.serverRoot = root;
    if (this.isValid(sidecar)) return;
    this.acceptBundle(sidecar);
    await this.acceptCertificate(sidecar);
  }

  disconnect(sidecar: Sidecar): void {
    sidecar.replica = undefined;
  }

  acceptBundle(sidecar: Sidecar): void {
    const bundle = sidecar.replica?.running?.authority.bundle();
    if (bundle !== undefined && sidecar.mood !== 'stuck') sidecar.bundle = bundle;
  }

  async acceptCertificate(sidecar: Sidecar): Promise<void> {
    const authority = sidecar.replica?.running?.authority;
    if (authority === undefined || sidecar.mood === 'stuck') return;
    const id = spiffeId('example.org', 'shop', 'cart');
    const issued = await authority.issue({ spiffeId: id, csr: sidecar.csr, podUid: sidecar.pod });
    if (!issued.ok) throw new Error(issued.error.detail);
    const { root, notAfterMs } = issued.value;
    // What was signed by a clock that is ahead outlives its time by as much: that is not looked at here.
    sidecar.certificate = { root, notAfterMs: notAfterMs - this.jumpedMs };
  }

  jump(ms: number): void {
    this.jumpedMs += ms;
    this.publishedAtMs += ms;
    this.clock.advance(ms);
  }

  async advance(ms: number): Promise<void> {
    if (ms >= minuteMs) {
      for (const replica of this.replicas.filter(({ isLeader }) => isLeader)) {
        await this.reload(replica);
        this.publish(replica);
      }
    }
    this.clock.advance(ms);
    if (this.clock.now() - this.publishedAtMs < spreadMs) return;
    for (const sidecar of this.sidecars) {
      if (sidecar.file === '' || sidecar.fileCare === 'neglected') continue;
      sidecar.file = this.published;
      sidecar.fileCare = 'kept';
    }
  }

  evidence(replica: Replica): Evidence {
    const others = this.replicas.filter((one) => one !== replica);
    return {
      replicas: [this.knownBy(replica), ...others.flatMap(({ note }) => note ?? [])],
      silent: others.filter(({ note }) => note === undefined).map(({ name }) => name),
      pods: this.sidecars.filter(({ file }) => file !== '').map(({ pod }) => pod),
      unpublished: replica.running?.authority.bundle() === this.published ? [] : ['namespace shop'],
    };
  }

  faults(): readonly string[] {
    const valid = this.sidecars.filter((sidecar) => this.isValid(sidecar));
    const mistrusted = valid.flatMap((one) => {
      const trusted = this.rootsIn(one.bundle);
      return valid.flatMap(({ pod, certificate }) =>
        certificate === undefined || trusted.has(certificate.root)
          ? []
          : [`${one.pod} does not trust ${pod}, whose root is ${short(certificate.root)}`],
      );
    });
    return [...mistrusted, ...this.stranded(), ...this.refused];
  }

  /** Sidecars that are connected, and could not connect again since the former root has gone. */
  private stranded(): readonly string[] {
    const [only, ...others] = [...this.memory.slots.values()].map((files) =>
      this.fingerprintOf(files.get('root.pem') ?? ''),
    );
    if (only === undefined || others.length > 0) return [];
    return this.sidecars
      .filter(({ replica, file }) => replica !== undefined && !this.rootsIn(file).has(only))
      .map(({ pod }) => `${pod} could not connect again`);
  }

  private realMs(): number {
    return this.clock.now() - this.jumpedMs;
  }

  private knownBy(replica: Replica): ReplicaEvidence {
    const { authority } = replica.running ?? {};
    const bundle = authority?.bundle();
    return {
      replica: replica.name,
      move: authority?.slots().rotation?.move,
      sidecars: this.sidecars
        .filter((sidecar) => sidecar.replica === replica)
        .map(({ pod, certificate, serverRoot, ...sidecar }) => ({
          ...{ pod, serverRoot, hasBundle: sidecar.bundle === bundle },
          ...(certificate !== undefined && { certificateRoot: certificate.root }),
        })),
    };
  }

  private isValid({ certificate }: Sidecar): boolean {
    return certificate !== undefined && this.realMs() < certificate.notAfterMs;
  }

  private rootsIn(bundle: string): ReadonlySet<string> {
    const pems = bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    return new Set(pems.map((pem) => this.fingerprintOf(pem)));
  }

  private fingerprintOf(pem: string): string {
    const known = this.fingerprints.get(pem) ?? fingerprintOf(new X509Certificate(pem));
    this.fingerprints.set(pem, known);
    return known;
  }
}

/** A world in which nothing runs yet. */
export function createWorld(counts: {
  readonly replicas: number;
  readonly sidecars: number;
}): World {
  return new RotationWorld(counts);
}
