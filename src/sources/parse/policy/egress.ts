/** `outbound.egress` as the model has it: ports given, blocks canonical. */
import type { EgressEntry, EgressSetting } from '../../../model/index.js';
import { canonicalCidr } from '../address.js';
import type { OutboundEntry } from './outbound-schema.js';

type Entry = NonNullable<OutboundEntry['egress']>;
type AllowEntry = NonNullable<Entry['allow']>[number];

/** The ports of a host that has none written: HTTP and HTTPS. */
const hostPorts: readonly number[] = [80, 443];

/** The setting; undefined when the section says nothing. */
export function toEgressSetting({ mode, allow }: Entry): EgressSetting | undefined {
  if (mode === undefined && allow === undefined) return undefined;
  return {
    ...(mode === undefined ? {} : { mode }),
    ...(allow === undefined ? {} : { allow: allow.flatMap(toEntry) }),
  };
}

/** The schema sees to it that exactly one of host and cidr is there. */
function toEntry({ host, cidr, ports: given }: AllowEntry): readonly EgressEntry[] {
  const ports = given === undefined ? undefined : [...new Set(given)].sort((a, b) => a - b);
  if (host !== undefined) return [{ kind: 'host', host, ports: ports ?? hostPorts }];
  const block = cidr === undefined ? undefined : canonicalCidr(cidr);
  if (block === undefined) return [];
  return [{ kind: 'cidr', cidr: block, ...(ports === undefined ? {} : { ports }) }];
}
