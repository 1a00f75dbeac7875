/** Whether peers will accept what an authority signs: tried by a TLS handshake, before it is taken into use. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { fail, ok, type Result } from '../lib/index.js';
import { signLeaf, type LeafContents } from './leaf.js';
import { randomLabel, type Issuer, type Slot } from './slot.js';

const trialMs = 10_000;

interface Credentials {
  readonly cert: string;
  readonly key: string;
}

function credentials(issuer: Issuer, name: LeafContents['name'], nowMs: number): Credentials {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const leaf = signLeaf(issuer, {
    ...{ name, notBeforeMs: Math.max(nowMs - 60_000, issuer.notBeforeMs) },
    spki: keys.publicKey.export({ format: 'der', type: 'spki' }),
    notAfterMs: Math.min(nowMs + 60_000, issuer.notAfterMs),
    serial: Buffer.from(randomLabel(randomBytes), 'hex'),
  });
  return {
    cert: `${leaf}${issuer.chainPem}`,
    key: keys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

function reasonOf(socket: TLSSocket): string | undefined {
  // Typed as an error, and in truth its code.
  const error: unknown = socket.authorizationError;
  if (socket.authorized) return undefined;
  return error instanceof Error ? error.message : typeof error === 'string' ? error : 'refused';
}

/** Why the server does not believe the client, and the client not the server. */
async function shakeHands(
  root: string,
  server: Credentials,
  client: Credentials,
): Promise<{ readonly ofClient: string | undefined; readonly ofServer: string | undefined }> {
  const [here, there] = duplexPair();
  const listener = createServer({
    ...server,
    ca: root,
    requestCert: true,
    rejectUnauthorized: false,
  });
  const signal = AbortSignal.timeout(trialMs);
  const accepted = once(listener, 'secureConnection', { signal });
  // Where the client fails first, nobody waits for this any more.
  accepted.catch(() => undefined);
  listener.emit('connection', there);
  const socket = connect({
    ...{ socket: here, ...client, ca: root, rejectUnauthorized: false },
    checkServerIdentity: () => undefined,
  });
  try {
    await once(socket, 'secureConnect', { signal });
    const [peer] = (await accepted) as [TLSSocket];
    return { ofClient: reasonOf(peer), ofServer: reasonOf(socket) };
  } finally {
    socket.destroy();
    there.destroy();
  }
}

/**
 * Signs for a workload and for a server, and has OpenSSL verify both as peers will: path lengths, name
 * constraints, key usages, times of the machine's clock. What is wrong comes back in OpenSSL's words.
 */
export async function tryChain(
  { rootPem, workload, server }: Slot,
  trustDomain: string,
  serverName: string,
): Promise<Result<undefined, string>> {
  if (workload === undefined || server === undefined) return fail('an intermediate is missing');
  const nowMs = Date.now();
  const id = `spiffe://${trustDomain}/ns/default/sa/default`;
  try {
    const { ofClient, ofServer } = await shakeHands(
      rootPem,
      credentials(server, { kind: 'dns', names: [serverName] }, nowMs),
      credentials(workload, { kind: 'spiffe', id }, nowMs),
    );
    if (ofClient !== undefined) {
      return fail(`a certificate for ${id} signed by it is refused by others: ${ofClient}`);
    }
    if (ofServer !== undefined) {
      return fail(
        `a certificate for the control plane, ${serverName}, signed by it is refused by others: ${ofServer}`,
      );
    }
    return ok(undefined);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return fail(`no TLS connection comes about with what it signs: ${why}`);
  }
}
