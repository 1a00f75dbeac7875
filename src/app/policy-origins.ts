/** Reads which forms of which policies a resource was made from. */
import type { PolicyKey } from '../model/index.js';
import type { XdsResource } from '../xds/index.js';

const policyOrigin = 'TrafficPolicy ';
const none: readonly PolicyOrigin[] = [];

/** One form of a policy. */
export interface PolicyOrigin {
  readonly key: PolicyKey;
  /** Of its spec. */
  readonly hash: string;
}

/** The policies among a resource's origins; empty where none had a part in it. Hot: asked at every ACK. */
export function policiesOf(resource: XdsResource): readonly PolicyOrigin[] {
  let found: PolicyOrigin[] | undefined;
  for (const { object, hash } of resource.origins) {
    if (hash === undefined || !object.startsWith(policyOrigin)) continue;
    const key = object.slice(policyOrigin.length) as PolicyKey;
    if (found === undefined) found = [{ key, hash }];
    else found.push({ key, hash });
  }
  return found ?? none;
}
