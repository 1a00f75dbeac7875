/** A TCP server that speaks first, as MySQL or SMTP do: greets at once, then echoes. */
import { serveTcp } from '../rig/tcp-app.js';

serveTcp(`welcome to ${process.env['SERVICE'] ?? 'tcp-greeting'}\n`);
