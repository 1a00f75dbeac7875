/**
 * Opens `argv[4]` connections to `argv[2]`:`argv[3]` and holds them until it is killed: every other one
 * says nothing, the others begin a TLS handshake and do not go on. What is closed is opened again.
 * Prints `open` once all are.
 */
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';

const [, , host = '', port = '', count = ''] = process.argv;
const wanted = Number(count);
const atOnce = 100;

/** The first bytes of a handshake. */
function firstBytes(): Promise<Buffer> {
  return new Promise((resolve) => {
    const wire = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        resolve(chunk);
        done();
      },
    });
    connectTls({ socket: wire, servername: 'skerry.skerry-system.svc', ALPNProtocols: ['h2'] }).on(
      'error',
      () => undefined,
    );
  });
}

const hello = await firstBytes();
let opened = 0;

function open(isSilent: boolean, isOpen: () => void): void {
  const socket = connect(Number(port), host, () => {
    if (!isSilent) socket.write(hello);
    isOpen();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    setTimeout(open, 200, isSilent, () => undefined);
  });
  socket.resume();
}

while (opened < wanted) {
  const batch = Math.min(atOnce, wanted - opened);
  await Promise.all(
    Array.from(
      { length: batch },
      (_, at) =>
        new Promise<void>((resolve) => {
          open(at % 2 === 0, resolve);
        }),
    ),
  );
  opened += batch;
}
console.log('open');
