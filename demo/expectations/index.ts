/** Every expectation of the demo, in the order shown. */
import type { Expectation } from '../expectation.js';
import { egressExpectations } from './egress.js';
import { intrudingExpectations } from './intruding.js';
import { reachingExpectations } from './reaching.js';
import { refusingExpectations } from './refusing.js';
import { revokingExpectations } from './revoking.js';
import { routingExpectations } from './routing.js';

export { externalIp, externalPort } from './egress.js';
export { tapWire, type WireTap } from './wire.js';

/** All but the wire tap, which the demo starts before and asks after these. */
export const expectations: readonly Expectation[] = [
  ...reachingExpectations,
  ...refusingExpectations,
  ...routingExpectations,
  ...intrudingExpectations,
  ...egressExpectations,
  ...revokingExpectations,
];
