/** What each open stream is given of its own: its scopes, its certificate and the renewals of it. Mutable state. */
import {
  renewalDelayMs,
  type Authority,
  type IssueRefusal,
  type Svid,
  type WorkloadIdentity,
} from '../ca/index.js';
import { fail, ok, type Clock, type Logger, type Result } from '../lib/index.js';
import { spiffeId, type Pod, type PodKey } from '../model/index.js';
import { nodeMetadataKeys } from '../sidecar/index.js';
import type { ResourceChange } from '../xds/index.js';
import { admit, type Refusal } from './identity.js';
import { ownCertificate, streamScope, withoutCertificate } from './secrets.js';
import type { TrustLedger } from './trust-ledger.js';

/** A stream that asks to be let in; its token has been checked. */
export interface Applicant {
  readonly streamId: string;
  readonly identity: WorkloadIdentity;
  readonly nodeId: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** A stream that was let in. */
export interface OpenStream {
  readonly pod: PodKey;
  readonly namespace: string;
  /** Whom it has proved to speak for, `namespace/serviceAccount`: shared by all pods of an account. */
  readonly identity: string;
  /** From far to near. */
  readonly scopes: readonly string[];
  readonly certificateNotAfterMs: number;
  /** When the next one is due. */
  readonly certificateRenewAtMs: number;
  /** Fingerprint of the root behind it. */
  readonly certificateRoot: string;
}

/** The streams. */
export interface Streams {
  open(applicant: Applicant): Promise<Result<OpenStream, Refusal>>;
  close(streamId: string): void;
  /** Asks for everybody's certificate anew, as another root signs now; spread over some seconds. */
  renewAll(): void;
  get(streamId: string): OpenStream | undefined;
}

/** Where the rows and the signatures come from, and where certificates go. */
export interface StreamsOptions {
  readonly authority: Authority;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The pod as the source has it now. */
  readonly podOf: (key: string) => Pod | undefined;
  /** What a pod's sidecar sees, from far to near. */
  readonly scopesOf: (pod: PodKey) => readonly string[];
  readonly publish: (changes: readonly ResourceChange[]) => void;
  readonly ledger: TrustLedger;
  /** Over how much time certificates are renewed when all are, in milliseconds. */
  readonly renewalSpreadMs: number;
  /** Numbers in [0, 1), for that spread; by default the machine's. */
  readonly random?: () => number;
}

interface Held {
  readonly stream: OpenStream;
  readonly cancel: () => void;
  /** Plans the renewal anew. */
  readonly arrange: (delayMs: number) => void;
}

/** The longest path that a Linux system opens, but for its end (PATH_MAX). */
const maxKeyFileLength = 4_095;

/** How long a renewal that failed waits before it is tried again. */
const retryMs = 30_000;

function refusalOf({ code, detail }: IssueRefusal): Refusal {
  const isForNow = code === 'too-many-keys';
  return {
    code: isForNow ? 'resource-exhausted' : 'permission-denied',
    ...{ reason: code, message: detail },
  };
}

function textOf(metadata: Applicant['metadata'], key: string): string | undefined {
  const value = metadata[key];
  return typeof value === 'string' ? value : undefined;
}

/** Streams that nobody has joined yet. */
export function createStreams(options: StreamsOptions): Streams {
  const { authority, clock, logger, ledger, random = Math.random } = options;
  const held = new Map<string, Held>();

  const refuse = (reason: string, message: string): Result<never, Refusal> =>
    fail({ code: 'permission-denied', reason, message });

  const sign = (pod: Pod, csr: string): ReturnType<Authority['issue']> =>
    authority.issue({
      spiffeId: spiffeId(authority.trustDomain, pod.namespace, pod.serviceAccount),
      csr,
      podUid: pod.uid,
    });

  /** Publishes a certificate and arranges for the next one. */
  const install = (streamId: string, pod: Pod, csr: string, keyFile: string, svid: Svid): void => {
    const scopes = held.get(streamId)?.stream.scopes ?? [
      ...options.scopesOf(pod.key),
      streamScope(streamId),
    ];
    const certificate = ownCertificate(streamId, svid, keyFile);
    ledger.gave(streamId, certificate.resource?.version ?? '', svid.root);
    options.publish([certificate]);
    const renew = (): void => {
      if (!held.has(streamId)) return;
      void sign(pod, csr).then(
        (next) => {
          if (!held.has(streamId)) return;
          if (next.ok) {
            install(streamId, pod, csr, keyFile, next.value);
            return;
          }
          logger.error('a certificate could not be renewed', {
            pod: pod.key,
            code: next.error.code,
            detail: next.error.detail,
          });
          arrange(retryMs);
        },
        (error: unknown) => {
          logger.error('a certificate could not be renewed', { pod: pod.key, error });
          arrange(retryMs);
        },
      );
    };
    const arrange = (delayMs: number): void => {
      held.get(streamId)?.cancel();
      held.set(streamId, {
        stream: {
          pod: pod.key,
          namespace: pod.namespace,
          identity: `${pod.namespace}/${pod.serviceAccount}`,
          scopes,
          certificateNotAfterMs: svid.notAfterMs,
          certificateRenewAtMs: svid.renewAtMs,
          certificateRoot: svid.root,
        },
        cancel: clock.after(delayMs, renew),
        arrange,
      });
    };
    arrange(renewalDelayMs(svid, clock.now()));
  };

  return {
    async open(applicant): Promise<Result<OpenStream, Refusal>> {
      const { identity, metadata, streamId } = applicant;
      const name = `${identity.namespace}/${identity.podName}`;
      const pod = admit(identity, applicant.nodeId, options.podOf(name));
      if (!pod.ok) return pod;
      const csr = textOf(metadata, nodeMetadataKeys.csr);
      const keyFile = textOf(metadata, nodeMetadataKeys.keyFile);
      if (csr === undefined || keyFile === undefined) {
        return refuse('no-csr', 'the node’s metadata carries no certificate request or key file');
      }
      // It is kept as long as the stream lives.
      if (keyFile.length > maxKeyFileLength) {
        return refuse(
          'key-file',
          `expected the path of a key file of at most ${String(maxKeyFileLength)} characters, found ${String(keyFile.length)}`,
        );
      }
      const svid = await sign(pod.value, csr);
      if (!svid.ok) return fail(refusalOf(svid.error));
      // Signing takes a while, and the pod may be gone by now.
      const still = admit(identity, applicant.nodeId, options.podOf(name));
      if (!still.ok) return still;
      install(streamId, pod.value, csr, keyFile, svid.value);
      const opened = held.get(streamId);
      return opened === undefined ? refuse('closed', 'the stream has ended') : ok(opened.stream);
    },
    close(streamId): void {
      const found = held.get(streamId);
      if (found === undefined) return;
      found.cancel();
      held.delete(streamId);
      ledger.end(streamId);
      options.publish([withoutCertificate(streamId)]);
    },
    renewAll(): void {
      for (const { arrange } of [...held.values()]) arrange(random() * options.renewalSpreadMs);
    },
    get: (streamId) => held.get(streamId)?.stream,
  };
}
