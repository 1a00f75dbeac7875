// Carries connections from the machine's loopback to the API server in the node's network: the listening
// socket was made outside and is handed in, the outgoing connections are made here, inside.
import { connect } from 'node:net';
import { argv } from 'node:process';

const [host, port] = argv.slice(2);

process.once('message', (_, server) => {
  server.on('connection', (socket) => {
    const upstream = connect({ host, port: Number(port) });
    socket.on('error', () => upstream.destroy());
    upstream.on('error', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
    upstream.on('close', () => socket.destroy());
    socket.setNoDelay(true);
    upstream.setNoDelay(true);
    socket.pipe(upstream).pipe(socket);
  });
  process.send('listening', () => process.disconnect());
});
