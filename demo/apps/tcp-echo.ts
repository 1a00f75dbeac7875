/** A TCP server in which the client speaks first: sends back what it gets. */
import { serveTcp } from '../rig/tcp-app.js';

serveTcp(undefined);
