/** The authority in a control plane: opened with what the command line says, and turned over on what sidecars say. */
import { randomBytes } from 'node:crypto';
import {
  createRotation,
  defaultLifetimes,
  openAuditLog,
  openAuthority,
  type Authority,
  type Evidence,
  type Lifetimes,
  type ReplicaEvidence,
  type Rotation,
} from '../ca/index.js';
import type { ControllerOptions } from '../cli/index.js';
import { createLogger, systemClock, type Logger } from '../lib/index.js';
import type { Metrics } from '../telemetry/index.js';
import type { Mesh } from './mesh.js';
import type { Companions, Platform } from './platform.js';
import { trustBundle } from './secrets.js';

/** Enough for a storm of thousands to be none. */
const longestSpreadMs = 30_000;

function lifetimesOf({ svidTtlSeconds }: ControllerOptions): Lifetimes {
  return { ...defaultLifetimes, leafMs: svidTtlSeconds * 1000 };
}

/** Over how much time everybody's certificate is made anew, when another root signs. */
export function renewalSpreadMs(options: ControllerOptions): number {
  return Math.min(longestSpreadMs, lifetimesOf(options).leafMs / 20);
}

/** Opens the authority; rejects with a `CaError` where it cannot be. */
export async function openTrust(
  options: ControllerOptions,
  platform: Platform,
  metrics: Pick<Metrics, 'certificatesIssued' | 'certificateSeconds' | 'auditLost'>,
  logger: Logger,
): Promise<Authority> {
  // Where no file keeps the audit log, it is in this one whatever else is said there.
  const level = options.logLevel === 'silent' ? 'silent' : 'info';
  const said = platform.auditDirectory === undefined ? createLogger({ level }) : logger;
  const log = openAuditLog({
    ...{ replica: platform.replica, clock: systemClock, randomBytes },
    ...(platform.auditDirectory !== undefined && { directory: platform.auditDirectory }),
    emit: (audit) => {
      said.info('the certificate authority has acted', { audit });
    },
    onLost: (error, isFirst) => {
      metrics.auditLost.inc();
      if (isFirst) logger.error('the audit log cannot be written to its file', { error });
    },
  });
  const authority = await openAuthority({
    store: platform.caStore,
    ...(platform.publishedBundle !== undefined && { publishedBundle: platform.publishedBundle }),
    trustDomain: options.trustDomain,
    clock: systemClock,
    lifetimes: lifetimesOf(options),
    audit: (event) => {
      if (event.kind === 'workload') metrics.certificatesIssued.inc();
      log.write(event);
    },
    warn: ({ code, cause }) => {
      logger.warn('the certificate authority warns', { code, error: cause });
    },
  });
  const issue: Authority['issue'] = async (request) => {
    const stop = metrics.certificateSeconds.startTimer();
    try {
      return await authority.issue(request);
    } finally {
      stop();
    }
  };
  return { ...authority, issue };
}

/** What this replica knows of the sidecars that are connected to it. */
export function ownEvidence(
  { ads, authority, ledger }: Pick<Mesh, 'ads' | 'authority' | 'ledger'>,
  replica: string,
): ReplicaEvidence {
  const bundle = trustBundle(authority.bundle()).resource?.version;
  const sidecars = ads.proxies().map((proxy) => {
    const accepted = ledger.of(proxy.streamId);
    const serverRoot = ads.serverRootOf(proxy);
    return {
      pod: proxy.proxyId,
      hasBundle: accepted.bundle === bundle,
      ...(accepted.certificateRoot !== undefined && { certificateRoot: accepted.certificateRoot }),
      ...(serverRoot !== undefined && { serverRoot }),
    };
  });
  return { replica, move: authority.slots().rotation?.move, sidecars };
}

/** The rotation of the root in this control plane; it rests until `begin`. */
export function openRotation(
  options: ControllerOptions,
  parts: {
    readonly mesh: Mesh;
    readonly platform: Pick<Platform, 'caStore' | 'replica'>;
    readonly companions: Pick<Companions, 'trust'>;
  },
): Rotation {
  const { mesh, platform, companions } = parts;
  const { authority, logger } = mesh;
  const evidence = async (): Promise<Evidence> => {
    const own = ownEvidence(mesh, platform.replica);
    const { replicas, silent } = await companions.trust.exchange(own);
    return {
      ...{ replicas: [own, ...replicas], silent },
      pods: mesh.meshPods(),
      unpublished: await companions.trust.unpublished(),
    };
  };
  return createRotation({
    ...{ authority, store: platform.caStore, clock: systemClock, randomBytes, evidence },
    lifetimes: lifetimesOf(options),
    mayAdvance: () => companions.trust.mayAdvance(),
    onStep: ({ kind, roots }) => {
      logger.warn('the root of trust turns over', { step: kind, ...roots });
    },
    onFailure: (error) => {
      logger.warn('the rotation of the root cannot be looked after', { error });
    },
  });
}
