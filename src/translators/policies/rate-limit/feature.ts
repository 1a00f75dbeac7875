/** `inbound.rateLimit`: how many calls a port lets in, of all callers and of each. */
import type { AuthorizationRuleIr, RateLimitIr } from '../../../ir/index.js';
import type { Rate, RateLimitSetting } from '../../../model/index.js';
import type { InboundPolicy, Reach } from '../../to-ir/attach.js';
import type { Finding } from '../../to-ir/finding.js';
import {
  describe,
  findConflicts,
  ownerOf,
  settle,
  speakersOf,
  type Leaf,
  type Setting,
} from '../../to-ir/settings.js';
import { findSkipped, refusalOfAll } from '../not-http.js';
import { showDuration } from '../show-duration.js';

const section = 'spec.inbound.rateLimit';

/** The numbers of one bucket belong together: half of one policy's and half of another's mean nothing. */
const total: Leaf<RateLimitSetting, NonNullable<RateLimitSetting['total']>> = {
  field: `${section}.requests`,
  get: (says) => says.total,
};
const perIdentity: Leaf<RateLimitSetting, Rate> = {
  field: `${section}.perIdentity`,
  get: (says) => says.perIdentity,
};

/** What one port makes of the number of calls. */
export interface RateLimitDecision {
  readonly rateLimit?: RateLimitIr;
  /** Refusals of what is not HTTP. */
  readonly tcp: readonly AuthorizationRuleIr[];
  readonly findings: readonly Finding[];
}

/** Decides one port from the policies that are enforced on it. */
function decide(
  reaching: readonly { readonly policy: InboundPolicy; readonly reach: Reach }[],
  { port, protocol }: { readonly port?: number; readonly protocol: 'http' | 'tcp' | 'sniff' },
): RateLimitDecision {
  const speakers = speakersOf(reaching, ({ rateLimit }) => rateLimit);
  if (speakers.length === 0) return { tcp: [], findings: [] };
  const findings = findConflicts(speakers, [total, perIdentity]);
  if (protocol === 'tcp') {
    const message = 'calls are counted in HTTP only, and so not on what carries no HTTP';
    const skipped = findSkipped(speakers, port, { field: section, message });
    return { tcp: [], findings: [...findings, ...skipped] };
  }
  const [all, each] = [settle(speakers, total), settle(speakers, perIdentity)];
  const names = [all, each].flatMap((setting) => (setting === undefined ? [] : [nameOf(setting)]));
  const name = [...new Set(names)].join(', ');
  const rateLimit: RateLimitIr = {
    name,
    ...(all === undefined ? {} : { total: all.value }),
    ...(each === undefined ? {} : { perIdentity: each.value }),
    settings: [
      ...describe(all, ({ burst, ...rate }) => {
        const more = burst === 0 ? '' : `, ${String(burst)} more at once`;
        return `rate limit ${showRate(rate)} on each sidecar${more}`;
      }),
      ...describe(each, (rate) => `rate limit ${showRate(rate)} of each caller on each sidecar`),
    ],
  };
  const origins = rateLimit.settings.map(({ origin }) => origin);
  // On a port declared HTTP what is not taken for HTTP would go uncounted.
  return { rateLimit, tcp: protocol === 'http' ? [refusalOfAll(name, origins)] : [], findings };
}

function nameOf(setting: Setting<unknown>): string {
  return `${ownerOf(setting)}/rateLimit`;
}

function showRate({ requests, perMs }: Rate): string {
  return `${String(requests)} per ${showDuration(perMs)}`;
}

/** The feature. */
export const rateLimitFeature: {
  readonly section: typeof section;
  readonly decide: typeof decide;
} = Object.freeze({ section, decide });
