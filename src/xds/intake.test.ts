/** A service beside discovery, over a real connection: who is let in, and how its streams end. */
import { afterEach, expect, test } from '@jest/globals';
import * as grpc from '@grpc/grpc-js';
import { fail, ok } from '../lib/index.js';
import { makeCertificate, until } from './testing/mesh.js';
import { createOpenings } from './testing/openings.js';
import type { Intake, Refusal } from './transport.js';

const path = '/test.Reports/Stream';
const certificate = makeCertificate();
const { mesh: open, atEnd, closeAll } = createOpenings();
afterEach(closeAll);

interface Client {
  say(text: string): void;
  end(): void;
  cancel(): void;
  readonly ended: Promise<{ readonly code: string; readonly message: string }>;
}

/** A server with an intake that notes what happens, and clients of it over TLS. */
async function rig() {
  const log: string[] = [];
  const ends = new Map<string, (refusal: Refusal) => void>();
  const intake: Intake = {
    path,
    open: (metadata, _peer, end) => {
      const name = metadata.get('authorization') ?? '';
      if (name === '') return Promise.resolve(fail({ code: 'unauthenticated', message: 'no' }));
      ends.set(name, end);
      return Promise.resolve(
        ok({
          take: (bytes: Uint8Array) => {
            const text = Buffer.from(bytes).toString();
            if (text === 'bad') throw new RangeError('expected better');
            log.push(`${name} says ${text}`);
          },
          closed: () => log.push(`${name} closed`),
        }),
      );
    },
  };
  const mesh = await open({ certificate, server: { intakes: [intake] } });
  const connect = (name?: string): Client => {
    const client = new grpc.Client(
      mesh.address,
      grpc.credentials.createSsl(Buffer.from(certificate.certificateChain)),
      { 'grpc.use_local_subchannel_pool': 1 },
    );
    atEnd(() => {
      client.close();
    });
    const metadata = new grpc.Metadata();
    if (name !== undefined) metadata.set('authorization', name);
    const same = (bytes: Buffer): Buffer => bytes;
    let call: grpc.ClientWritableStream<Buffer> | undefined;
    const ended = new Promise<Awaited<Client['ended']>>((resolve) => {
      call = client.makeClientStreamRequest(path, same, same, metadata, () => undefined);
      call.on('status', ({ code, details }) => {
        resolve({ code: grpc.status[code], message: details });
      });
      call.on('error', () => undefined);
    });
    return {
      say: (text) => call?.write(Buffer.from(text)),
      end: () => call?.end(),
      cancel: () => call?.cancel(),
      ended,
    };
  };
  return { log, ends, connect };
}

test('who is not let in is told so, and nothing is opened for him', async () => {
  const { log, connect } = await rig();
  const stranger = connect();
  stranger.say('hello');
  expect(await stranger.ended).toEqual({ code: 'UNAUTHENTICATED', message: 'no' });
  expect(log).toEqual([]);
});

test('a stream is closed once, whether its client ends it or breaks it off', async () => {
  const { log, connect } = await rig();
  const [ends, breaks] = [connect('a'), connect('b')];
  ends.say('1');
  ends.end();
  expect((await ends.ended).code).toBe('OK');
  breaks.say('1');
  await until(() => log.includes('b says 1'));
  breaks.cancel();
  await until(() => log.includes('b closed'));
  expect(log).toEqual(['a says 1', 'a closed', 'b says 1', 'b closed']);
});

test('a stream that is ended from outside is told why, and what it says later is not heard', async () => {
  const { log, ends, connect } = await rig();
  const [one, other] = [connect('a'), connect('b')];
  one.say('1');
  other.say('1');
  await until(() => log.length === 2);
  ends.get('a')?.({ code: 'unauthenticated', message: 'the credentials have expired' });
  one.say('2');
  expect(await one.ended).toEqual({
    code: 'UNAUTHENTICATED',
    message: 'the credentials have expired',
  });
  // Ending what has ended is nothing.
  ends.get('a')?.({ code: 'internal', message: 'again' });
  other.say('2');
  await until(() => log.includes('b says 2'));
  expect(log.filter((word) => word.startsWith('a'))).toEqual(['a says 1', 'a closed']);
});

test('a message that cannot be taken ends its stream', async () => {
  const { log, connect } = await rig();
  const one = connect('a');
  one.say('bad');
  expect(await one.ended).toEqual({ code: 'INVALID_ARGUMENT', message: 'expected better' });
  expect(log).toEqual(['a closed']);
});
