/** `inbound.connections`: how many connections a port bears at once. */
import type { InboundConnectionsIr } from '../../../ir/index.js';
import type { InboundConnectionsSetting } from '../../../model/index.js';
import type { InboundPolicy, Reach } from '../../to-ir/attach.js';
import type { Finding } from '../../to-ir/finding.js';
import {
  describe,
  findConflicts,
  ownerOf,
  settle,
  speakersOf,
  type Leaf,
} from '../../to-ir/settings.js';

const max: Leaf<InboundConnectionsSetting, number> = {
  field: 'spec.inbound.connections.max',
  get: (says) => says.max,
};

/** What one port makes of the number of connections. */
export interface InboundConnectionsDecision {
  readonly connections?: InboundConnectionsIr;
  readonly findings: readonly Finding[];
}

/** Decides one port from the policies that are enforced on it. */
function decide(
  reaching: readonly { readonly policy: InboundPolicy; readonly reach: Reach }[],
): InboundConnectionsDecision {
  const speakers = speakersOf(reaching, ({ inboundConnections }) => inboundConnections);
  const findings = findConflicts(speakers, [max]);
  const decided = settle(speakers, max);
  if (decided === undefined) return { findings };
  return {
    connections: {
      name: `${ownerOf(decided)}/connections`,
      max: decided.value,
      settings: describe(decided, (value) => `${String(value)} connections at once at most`),
    },
    findings,
  };
}

/** The feature. */
export const inboundConnectionsFeature: { readonly decide: typeof decide } = Object.freeze({
  decide,
});
