/** The intermediates that are requested from elsewhere: their keys wait in the store for the certificates. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { CaError } from './ca-error.js';
import { requestRecord } from './open-slots.js';
import type { CaStore } from './store.js';
import { createIssuerRequest } from './x509.js';

/** The keys of both intermediates. */
export interface IssuerKeys {
  readonly workload: KeyObject;
  readonly server: KeyObject;
}

/** What is requested. */
export interface PendingRequest {
  readonly trustDomain: string;
  /** Both requests, PEM. */
  readonly csrPem: string;
  readonly keys: IssuerKeys;
}

function parse(text: string): PendingRequest {
  try {
    const value: unknown = JSON.parse(text);
    const field = (name: string): string => {
      const found: unknown =
        typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
      if (typeof found !== 'string') throw new Error(`expected ${name}`);
      return found;
    };
    return {
      ...{ trustDomain: field('trustDomain'), csrPem: field('csrPem') },
      keys: {
        workload: createPrivateKey(field('workloadKey')),
        server: createPrivateKey(field('serverKey')),
      },
    };
  } catch {
    // No cause: what stands in the text are keys.
    throw new CaError(
      'CaCorrupt',
      `cannot use ${requestRecord}: it does not parse: request again by skerry ca csr --new`,
    );
  }
}

/** What is requested; undefined when nothing is. */
export async function readPendingRequest(store: CaStore): Promise<PendingRequest | undefined> {
  const text = await store.readRecord(requestRecord);
  return text === undefined ? undefined : parse(text);
}

/** What is requested, from now on if nothing was: who asks twice gets the same requests. */
export async function requestIssuers(store: CaStore, trustDomain: string): Promise<PendingRequest> {
  const pending = await readPendingRequest(store);
  if (pending === undefined) {
    const workload = await createIssuerRequest('workload', trustDomain);
    const server = await createIssuerRequest('server', trustDomain);
    const record = {
      ...{ trustDomain, csrPem: `${workload.csrPem}${server.csrPem}` },
      ...{ workloadKey: workload.keyPem, serverKey: server.keyPem },
    };
    await store.createRecord(requestRecord, JSON.stringify(record));
  }
  const made = pending ?? (await readPendingRequest(store));
  if (made === undefined) throw new CaError('CaStore', 'the request was taken away meanwhile');
  if (made.trustDomain !== trustDomain) {
    throw new CaError(
      'CaMismatch',
      `certificates are requested for trust domain ${made.trustDomain} already, not for ${trustDomain}: begin anew by skerry ca csr --new`,
    );
  }
  return made;
}

/** Forgets what is requested, with its keys. */
export function forgetRequest(store: CaStore): Promise<void> {
  return store.removeRecord(requestRecord);
}
